import type { SharedRegion } from "../../../workers/load-shared.js";
import { wholeLines } from "./cache-lines.js";

const WAITERS = 0;
const GIVEN = 1;
const TAKEN = 2;
const HEADER_WORDS = 4;

/** Words of a `WaitingWords` of this capacity. */
export function waitingWords(capacity: number): number {
  return wholeLines(HEADER_WORDS + 2 * capacity);
}

/**
 * Who waits for one resource, and since when it has been given up for them: a ring of the times at which releases began
 * that someone waited for, so that a grant is measured from the release that made it possible. `capacity` is how many
 * releases may be without their grants at a time: as many as there may be holders.
 */
export class WaitingWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly at: number;
  private readonly timesAt: number;
  private readonly capacity: number;

  /** `at` is the first word, of a whole cache line. */
  constructor(region: SharedRegion, at: number, capacity: number) {
    this.words = region.words;
    this.longs = region.longs;
    this.at = at;
    this.timesAt = (at + HEADER_WORDS) / 2;
    this.capacity = capacity;
  }

  add(change: 1 | -1): void {
    Atomics.add(this.words, this.at + WAITERS, change);
  }

  get waiters(): number {
    return Atomics.load(this.words, this.at + WAITERS);
  }

  /** A holder begins to give the resource up. Where nobody waits, the next grant is nobody's hand-over. */
  give(nowMicros: number): void {
    if (this.waiters === 0) {
      this.forget();
      return;
    }
    const number = Atomics.add(this.words, this.at + GIVEN, 1);
    Atomics.store(this.longs, this.slot(number), BigInt(Math.round(nowMicros)));
  }

  /** What was given up is not to be measured from: the resource was lost, not released. */
  forget(): void {
    Atomics.store(this.words, this.at + TAKEN, Atomics.load(this.words, this.at + GIVEN));
  }

  /** The grant of what was given up first: when that was, or 0 where this grant waited for no release. */
  take(): number {
    for (;;) {
      const taken = Atomics.load(this.words, this.at + TAKEN);
      if (taken === Atomics.load(this.words, this.at + GIVEN)) return 0;
      if (Atomics.compareExchange(this.words, this.at + TAKEN, taken, taken + 1) !== taken) continue;
      // 0: a newer release took the slot over, or its time is not written yet.
      const micros = Number(Atomics.exchange(this.longs, this.slot(taken), 0n));
      if (micros !== 0) return micros;
    }
  }

  private slot(number: number): number {
    return this.timesAt + ((number >>> 0) % this.capacity);
  }
}
