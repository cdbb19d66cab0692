/** Who wrote a value, and which of its writes it was: what is read can be told from any other write of the run. */
export interface Stamp {
  readonly key: number;
  /** The number of the connection, or `INITIAL_WRITER`. */
  readonly writer: number;
  /** Of the writer's writes, counted from 1; 0 of what was there before. */
  readonly sequence: number;
}

const RADIX = 36;
const KEY_DIGITS = 8;
const WRITER_DIGITS = 5;
const SEQUENCE_DIGITS = 8;

/** Who writes what exists before the first operation. */
export const INITIAL_WRITER = RADIX ** WRITER_DIGITS - 1;

const digits = (number: number, count: number): string => number.toString(RADIX).padStart(count, "0");

/** Where the digits that change from write to write begin in a stamp. */
export const SEQUENCE_AT = KEY_DIGITS + 1 + WRITER_DIGITS + 1;

/** What `stampText` has from `SEQUENCE_AT` on. */
export function sequenceText(sequence: number): string {
  return `${digits(sequence, SEQUENCE_DIGITS)}:`;
}

/** What a value begins with, in ASCII: `key:writer:sequence:`. */
export function stampText({ key, writer, sequence }: Stamp): string {
  return `${digits(key, KEY_DIGITS)}:${digits(writer, WRITER_DIGITS)}:${sequenceText(sequence)}`;
}

/** Both it and `SEQUENCE_AT` are multiples of 3, so that base64 of a value has them at places of its own. */
export const STAMP_BYTES = SEQUENCE_AT + SEQUENCE_DIGITS + 1;

const STAMP = /^([0-9a-z]{8}):([0-9a-z]{5}):([0-9a-z]{8}):$/;

/** Undefined where it is none. */
export function parseStamp(text: string): Stamp | undefined {
  const match = STAMP.exec(text);
  if (match === null) return undefined;
  const [key, writer, sequence] = [1, 2, 3].map((group) => Number.parseInt(match[group]!, RADIX));
  return { key: key!, writer: writer!, sequence: sequence! };
}

/** What follows the stamp, the same in every value: ASCII. */
export function filling(valueBytes: number): string {
  const unit = "0123456789abcdefghijklmnopqrstuvwxyz";
  const bytes = valueBytes - STAMP_BYTES;
  return unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);
}

/** ASCII, as long as asked for, which is `STAMP_BYTES` at the least. */
export function stampedValue(stamp: Stamp, valueBytes: number): string {
  return stampText(stamp) + filling(valueBytes);
}
