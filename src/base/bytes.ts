import { COUNTER_MAX, EPOCH_MAX, type Zxid } from "./zxid.js";

const WORD = 2 ** 32;

/** `Buffer.writeInt32BE` without its checks of value and offset, for where the bounds are known; those take as long again. */
export function putInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** A 64-bit integer that is exact as a number, from -2^53 to 2^53. */
export function putSafeInt64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / WORD);
  putInt32(bytes, at, high);
  putInt32(bytes, at + 4, value - high * WORD);
}

/** `Buffer.readInt32BE` where the bounds are known. */
export function getInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** The bytes at hand do not hold what was asked of them: too short, or a length that cannot be true. */
export class MalformedBytesError extends Error {
  override readonly name = "MalformedBytesError";
}

/** The default of `jute.maxbuffer`: no packet body, string or buffer may be longer, in bytes. */
export const MAX_BUFFER_BYTES = 0xfffff;

/**
 * A cursor over big-endian bytes. Every read checks its bounds and throws `MalformedBytesError` before it allocates,
 * so a hostile length costs nothing. Lengths of strings and buffers follow Jute: -1 is null.
 */
export class ByteReader {
  offset: number;
  end: number;
  bytes: Buffer;
  /** No string or buffer may claim to be longer than this, in bytes. */
  readonly lengthMax: number;

