import type { SharedRegion } from "../../../workers/load-shared.js";
import { wholeLines } from "../contention/cache-lines.js";

const HOLDERS = 0;
const TOKEN = 1;
/** Words of one lock. */
export const LOCK_WORDS = wholeLines(4);

/** What the contenders for one exclusive lock know together of its holders. */
export class LockWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly at: number;
  private readonly longAt: number;

  /** `at` is the first word, of a whole cache line. */
  constructor(region: SharedRegion, at: number) {
    this.words = region.words;
    this.longs = region.longs;
    this.at = at;
    this.longAt = at / 2;
  }

  /** Returns how many held it already, which must be 0. */
  enter(): number {
    return Atomics.add(this.words, this.at + HOLDERS, 1);
  }

  leave(): void {
    Atomics.sub(this.words, this.at + HOLDERS, 1);
  }

  /** Stores the token of this grant and returns the one before it, -1 before the first. */
  exchangeToken(token: number): number {
    return Number(Atomics.exchange(this.longs, this.longAt + TOKEN, BigInt(token) + 1n)) - 1;
  }
}
