import { assert } from "./assert.js";

/**
 * A zxid is 64 bits: the epoch in the high word, a counter in the low one. Here it is a plain number, exact while
 * epoch < 2^21; a foreign zxid beyond that is refused where it is read, see `ByteReader.zxid`.
 */
export type Zxid = number;

export const EPOCH_MAX = 2 ** 21 - 1;
export const COUNTER_MAX = 0xffff_ffff;
const WORD = 2 ** 32;

export function makeZxid(epoch: number, counter: number): Zxid {
  assert(epoch >= 0 && epoch <= EPOCH_MAX, `epoch out of range: ${epoch}`);
  assert(counter >= 0 && counter <= COUNTER_MAX, `zxid counter out of range: ${counter}`);
  return epoch * WORD + counter;
}

export function epochOf(zxid: Zxid): number {
  return Math.floor(zxid / WORD);
}

export function counterOf(zxid: Zxid): number {
  return zxid - Math.floor(zxid / WORD) * WORD;
}

/**
 * Whether a log may go on with `next` behind `last`. Every zxid a leader gives out is logged, that of a failed request as
 * an error, so within an epoch none is left out and each epoch begins at 1. This finds a lost log file, and a snapshot
 * too old for the logs that are still there.
 */
export function isNextZxid(last: Zxid, next: Zxid): boolean {
  return next === last + 1 || (epochOf(next) > epochOf(last) && counterOf(next) === 1);
}

/** Lower-case hexadecimal without prefix or padding, as in the names of log and snapshot files. */
export function formatZxid(zxid: Zxid): string {
  return zxid < 0 ? (BigInt(zxid) & 0xffff_ffff_ffff_ffffn).toString(16) : zxid.toString(16);
}