  constructor(bytes: Buffer, offset = 0, end = bytes.length, lengthMax = 2 * MAX_BUFFER_BYTES) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
    this.lengthMax = lengthMax;
  }

  /** Sets the cursor over other bytes, so that one reader serves many messages. */
  over(bytes: Buffer, offset: number, end: number): this {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
    return this;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** Moves past `count` bytes and returns where they began. */
  advance(count: number): number {
    const start = this.offset;
    if (count > this.end - start) {
      throw new MalformedBytesError(`needed ${count} bytes at offset ${start}, ${this.end - start} are left`);
    }
    this.offset = start + count;
    return start;
  }

  int8(): number {
    return ((this.bytes[this.advance(1)] as number) << 24) >> 24;
  }

  bool(): boolean {
    return this.bytes[this.advance(1)] !== 0;
  }

  int32(): number {
    return getInt32(this.bytes, this.advance(4));
  }

  int64(): bigint {
    const start = this.advance(8);
    return (BigInt(getInt32(this.bytes, start)) << 32n) | BigInt(getInt32(this.bytes, start + 4) >>> 0);
  }

  /** A 64-bit value that must be exact as a number (a time, a zxid of this ensemble); -1 and the like are fine. */
  safeInt64(): number {
    const start = this.advance(8);
    const value = getInt32(this.bytes, start) * WORD + (getInt32(this.bytes, start + 4) >>> 0);
    if (!Number.isSafeInteger(value)) {
      throw new MalformedBytesError(
        `64-bit value 0x${this.bytes.toString("hex", start, start + 8)} at offset ${start} exceeds 53 bits`,
      );
    }
    return value;
  }

  zxid(): Zxid {
    const start = this.offset;
    const value = this.safeInt64();
    if (value > EPOCH_MAX * WORD + COUNTER_MAX) {
      throw new MalformedBytesError(`zxid at offset ${start} has an epoch beyond ${EPOCH_MAX}, which is not supported`);
    }
    return value;
  }

  /** Reads and checks the length of a string or buffer; -1 is null. */
  length(): number {
    const start = this.offset;
    const length = this.int32();
    if (length < -1 || length > this.lengthMax) {
      throw new MalformedBytesError(`Unreasonable length = ${length} at offset ${start}`);
    }
    return length;
  }

  /** A view, not a copy: valid as long as the bytes below it are. */
  buffer(): Buffer | null {
    const length = this.length();
    if (length === -1) return null;
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  string(): string | null {
    const length = this.length();
    if (length === -1) return null;
    const start = this.advance(length);
    return this.bytes.toString("utf8", start, start + length);
  }

  /** Reads the count of a vector whose elements take `elementBytesMin` each at the least; -1 is null. */
  count(elementBytesMin: number): number {
    const start = this.offset;
    const count = this.int32();
    if (count < -1 || count * elementBytesMin > this.remaining) {
      throw new MalformedBytesError(
        `Unreasonable length = ${count} of a vector at offset ${start}, ${this.remaining} bytes are left`,
      );
    }
    return count;
  }
}

const SLAB_BYTES = 65_536;
const SLAB_SHARE_BYTES_MAX = SLAB_BYTES / 8;

/**
 * Reads from bytes that will be overwritten: every buffer is a copy, in memory that is taken in large pieces, since a piece
 * of its own takes longer to make than to fill.
 */
export class CopyingReader extends ByteReader {
  private slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  private used = 0;

  override buffer(): Buffer | null {
    const length = this.length();
    if (length === -1) return null;
    const start = this.advance(length);
    if (length > SLAB_SHARE_BYTES_MAX) return Buffer.from(this.bytes.subarray(start, start + length));
    if (this.used + length > SLAB_BYTES) {
      this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.used = 0;
    }
    const at = this.used;
    this.used = at + length;
    this.bytes.copy(this.slab, at, start, start + length);
    return this.slab.subarray(at, at + length);
  }
}

/** Grows as it is written to; `reset` keeps the memory for the next message. Big-endian. */
export class ByteWriter {
  bytes: Buffer;
  offset = 0;

  constructor(capacityBytes = 1024) {
    this.bytes = Buffer.allocUnsafeSlow(capacityBytes);
  }

  reset(): void {
    this.offset = 0;
  }

  /** As `reset`, and gives memory back where it holds more than this. */
  resetKeeping(bytesMax: number): void {
    this.offset = 0;
    if (this.bytes.length > bytesMax) this.bytes = Buffer.allocUnsafeSlow(bytesMax);
  }

  /** What was written so far: a view, valid until the next write or reset. */
  view(): Buffer {
    return this.bytes.subarray(0, this.offset);
  }

  /** What was written so far, in memory of its own. */
  copy(): Buffer {
    return Buffer.from(this.view());
  }

  /** Makes room for `count` bytes, moves past them and returns where they begin. */
  reserve(count: number): number {
    const start = this.offset;
    const end = start + count;
    if (end > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, start);
      this.bytes = grown;
    }
    this.offset = end;
    return start;
  }

  int8(value: number): void {
    const at = this.reserve(1);
    this.bytes[at] = value;
  }

  bool(value: boolean): void {
    const at = this.reserve(1);
    this.bytes[at] = value ? 1 : 0;
  }

  int32(value: number): void {
    const at = this.reserve(4);
    putInt32(this.bytes, at, value);
  }

  int64(value: bigint): void {
    const at = this.reserve(8);
    this.bytes.writeBigInt64BE(BigInt.asIntN(64, value), at);
  }

  safeInt64(value: number): void {
    const at = this.reserve(8);
    putSafeInt64(this.bytes, at, value);
  }

  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  buffer(value: Uint8Array | null): void {
    this.int32(value === null ? -1 : value.length);
    if (value !== null) this.raw(value);
  }

  /**
   * Jute's string: each UTF-16 unit is encoded by itself, so a character above U+FFFF becomes two three-byte
   * surrogates (CESU-8), which is what Java's writer does.
   */
  string(value: string | null): void {
    if (value === null) {
      this.int32(-1);
      return;
    }
    const at = this.reserve(4 + value.length * 3) + 4;
    const bytes = this.bytes;
    let to = at;
    for (let index = 0; index < value.length; index++) {
      const unit = value.charCodeAt(index);
      if (unit < 0x80) {
        bytes[to++] = unit;
      } else if (unit < 0x800) {
        bytes[to++] = 0xc0 | (unit >> 6);
        bytes[to++] = 0x80 | (unit & 0x3f);
      } else {
        bytes[to++] = 0xe0 | (unit >> 12);
        bytes[to++] = 0x80 | ((unit >> 6) & 0x3f);
        bytes[to++] = 0x80 | (unit & 0x3f);
      }
    }
    putInt32(bytes, at - 4, to - at);
    this.offset = to;
  }
}
