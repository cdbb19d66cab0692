import { assert } from "../base/assert.js";
import type { ByteReader, ByteWriter } from "../base/bytes.js";
import { MalformedBytesError } from "../base/bytes.js";
import type { Zxid } from "../base/zxid.js";

/** How one type stands on the wire. `bytesMin` bounds what a vector of it may claim to hold. */
export interface Codec<T> {
  readonly bytesMin: number;
  read(reader: ByteReader): T;
  write(writer: ByteWriter, value: T): void;
}

export type ValueOf<C> = C extends Codec<infer T> ? T : never;

export const bool: Codec<boolean> = {
  bytesMin: 1,
  read: (reader) => reader.bool(),
  write: (writer, value) => writer.bool(value),
};

export const int: Codec<number> = {
  bytesMin: 4,
  read: (reader) => reader.int32(),
  write: (writer, value) => writer.int32(value),
};

/** A 64-bit value that is not ours to interpret: a session id, a password seed, an ephemeral owner. */
export const long: Codec<bigint> = {
  bytesMin: 8,
  read: (reader) => reader.int64(),
  write: (writer, value) => writer.int64(value),
};

/** A 64-bit value that is exact as a number: a time in milliseconds, a configuration version. */
export const safeLong: Codec<number> = {
  bytesMin: 8,
  read: (reader) => reader.safeInt64(),
  write: (writer, value) => writer.safeInt64(value),
};

export const zxid: Codec<Zxid> = {
  bytesMin: 8,
  read: (reader) => reader.zxid(),
  write: (writer, value) => writer.safeInt64(value),
};

/** A string that must be there. */
export const ustring: Codec<string> = {
  bytesMin: 4,
  read: (reader) => {
    const value = reader.string();
    if (value === null) throw new MalformedBytesError(`null string at offset ${reader.offset - 4}`);
    return value;
  },
  write: (writer, value) => writer.string(value),
};

export const nullableUstring: Codec<string | null> = {
  bytesMin: 4,
  read: (reader) => reader.string(),
  write: (writer, value) => writer.string(value),
};

/** Bytes or null. What is read is a view of the packet: copy it to keep it. */
export const buffer: Codec<Uint8Array | null> = {
  bytesMin: 4,
  read: (reader) => reader.buffer(),
  write: (writer, value) => writer.buffer(value),
};

/** Null is read as the empty vector, and the empty vector is written as such. */
export function vector<T>(element: Codec<T>): Codec<readonly T[]> {
  assert(element.bytesMin > 0, "elements take room, or their count would not be bounded by the bytes there are");
  return {
    bytesMin: 4,
    read: (reader) => {
      const count = reader.count(element.bytesMin);
      const values: T[] = [];
      for (let index = 0; index < count; index++) values.push(element.read(reader));
      return values;
    },
    write: (writer, values) => {
      writer.int32(values.length);
      for (const value of values) element.write(writer, value);
    },
  };
}

/** As `vector`, with null kept apart from empty. */
export function nullableVector<T>(element: Codec<T>): Codec<readonly T[] | null> {
  const present = vector(element);
  return {
    bytesMin: 4,
    read: (reader) => {
      if (reader.count(element.bytesMin) === -1) return null;
      reader.offset -= 4;
      return present.read(reader);
    },
    write: (writer, values) => (values === null ? writer.int32(-1) : present.write(writer, values)),
  };
}

type Fields = Readonly<Record<string, Codec<never> | Codec<unknown>>>;
type RecordOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** Fields inline, in the order given; no tags, no padding. */
export function record<const F extends Fields>(fields: F): Codec<RecordOf<F>> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][];
  const bytesMin = entries.reduce((sum, [, codec]) => sum + codec.bytesMin, 0);
  return {
    bytesMin,
    read: (reader) => {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.read(reader);
      return value as RecordOf<F>;
    },
    write: (writer, value) => {
      for (const [name, codec] of entries) codec.write(writer, (value as Record<string, unknown>)[name]);
    },
  };
}

/** No bytes at all: the body of a ping. */
export const empty: Codec<null> = { bytesMin: 0, read: () => null, write: () => undefined };
