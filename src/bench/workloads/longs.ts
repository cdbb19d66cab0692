import type { SharedRegion } from "../../workers/load-shared.js";

/** A number below 2^53 in the region, by its index among the longs. */
export class SharedLong {
  private readonly longs: BigInt64Array;
  private readonly at: number;

  constructor(region: SharedRegion, at: number) {
    this.longs = region.longs;
    this.at = at;
  }

  get value(): number {
    return Number(Atomics.load(this.longs, this.at));
  }

  /** Stores `value` and returns what was stored before. */
  exchange(value: number): number {
    return Number(Atomics.exchange(this.longs, this.at, BigInt(Math.round(value))));
  }

  /** Adds `change` and returns the sum. */
  add(change: number): number {
    return Number(Atomics.add(this.longs, this.at, BigInt(change))) + change;
  }

  /** Stores `value` unless what is there is no less; returns what was there. */
  raise(value: number): number {
    const wanted = BigInt(Math.round(value));
    let found = Atomics.load(this.longs, this.at);
    while (found < wanted) {
      const before = Atomics.compareExchange(this.longs, this.at, found, wanted);
      if (before === found) break;
      found = before;
    }
    return Number(found);
  }
}

/** Which of growing numbers were taken, as far back as it is long: what was taken twice is found without remembering all. */
export class SharedRing {
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly length: number;

  /** Takes `length` words of the region, from word `at` on. */
  constructor(region: SharedRegion, at: number, length: number) {
    this.words = region.words;
    this.at = at;
    this.length = length;
  }

  /** False where `number` was taken before, and none `length` larger since. Numbers are from 0 to 2^31 - 2. */
  take(number: number): boolean {
    return Atomics.exchange(this.words, this.at + (number % this.length), number + 1) !== number + 1;
  }
}
