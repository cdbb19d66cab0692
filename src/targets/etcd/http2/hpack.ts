import type { ByteWriter } from "../../../base/bytes.js";
import { ERROR_CODE, Http2Error } from "./frames.js";
import { decodeHuffman, encodeHuffman, huffmanBytes } from "./huffman.js";

/** Names in lower case; both are octets, one per UTF-16 unit. */
export type HeaderField = readonly [name: string, value: string];

export interface FieldSink<Context> {
  field(context: Context, name: string, value: string): void;
}

/** The default of SETTINGS_HEADER_TABLE_SIZE. */
export const HEADER_TABLE_BYTES = 4096;
/** RFC 7541 section 4.1: what an entry costs beyond its octets. */
const ENTRY_OVERHEAD_BYTES = 32;
/** No integer in a header block has a reason to exceed this; it keeps sums exact. */
const INTEGER_MAX = 2 ** 28;

/** RFC 7541 appendix A; index 1 is the first. */
const STATIC_TABLE: readonly HeaderField[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

function entryBytes(field: HeaderField): number {
  return field[0].length + field[1].length + ENTRY_OVERHEAD_BYTES;
}

/** The static table followed by the dynamic one, newest entry first (RFC 7541 section 2.3). */
class HeaderTable {
  /** Oldest first, so that a new entry moves none. */
  private readonly dynamic: HeaderField[] = [];
  private bytes = 0;
  private bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get(index: number): HeaderField | undefined {
    if (index <= STATIC_TABLE.length) return STATIC_TABLE[index - 1];
    return this.dynamic[this.dynamic.length - (index - STATIC_TABLE.length)];
  }

  add(field: HeaderField): void {
    const bytes = entryBytes(field);
    this.evictTo(this.bytesMax - bytes);
    if (bytes > this.bytesMax) return;
    this.dynamic.push(field);
    this.bytes += bytes;
  }

  resize(bytesMax: number): void {
    this.bytesMax = bytesMax;
    this.evictTo(bytesMax);
  }

  /** The index of the same field, else minus the index of one with its name, else 0. */
  find(name: string, value: string): number {
    let named = 0;
    const count = STATIC_TABLE.length + this.dynamic.length;
    for (let index = 1; index <= count; index++) {
      const field = this.get(index) as HeaderField;
      if (field[0] !== name) continue;
      if (field[1] === value) return index;
      if (named === 0) named = index;
    }
    return -named;
  }

  private evictTo(bytesMax: number): void {
    while (this.bytes > bytesMax && this.dynamic.length > 0) {
      this.bytes -= entryBytes(this.dynamic.shift() as HeaderField);
    }
  }
}

function compressionError(what: string): Http2Error {
  return new Http2Error(ERROR_CODE.compressionError, `header block: ${what}`);
}

/**
 * The decoder of one connection. Every block the peer sends has to go through it, wanted or not, since blocks change
 * the table the next one refers to.
 */
export class HpackDecoder {
  private readonly table: HeaderTable;
  private readonly tableBytesLimit: number;
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private end = 0;

  constructor(tableBytesMax: number = HEADER_TABLE_BYTES) {
    this.tableBytesLimit = tableBytesMax;
    this.table = new HeaderTable(tableBytesMax);
  }

  /** Hands every field to `sink`; throws `Http2Error` for a block that breaks RFC 7541. */
  decode<Context>(bytes: Buffer, start: number, end: number, sink: FieldSink<Context>, context: Context): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    let fields = 0;
    while (this.at < end) {
      const first = bytes[this.at] as number;
      if ((first & 0xe0) === 0x20) {
        if (fields > 0) throw compressionError("table size update after a field");
        this.resizeTable(this.integer(5));
        continue;
      }
      const field = this.field(first);
      fields++;
      sink.field(context, field[0], field[1]);
    }
  }

  private field(first: number): HeaderField {
    if (first >= 0x80) return this.indexed(this.integer(7));
    const kept = first >= 0x40;
    const nameIndex = this.integer(kept ? 6 : 4);
    const name = nameIndex === 0 ? this.string() : this.indexed(nameIndex)[0];
    const field: HeaderField = [name, this.string()];
    if (kept) this.table.add(field);
    return field;
  }

  private indexed(index: number): HeaderField {
    const field = this.table.get(index);
    if (field === undefined) throw compressionError(`no entry ${index} in the table`);
    return field;
  }

  private resizeTable(bytesMax: number): void {
    if (bytesMax > this.tableBytesLimit) {
      throw compressionError(`table size ${bytesMax} is over the limit ${this.tableBytesLimit}`);
    }
    this.table.resize(bytesMax);
  }

  private octet(): number {
    if (this.at >= this.end) throw compressionError("ends within a field");
    return this.bytes[this.at++] as number;
  }

  /** RFC 7541 section 5.1. */
  private integer(prefixBits: number): number {
    const prefixMax = 2 ** prefixBits - 1;
    let value = this.octet() & prefixMax;
    if (value < prefixMax) return value;
    for (let scale = 1; ; scale *= 128) {
      const octet = this.octet();
      value += (octet & 0x7f) * scale;
      if (value > INTEGER_MAX || scale > INTEGER_MAX) throw compressionError("integer too large");
      if (octet < 0x80) return value;
    }
  }

  private string(): string {
    if (this.at >= this.end) throw compressionError("ends within a field");
    const huffman = (this.bytes[this.at] as number) >= 0x80;
    const length = this.integer(7);
    const start = this.at;
    if (length > this.end - start) throw compressionError("string longer than the block");
    this.at = start + length;
    if (!huffman) return this.bytes.toString("latin1", start, this.at);
    const text = decodeHuffman(this.bytes, start, this.at);
    if (text === undefined) throw compressionError("bad Huffman code");
    return text;
  }
}

