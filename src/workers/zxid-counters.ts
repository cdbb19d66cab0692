import { counterOf, epochOf, makeZxid, type Zxid } from "../base/zxid.js";

/** How far each stage has come; every stage has one owner, the only thread that may advance it. */
export const ZXID_STAGES = ["proposed", "logged", "committed", "applied"] as const;
export type ZxidStage = (typeof ZXID_STAGES)[number];

/** One cache line per stage, so that two owners never write to the same line. */
const LINE_WORDS = 16;
/** The epoch is kept twice, around the counter; see `read`. */
const EPOCH_FIRST = 0;
const COUNTER = 1;
const EPOCH_LAST = 2;

/**
 * The zxid counters that the threads of one server share. A zxid does not fit into one 32-bit word, and wider atomics
 * would be BigInt, so a reader must not see the epoch of one value with the counter of another. The owner stores the
 * first epoch, the counter, the last epoch; a reader loads them in the opposite order and tries again while the two
 * epochs differ (Lamport, "Concurrent Reading and Writing", 1977). If it finds the old epoch in the first word after it
 * read the counter, the owner had not yet begun to change epochs, so the counter is of the old epoch; if it finds the
 * new epoch in the last word before it read the counter, the owner had finished, so the counter is of the new one.
 * Epochs only grow, so equal words are the same epoch.
 */
export class ZxidCounters {
  readonly shared: SharedArrayBuffer;
  private readonly words: Uint32Array;

  /** Give the `shared` of one to the others; without it, a new set begins, all at 0. */
  constructor(shared = new SharedArrayBuffer(ZXID_STAGES.length * LINE_WORDS * Uint32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.words = new Uint32Array(shared);
  }

  read(stage: ZxidStage): Zxid {
    const line = ZXID_STAGES.indexOf(stage) * LINE_WORDS;
    for (;;) {
      const epoch = Atomics.load(this.words, line + EPOCH_LAST);
      const counter = Atomics.load(this.words, line + COUNTER);
      if (Atomics.load(this.words, line + EPOCH_FIRST) === epoch) return makeZxid(epoch, counter);
    }
  }

  /** Called by the owner of `stage` only. */
  advance(stage: ZxidStage, zxid: Zxid): void {
    const line = ZXID_STAGES.indexOf(stage) * LINE_WORDS;
    const epoch = epochOf(zxid);
    const sameEpoch = this.words[line + EPOCH_FIRST] === epoch;
    if (!sameEpoch) Atomics.store(this.words, line + EPOCH_FIRST, epoch);
    Atomics.store(this.words, line + COUNTER, counterOf(zxid));
    if (!sameEpoch) Atomics.store(this.words, line + EPOCH_LAST, epoch);
  }
}
