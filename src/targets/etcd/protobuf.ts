import { type ByteWriter, MalformedBytesError } from "../../base/bytes.js";

/** The wire types of Protocol Buffers; the deprecated groups (3 and 4) are not part of proto3. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const VARINT_BYTES_MAX = 10;

// -- writing

/** `value` is a non-negative safe integer. */
export function writeVarint(writer: ByteWriter, value: number): void {
  let rest = value;
  for (; rest >= 128; rest = rest > 0x7fff_ffff ? Math.floor(rest / 128) : rest >>> 7) {
    writer.int8((rest & 0x7f) | 0x80);
  }
  writer.int8(rest);
}

/** How many bytes `writeVarint` takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Negative numbers take ten bytes, as two's complement of 64 bits. */
export function writeVarintBig(writer: ByteWriter, value: bigint): void {
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) writer.int8(Number(rest & 0x7fn) | 0x80);
  writer.int8(Number(rest));
}

export function writeTag(writer: ByteWriter, field: number, wireType: number): void {
  writeVarint(writer, field * 8 + wireType);
}

/** The tag and length of a field whose `length` bytes follow. */
export function writeLengthTag(writer: ByteWriter, field: number, length: number): void {
  writeTag(writer, field, WIRE.bytes);
  writeVarint(writer, length);
}

/**
 * Puts the length before a nested message that began at `start`, with one byte kept for it before. Most lengths fit
 * that byte; a longer message is moved.
 */
function endNested(writer: ByteWriter, start: number): void {
  const length = writer.offset - start;
  const lengthBytes = varintLength(length);
  const end = writer.offset;
  if (lengthBytes > 1) {
    writer.reserve(lengthBytes - 1);
    writer.bytes.copyWithin(start + lengthBytes - 1, start, end);
  }
  const last = writer.offset;
  writer.offset = start - 1;
  writeVarint(writer, length);
  writer.offset = last;
}

// -- reading

/** A cursor over one message. Every read checks its bounds and throws `MalformedBytesError`. */
export class ProtobufReader {
  bytes: Buffer;
  offset: number;
  end: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
  }

  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
  }

  /** A varint that must be exact as a number: below 2^53. */
  varint(): number {
    const start = this.offset;
    const bytes = this.bytes;
    let at = start;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= this.end) throw this.malformed("ends within a varint");
      const octet = bytes[at++] as number;
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) break;
      if (at - start === VARINT_BYTES_MAX) throw this.malformed("a varint of more than 10 bytes");
    }
    if (value > Number.MAX_SAFE_INTEGER) throw this.malformed("a number beyond 53 bits");
    this.offset = at;
    return value;
  }

  varintBig(): bigint {
    let value = 0n;
    const start = this.offset;
    this.passVarint();
    for (let at = this.offset - 1; at >= start; at--) value = (value << 7n) | BigInt((this.bytes[at] as number) & 0x7f);
    return BigInt.asUintN(64, value);
  }

  /** Reads the length of a field and checks that its bytes are there; returns it. */
  length(): number {
    const length = this.varint();
    if (length > this.end - this.offset) throw this.malformed(`a field of ${length} bytes`);
    return length;
  }

  /** Passes over a field whose tag was read, unknown or not wanted. */
  discard(wireType: number): void {
    switch (wireType) {
      case WIRE.varint:
        this.passVarint();
        break;
      case WIRE.bytes: {
        const length = this.length();
        this.offset += length;
        break;
      }
      case WIRE.fixed64:
        this.passBytes(8);
        break;
      case WIRE.fixed32:
        this.passBytes(4);
        break;
      default:
        throw this.malformed(`wire type ${wireType}`);
    }
  }

  malformed(what: string): MalformedBytesError {
    return new MalformedBytesError(`protobuf: ${what} at offset ${this.offset}, the message ends at ${this.end}`);
  }

  private passVarint(): void {
    for (let count = 1; ; count++) {
      if (this.offset >= this.end) throw this.malformed("ends within a varint");
      if ((this.bytes[this.offset++] as number) < 0x80) return;
      if (count === VARINT_BYTES_MAX) throw this.malformed("a varint of more than 10 bytes");
    }
  }

  private passBytes(count: number): void {
    if (count > this.end - this.offset) throw this.malformed(`a field of ${count} bytes`);
    this.offset += count;
  }
}

// -- messages by their fields

/** How a value of one type is written and read; `zero` is what an absent field means. */
export interface Codec<Value> {
  readonly wireType: number;
  readonly zero: Value;
  isZero(value: Value): boolean;
  write(writer: ByteWriter, value: Value): void;
  read(reader: ProtobufReader): Value;
}

const NO_BYTES = Buffer.alloc(0);

/** Read as a view of the message: copy what outlives it. */
export const bytes: Codec<Buffer> = {
  wireType: WIRE.bytes,
  zero: NO_BYTES,
  isZero: (value) => value.length === 0,
  write(writer, value) {
    writeVarint(writer, value.length);
    writer.raw(value);
  },
  read(reader) {
    const length = reader.length();
    reader.offset += length;
    return reader.bytes.subarray(reader.offset - length, reader.offset);
  },
};

export const string: Codec<string> = {
  wireType: WIRE.bytes,
  zero: "",
  isZero: (value) => value === "",
  write: (writer, value) => bytes.write(writer, Buffer.from(value, "utf8")),
  read: (reader) => bytes.read(reader).toString("utf8"),
};