/**
 * The encoder of one connection. Every field enters the table when it is first sent, so a request that repeats an
 * earlier one takes one byte per field; `changes` tells whether such bytes can be sent once more as they are.
 */
export class HpackEncoder {
  /** Grows whenever the table changes; equal means that an index still names the same field. */
  changes = 0;
  private readonly table: HeaderTable;
  private readonly huffman: boolean;
  private bytesMax: number;
  /** The smallest size since the last block, which has to be announced (RFC 7541 section 4.2). */
  private smallestToAnnounce: number | undefined;

  constructor(tableBytesMax: number = HEADER_TABLE_BYTES, huffman = false) {
    this.bytesMax = tableBytesMax;
    this.table = new HeaderTable(tableBytesMax);
    this.huffman = huffman;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; more than the default is not made use of. */
  limitTable(bytesMax: number): void {
    const wanted = Math.min(bytesMax, HEADER_TABLE_BYTES);
    if (wanted === this.bytesMax) return;
    this.smallestToAnnounce = Math.min(wanted, this.smallestToAnnounce ?? wanted);
    this.bytesMax = wanted;
    this.table.resize(this.smallestToAnnounce);
    this.table.resize(wanted);
    this.changes++;
  }

  encode(fields: readonly HeaderField[], writer: ByteWriter): void {
    if (this.smallestToAnnounce !== undefined) {
      this.integer(writer, 0x20, 5, this.smallestToAnnounce);
      if (this.bytesMax !== this.smallestToAnnounce) this.integer(writer, 0x20, 5, this.bytesMax);
      this.smallestToAnnounce = undefined;
    }
    for (const field of fields) this.field(writer, field);
  }

  private field(writer: ByteWriter, field: HeaderField): void {
    const index = this.table.find(field[0], field[1]);
    if (index > 0) {
      this.integer(writer, 0x80, 7, index);
      return;
    }
    this.integer(writer, 0x40, 6, -index);
    if (index === 0) this.string(writer, field[0]);
    this.string(writer, field[1]);
    this.table.add(field);
    this.changes++;
  }

  private integer(writer: ByteWriter, pattern: number, prefixBits: number, value: number): void {
    const prefixMax = 2 ** prefixBits - 1;
    if (value < prefixMax) {
      writer.int8(pattern | value);
      return;
    }
    writer.int8(pattern | prefixMax);
    let rest = value - prefixMax;
    for (; rest >= 128; rest = Math.floor(rest / 128)) writer.int8((rest % 128) | 0x80);
    writer.int8(rest);
  }

  private string(writer: ByteWriter, text: string): void {
    if (this.huffman) {
      const length = huffmanBytes(text);
      this.integer(writer, 0x80, 7, length);
      const at = writer.reserve(length);
      encodeHuffman(text, writer.bytes, at);
      return;
    }
    this.integer(writer, 0, 7, text.length);
    const at = writer.reserve(text.length);
    writer.bytes.write(text, at, "latin1");
  }
}
