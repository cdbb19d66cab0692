import type { SharedRegion } from "../../../workers/load-shared.js";
import { wholeLines } from "../contention/cache-lines.js";

const HOLDERS = 0;
const LAST_TOKEN = 1;
const LAST_WRITE_TOKEN = 2;
/** Words of one lock. */
export const SHARED_LOCK_WORDS = wholeLines(6);

/** Readers count in the lower half of one word and writers in the upper, so that both are seen at one moment. */
const WRITER = 1 << 16;

export interface Holders {
  readonly readers: number;
  readonly writers: number;
}

/** What the contenders for one read/write lock know together of its holders. */
export class SharedLockWords {
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

  /** Returns who held it already. */
  enter(mode: "read" | "write"): Holders {
    const before = Atomics.add(this.words, this.at + HOLDERS, mode === "write" ? WRITER : 1);
    return { readers: before & (WRITER - 1), writers: before >>> 16 };
  }

  leave(mode: "read" | "write"): void {
    Atomics.sub(this.words, this.at + HOLDERS, mode === "write" ? WRITER : 1);
  }

  /**
   * Notes the token of a grant and returns the largest one granted before that it must exceed, -1 for none. A writer
   * comes after everybody that was granted before; a reader after every writer, but readers hold together, and hear of it
   * in any order.
   */
  noteToken(mode: "read" | "write", token: number): number {
    const before = this.raise(LAST_TOKEN, token);
    return mode === "write" ? this.raise(LAST_WRITE_TOKEN, token, before) : this.largest(LAST_WRITE_TOKEN);
  }

  /** Tokens are kept one up, as the memory begins with 0. Returns the larger of what was there and `floor`. */
  private raise(which: number, token: number, floor = -1): number {
    const raised = BigInt(token) + 1n;
    for (;;) {
      const before = Atomics.load(this.longs, this.longAt + which);
      if (before >= raised || Atomics.compareExchange(this.longs, this.longAt + which, before, raised) === before) {
        return Math.max(floor, Number(before) - 1);
      }
    }
  }

  private largest(which: number): number {
    return Number(Atomics.load(this.longs, this.longAt + which)) - 1;
  }
}
