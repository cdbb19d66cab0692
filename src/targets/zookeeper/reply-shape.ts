import { getInt32, MalformedBytesError } from "../../base/bytes.js";
import { ERROR } from "../../jute/errors.js";
import { OP } from "../../jute/opcodes.js";
import { STAT_BYTES } from "../../jute/records.js";

// The bodies of replies that a load session takes, judged where they stand: nothing is decoded, nothing allocated.

const WORD = 2 ** 32;
const LENGTH_BYTES = 4;
const DATA_LENGTH_OFFSET = 52;
/** Type, done and error of a multi's part, before its body; one without a body ends it. */
export const MULTI_HEADER_BYTES = 9;
export const WRITTEN_PART_BYTES = MULTI_HEADER_BYTES + STAT_BYTES;
const ERROR_PART_BYTES = MULTI_HEADER_BYTES + 4;

/** Of what has one size, in bytes. Throws MalformedBytesError, as all below do. */
export function checkSize(expected: number, start: number, end: number): void {
  if (end - start !== expected) throw new MalformedBytesError(`a reply has ${end - start} bytes and not ${expected}`);
}

/** A string, then `restBytes` more. */
export function checkPath(bytes: Buffer, start: number, end: number, restBytes: number): void {
  if (end - start < LENGTH_BYTES) throw tooShort(start, end);
  checkSize(LENGTH_BYTES + lengthAt(bytes, start) + restBytes, start, end);
}

/** Data, and the stat that says how long they are. */
export function checkValue(bytes: Buffer, start: number, end: number): void {
  if (end - start < LENGTH_BYTES) throw tooShort(start, end);
  const length = lengthAt(bytes, start);
  checkSize(LENGTH_BYTES + length + STAT_BYTES, start, end);
  const said = getInt32(bytes, end - STAT_BYTES + DATA_LENGTH_OFFSET);
  if (said !== length) throw new MalformedBytesError(`a value of ${length} bytes was read, and its stat says ${said}`);
}

/** Names and a stat. */
export function checkList(bytes: Buffer, start: number, end: number): void {
  const stat = end - STAT_BYTES;
  if (stat - start < LENGTH_BYTES) throw tooShort(start, end);
  const count = getInt32(bytes, start);
  let at = start + LENGTH_BYTES;
  for (let each = 0; each < count && at <= stat; each++) {
    // Where the names end too early, what is read of the stat leads beyond it or back.
    const length = at + LENGTH_BYTES > stat ? -1 : getInt32(bytes, at);
    if (length < 0) throw new MalformedBytesError(`a list of ${count} names has only ${each}`);
    at += LENGTH_BYTES + length;
  }
  if (count < 0 || at !== stat) throw new MalformedBytesError(`a list of ${count} names is not as long as its reply`);
}

/** What a transaction of `writes` failed with, 0 where it was applied: then all of its parts are stats, else all are errors. */
export function errorOfMulti(writes: number, bytes: Buffer, start: number, end: number): number {
  if (end - start < ERROR_PART_BYTES) throw tooShort(start, end);
  const applied = getInt32(bytes, start) !== OP.error;
  checkSize((applied ? WRITTEN_PART_BYTES : ERROR_PART_BYTES) * writes + MULTI_HEADER_BYTES, start, end);
  if (applied) return ERROR.OK;
  for (let part = 0; part < writes; part++) {
    const error = getInt32(bytes, start + part * ERROR_PART_BYTES + MULTI_HEADER_BYTES);
    if (error !== ERROR.OK) return error;
  }
  throw new MalformedBytesError("a transaction failed without an error");
}

export function zxidAt(bytes: Buffer, offset: number): number {
  return getInt32(bytes, offset) * WORD + (getInt32(bytes, offset + 4) >>> 0);
}

/** Of a string or data: null is as long as an empty one. */
function lengthAt(bytes: Buffer, offset: number): number {
  return Math.max(0, getInt32(bytes, offset));
}

function tooShort(start: number, end: number): MalformedBytesError {
  return new MalformedBytesError(`a reply of ${end - start} bytes is too short for what was asked`);
}
