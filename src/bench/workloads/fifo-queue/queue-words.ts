import type { SharedRegion } from "../../../workers/load-shared.js";
import { SharedLong } from "../longs.js";

const PUT = 0;
const TAKEN = 1;
const PRODUCERS_DONE = 2;
const CONSUMERS_DONE = 3;
const SIDE_LONGS = 3;
const COUNT = 0;
const SUM = 1;
const UNCERTAIN = 2;
const SIDES = 4;
export const QUEUE_WORDS = (SIDES + 2 * SIDE_LONGS) * 2;

/** One item, wherever it is. */
export interface ItemId {
  readonly producer: number;
  /** Of the producer's items, from 1. */
  readonly number: number;
}

/** What went in, or what came out, in as little memory as a count and a sum of hashes. */
export class ItemSum {
  readonly count: SharedLong;
  /** Of what may have been put, or taken: the call failed. */
  readonly uncertain: SharedLong;
  private readonly words: Int32Array;
  private readonly at: number;

  constructor(region: SharedRegion, at: number) {
    this.count = new SharedLong(region, at + COUNT);
    this.words = region.words;
    this.at = (at + SUM) * 2;
    this.uncertain = new SharedLong(region, at + UNCERTAIN);
  }

  add(item: ItemId): void {
    Atomics.add(this.words, this.at, hashOf(item));
    this.count.add(1);
  }

  /** Modulo 2^32: the same for the same items in any order. */
  get sum(): number {
    return Atomics.load(this.words, this.at);
  }
}

/** What producers and consumers know together. */
export class QueueWords {
  readonly put: ItemSum;
  readonly taken: ItemSum;
  readonly producersDone: SharedLong;
  readonly consumersDone: SharedLong;

  constructor(region: SharedRegion) {
    this.put = new ItemSum(region, SIDES + PUT * SIDE_LONGS);
    this.taken = new ItemSum(region, SIDES + TAKEN * SIDE_LONGS);
    this.producersDone = new SharedLong(region, PRODUCERS_DONE);
    this.consumersDone = new SharedLong(region, CONSUMERS_DONE);
  }
}

/** 32 bits, mixed by murmur3's finalizer, so that what neighbours add does not cancel out. */
function hashOf({ producer, number }: ItemId): number {
  let hash = (Math.imul(producer + 1, 0x9e37_79b1) ^ number) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
