import type { SharedRegion } from "../../../workers/load-shared.js";
import { wholeLines } from "../contention/cache-lines.js";

const HOLDERS = 0;
const TOKENS = 1;

export function semaphoreWords(leases: number): number {
  return wholeLines(2 + 2 * leases);
}

/** What the contenders for the leases of one semaphore know together. */
export class SemaphoreWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly leases: number;

  constructor(region: SharedRegion, leases: number) {
    this.words = region.words;
    this.longs = region.longs;
    this.leases = leases;
  }

  /** Returns how many held leases already, which must be fewer than there are. */
  enter(): number {
    return Atomics.add(this.words, HOLDERS, 1);
  }

  leave(): void {
    Atomics.sub(this.words, HOLDERS, 1);
  }

  /** Notes the token of a grant; false where another holder has the same. */
  noteToken(token: number): boolean {
    const own = BigInt(token) + 1n;
    let noted = false;
    for (let lease = 0; lease < this.leases; lease++) {
      const there = noted
        ? Atomics.load(this.longs, TOKENS + lease)
        : Atomics.compareExchange(this.longs, TOKENS + lease, 0n, own);
      if (there === own) return false;
      if (there === 0n) noted = true;
    }
    return true;
  }

  forgetToken(token: number): void {
    const own = BigInt(token) + 1n;
    for (let lease = 0; lease < this.leases; lease++) {
      if (Atomics.compareExchange(this.longs, TOKENS + lease, own, 0n) === own) return;
    }
  }
}
