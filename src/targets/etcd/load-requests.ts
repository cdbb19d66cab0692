import type { ByteWriter } from "../../base/bytes.js";
import type { NumberedKeys } from "./keys.js";
import { COMPARE_TARGET } from "./messages.js";
import { varintLength, WIRE, writeLengthTag, writeTag, writeVarint } from "./protobuf.js";

// Requests of load, written field by field (names and numbers: messages.ts), without an object.

const KEY = 1;
const RANGE = { end: 2, serializable: 7, keysOnly: 8, countOnly: 9 } as const;
const PUT_VALUE = 2;
const COMPARE = { target: 2, key: 3, modRevision: 6 } as const;
const TXN = { compare: 1, success: 2 } as const;
const REQUEST_PUT = 2;

export function writeKey(writer: ByteWriter, keys: NumberedKeys, number: number): void {
  writeLengthTag(writer, KEY, keys.lengthBytes);
  keys.write(writer, number);
}

export function writeSerializable(writer: ByteWriter): void {
  writeFlag(writer, RANGE.serializable);
}

/** The rest of a range that asks whether a key is there, behind the key. */
export function writeCountOnly(writer: ByteWriter): void {
  writeFlag(writer, RANGE.serializable);
  writeFlag(writer, RANGE.countOnly);
}

/** A range over all keys from `from` to before `end`, without their values. */
export function writeListing(writer: ByteWriter, from: Buffer, end: Buffer): void {
  writeBytes(writer, KEY, from, from.length);
  writeBytes(writer, RANGE.end, end, end.length);
  writeFlag(writer, RANGE.serializable);
  writeFlag(writer, RANGE.keysOnly);
}

/** A PutRequest with the first `bytes` bytes of `value`. */
export function writePut(writer: ByteWriter, keys: NumberedKeys, number: number, value: Buffer, bytes: number): void {
  writeKey(writer, keys, number);
  writeBytes(writer, PUT_VALUE, value, bytes);
}

/** One of a transaction's writes. */
export function writeTransactionPut(
  writer: ByteWriter,
  keys: NumberedKeys,
  number: number,
  value: Buffer,
  bytes: number,
): void {
  const put = fieldLength(KEY, keys.lengthBytes) + fieldLength(PUT_VALUE, bytes);
  writeLengthTag(writer, TXN.success, fieldLength(REQUEST_PUT, put));
  writeLengthTag(writer, REQUEST_PUT, put);
  writePut(writer, keys, number, value, bytes);
}

/** A transaction's condition: that the key was last written at this revision. */
export function writeUnchanged(writer: ByteWriter, keys: NumberedKeys, number: number, revision: number): void {
  // Every tag here takes one byte, and so does the target; "equal" is 0, which is not written.
  const length = 2 + fieldLength(COMPARE.key, keys.lengthBytes) + 1 + varintLength(revision);
  writeLengthTag(writer, TXN.compare, length);
  writeTag(writer, COMPARE.target, WIRE.varint);
  writeVarint(writer, COMPARE_TARGET.mod);
  writeLengthTag(writer, COMPARE.key, keys.lengthBytes);
  keys.write(writer, number);
  writeTag(writer, COMPARE.modRevision, WIRE.varint);
  writeVarint(writer, revision);
}

function fieldLength(field: number, length: number): number {
  return varintLength(field * 8 + WIRE.bytes) + varintLength(length) + length;
}

function writeFlag(writer: ByteWriter, field: number): void {
  writeTag(writer, field, WIRE.varint);
  writer.int8(1);
}

function writeBytes(writer: ByteWriter, field: number, value: Buffer, bytes: number): void {
  writeLengthTag(writer, field, bytes);
  const at = writer.reserve(bytes);
  value.copy(writer.bytes, at, 0, bytes);
}