/** int64, uint64 or an enum whose values are non-negative and below 2^53: revisions, counts. */
export const number: Codec<number> = {
  wireType: WIRE.varint,
  zero: 0,
  isZero: (value) => value === 0,
  write: writeVarint,
  read: (reader) => reader.varint(),
};

/** int64: what may be negative, as a time to live is. */
export const signed: Codec<number> = {
  wireType: WIRE.varint,
  zero: 0,
  isZero: (value) => value === 0,
  write: (writer, value) => writeVarintBig(writer, BigInt(value)),
  read: (reader) => Number(BigInt.asIntN(64, reader.varintBig())),
};

/** int64 or uint64 that uses all its bits: ids of leases and members. As unsigned. */
export const id: Codec<bigint> = {
  wireType: WIRE.varint,
  zero: 0n,
  isZero: (value) => value === 0n,
  write: writeVarintBig,
  read: (reader) => reader.varintBig(),
};

export const bool: Codec<boolean> = {
  wireType: WIRE.varint,
  zero: false,
  isZero: (value) => !value,
  write: (writer, value) => writer.int8(value ? 1 : 0),
  read: (reader) => reader.varintBig() !== 0n,
};

export interface Field<Value> {
  readonly number: number;
  readonly wireType: number;
  /** The value of a message that lacks the field. */
  absent(): Value;
  /** Writes the field with its tag, or nothing where it is absent. */
  write(writer: ByteWriter, value: Value): void;
  /** Reads one occurrence; `before` is what the earlier ones, or `absent`, came to. */
  read(reader: ProtobufReader, before: Value): Value;
}

/** A singular field; proto3 does not send a zero. */
export function one<Value>(number: number, codec: Codec<Value>): Field<Value> {
  return {
    number,
    wireType: codec.wireType,
    absent: () => codec.zero,
    write(writer, value) {
      if (codec.isZero(value)) return;
      writeTag(writer, number, codec.wireType);
      codec.write(writer, value);
    },
    read: (reader) => codec.read(reader),
  };
}

/** A nested message, or a branch of a oneof: undefined where it is not there. */
export function maybe<Value>(number: number, codec: Codec<Value>): Field<Value | undefined> {
  return {
    number,
    wireType: codec.wireType,
    absent: () => undefined,
    write(writer, value) {
      if (value === undefined) return;
      writeTag(writer, number, codec.wireType);
      codec.write(writer, value);
    },
    read: (reader) => codec.read(reader),
  };
}

export function many<Value>(number: number, codec: Codec<Value>): Field<Value[]> {
  return {
    number,
    wireType: codec.wireType,
    absent: () => [],
    write(writer, values) {
      for (const value of values) {
        writeTag(writer, number, codec.wireType);
        codec.write(writer, value);
      }
    },
    read(reader, before) {
      before.push(codec.read(reader));
      return before;
    },
  };
}

type Shape = Readonly<Record<string, Field<unknown>>>;
type ValueOf<Fields> = { [Name in keyof Fields]: Fields[Name] extends Field<infer Value> ? Value : never };

/** A message by its fields: written and read as a plain object. Fields it does not know are passed over. */
export class MessageType<Fields extends Shape> implements Codec<ValueOf<Fields>> {
  readonly wireType = WIRE.bytes;
  private readonly names: readonly (keyof Fields & string)[];
  private readonly fields: Fields;

  constructor(fields: Fields) {
    this.fields = fields;
    this.names = Object.keys(fields);
  }

  get zero(): ValueOf<Fields> {
    return this.make({});
  }

  isZero(): boolean {
    return false;
  }

  /** A value with the fields given; the others are absent. */
  make(given: Partial<ValueOf<Fields>>): ValueOf<Fields> {
    const value: Record<string, unknown> = {};
    for (const name of this.names) value[name] = given[name] ?? this.fieldOf(name).absent();
    return value as ValueOf<Fields>;
  }

  /** The message with nothing around it. */
  encode(writer: ByteWriter, value: ValueOf<Fields>): void {
    for (const name of this.names) this.fieldOf(name).write(writer, value[name]);
  }

  decode(bytes: Buffer, start = 0, end = bytes.length): ValueOf<Fields> {
    return this.decodeFrom(new ProtobufReader(bytes, start, end));
  }

  write(writer: ByteWriter, value: ValueOf<Fields>): void {
    const start = writer.reserve(1) + 1;
    this.encode(writer, value);
    endNested(writer, start);
  }

  read(reader: ProtobufReader): ValueOf<Fields> {
    const length = reader.length();
    reader.offset += length;
    return this.decode(reader.bytes, reader.offset - length, reader.offset);
  }

  private decodeFrom(reader: ProtobufReader): ValueOf<Fields> {
    const value = this.make({}) as Record<string, unknown>;
    while (reader.offset < reader.end) {
      const tag = reader.varint();
      const name = this.names.find((candidate) => this.fieldOf(candidate).number * 8 === tag - (tag % 8));
      if (name === undefined || this.fieldOf(name).wireType !== tag % 8) reader.discard(tag % 8);
      else value[name] = this.fieldOf(name).read(reader, value[name]);
    }
    return value as ValueOf<Fields>;
  }

  private fieldOf(name: keyof Fields & string): Field<unknown> {
    return this.fields[name] as Field<unknown>;
  }
}

export type MessageOf<Type> = Type extends MessageType<infer Fields> ? ValueOf<Fields> : never;
