import type { SharedRegion } from "../../../workers/load-shared.js";

/** Words of one lock: a cache line, so that locks do not disturb each other. */
export const LOCK_WORDS = 16;
const HOLDERS = 0;
const WAITERS = 1;
const RELEASED_AT = 1;
const TOKEN = 2;

/** What the contenders for one lock know together. */
export class LockWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly at: number;
  private readonly longAt: number;

  constructor(region: SharedRegion, index: number) {
    this.words = region.words;
    this.longs = region.longs;
    this.at = index * LOCK_WORDS;
    this.longAt = this.at / 2;
  }

  /** Returns how many waited before. */
  addWaiter(change: 1 | -1): number {
    return Atomics.add(this.words, this.at + WAITERS, change);
  }

  get waiters(): number {
    return Atomics.load(this.words, this.at + WAITERS);
  }

  /** Called after a grant arrived: returns how many held it already, which must be 0. */
  enter(): number {
    return Atomics.add(this.words, this.at + HOLDERS, 1);
  }

  /** Called before the release is sent, so that the next holder cannot be granted the lock while this one still counts. */
  leave(): void {
    Atomics.sub(this.words, this.at + HOLDERS, 1);
  }

  /** Stores the token of this grant and returns the one before it, -1 before the first. */
  exchangeToken(token: number): number {
    return Number(Atomics.exchange(this.longs, this.longAt + TOKEN, BigInt(token) + 1n)) - 1;
  }

  /** Stores when a release began that someone waited for (0: none) and returns what was stored before. */
  exchangeReleasedAt(micros: number): number {
    return Number(Atomics.exchange(this.longs, this.longAt + RELEASED_AT, BigInt(Math.round(micros))));
  }
}
