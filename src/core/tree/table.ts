import { assert } from "../../base/assert.js";
import type { Allocator } from "./allocator.js";
import { type Epochs, RETIRED } from "./epochs.js";
import {
  BUCKET_BYTES,
  BUCKET_ENTRIES,
  BUCKET_OVERFLOW_WORD,
  BUCKET_WORDS,
  bucketOf,
  bucketWord,
  HEADER,
  PAGE_BYTES,
  type Reference,
  SEGMENT_BUCKETS,
  WORDS_PER_UNIT,
} from "./layout.js";

/** The mean number of entries per bucket above which the table grows, half of what a bucket holds. */
const ENTRIES_PER_BUCKET_MAX = BUCKET_ENTRIES / 2;

/** How many words a directory needs for the largest table that an arena of so many bytes can use. */
export function directoryWords(arenaBytes: number): number {
  return Math.ceil(arenaBytes / PAGE_BYTES);
}

/**
 * The writer's side of the hash table, which readers search in `ZnodeReader.lookUp`.
 *
 * Linear hashing (Litwin 1980): the table grows by one bucket at a time, splitting the buckets in turn, so the work of
 * growing is spread over the insertions, and no bucket's memory ever moves. Readers look on. An entry never moves
 * within its bucket, and a split publishes an entry in the new bucket before it raises the count, and takes it out of the
 * old one only after that: a reader that misses it there finds the count raised, and looks again.
 */
export class Table {
  private readonly words: Int32Array;
  private readonly allocator: Allocator;
  private readonly epochs: Epochs;
  private readonly directory: number;
  private readonly segmentsMax: number;
  private entries = 0;

  constructor(words: Int32Array, allocator: Allocator, epochs: Epochs) {
    this.words = words;
    this.allocator = allocator;
    this.epochs = epochs;
    this.directory = words[HEADER.directory] as number;
    this.segmentsMax = directoryWords(words.length * 4);
    const segment = allocator.allocate(PAGE_BYTES);
    assert(segment !== 0, "the smallest arena holds a table");
    words[this.directory] = segment;
    words.fill(0, segment * WORDS_PER_UNIT, segment * WORDS_PER_UNIT + SEGMENT_BUCKETS * BUCKET_WORDS);
    Atomics.store(words, HEADER.bucketCount, SEGMENT_BUCKETS);
  }

  get length(): number {
    return this.entries;
  }

  get bucketCount(): number {
    return this.words[HEADER.bucketCount] as number;
  }

  /** The word of a free entry in the bucket of `hash`, or 0 if there is none and no memory for one. */
  makeRoom(hash: number): number {
    return this.roomIn(bucketWord(this.words, this.directory, bucketOf(hash, this.bucketCount)));
  }

  /** `entry` comes from `makeRoom` of the same hash, with no change since. */
  insert(entry: number, hash: number, node: Reference): void {
    this.words[entry] = hash;
    Atomics.store(this.words, entry + 1, node);
    this.entries++;
    if (this.entries > this.bucketCount * ENTRIES_PER_BUCKET_MAX) this.split();
  }

  replace(hash: number, node: Reference, replacement: Reference): void {
    Atomics.store(this.words, this.entryOf(hash, node) + 1, replacement);
  }

  remove(hash: number, node: Reference): void {
    Atomics.store(this.words, this.entryOf(hash, node) + 1, 0);
    this.entries--;
    this.dropEmptyOverflows(bucketWord(this.words, this.directory, bucketOf(hash, this.bucketCount)));
  }

  private entryOf(hash: number, node: Reference): number {
    const words = this.words;
    let bucket = bucketWord(words, this.directory, bucketOf(hash, this.bucketCount));
    for (;;) {
      for (let entry = bucket; entry < bucket + BUCKET_OVERFLOW_WORD; entry += 2) {
        if (words[entry + 1] === node) return entry;
      }
      const overflow = words[bucket + BUCKET_OVERFLOW_WORD] as number;
      assert(overflow !== 0, "the node is in its bucket");
      bucket = overflow * WORDS_PER_UNIT;
    }
  }

  private roomIn(start: number): number {
    const words = this.words;
    for (let bucket = start; ; ) {
      for (let entry = bucket; entry < bucket + BUCKET_OVERFLOW_WORD; entry += 2) {
        if (words[entry + 1] === 0) return entry;
      }
      const overflow = words[bucket + BUCKET_OVERFLOW_WORD] as number;
      if (overflow !== 0) {
        bucket = overflow * WORDS_PER_UNIT;
        continue;
      }
      const added = this.allocator.allocate(BUCKET_BYTES);
      if (added === 0) return 0;
      const word = added * WORDS_PER_UNIT;
      words.fill(0, word, word + BUCKET_WORDS);
      Atomics.store(words, bucket + BUCKET_OVERFLOW_WORD, added);
      return word;
    }
  }

  /**
   * Adds one bucket and moves to it what now belongs there. Without memory for that the table stays as it is: its chains grow
   * longer, and it tries again at the next insertion.
   */
  private split(): void {
    const words = this.words;
    const count = this.bucketCount;
    if (count % SEGMENT_BUCKETS === 0 && !this.addSegment(count)) return;
    const from = bucketWord(words, this.directory, count - 2 ** (31 - Math.clz32(count)));
    const target = bucketWord(words, this.directory, count);
    words.fill(0, target, target + BUCKET_WORDS);
    if (!this.copyMoving(from, target, count)) {
      this.freeOverflows(target);
      return;
    }
    Atomics.store(words, HEADER.bucketCount, count + 1);
    for (let bucket = from; ; ) {
      for (let entry = bucket; entry < bucket + BUCKET_OVERFLOW_WORD; entry += 2) {
        if (words[entry + 1] !== 0 && bucketOf(words[entry] as number, count + 1) === count) {
          Atomics.store(words, entry + 1, 0);
        }
      }
      const overflow = words[bucket + BUCKET_OVERFLOW_WORD] as number;
      if (overflow === 0) break;
      bucket = overflow * WORDS_PER_UNIT;
    }
    this.dropEmptyOverflows(from);
  }

  private addSegment(count: number): boolean {
    const index = count / SEGMENT_BUCKETS;
    if (index >= this.segmentsMax) return false;
    // A segment that a split without memory left behind serves the next one.
    if (this.words[this.directory + index] !== 0) return true;
    const segment = this.allocator.allocate(PAGE_BYTES);
    this.words[this.directory + index] = segment;
    return segment !== 0;
  }

  private copyMoving(from: number, target: number, count: number): boolean {
    const words = this.words;
    for (let bucket = from; ; ) {
      for (let entry = bucket; entry < bucket + BUCKET_OVERFLOW_WORD; entry += 2) {
        const node = words[entry + 1] as number;
        const hash = words[entry] as number;
        if (node === 0 || bucketOf(hash, count + 1) !== count) continue;
        const room = this.roomIn(target);
        if (room === 0) return false;
        words[room] = hash;
        Atomics.store(words, room + 1, node);
      }
      const overflow = words[bucket + BUCKET_OVERFLOW_WORD] as number;
      if (overflow === 0) return true;
      bucket = overflow * WORDS_PER_UNIT;
    }
  }

  /** Gives back the overflow buckets of a bucket that no reader was ever led to. */
  private freeOverflows(start: number): void {
    let overflow = this.words[start + BUCKET_OVERFLOW_WORD] as number;
    while (overflow !== 0) {
      const next = this.words[overflow * WORDS_PER_UNIT + BUCKET_OVERFLOW_WORD] as number;
      this.allocator.free(overflow);
      overflow = next;
    }
  }

  /** A reader may stand on an overflow bucket taken out here; its own way on stays, and it is empty. */
  private dropEmptyOverflows(start: number): void {
    const words = this.words;
    let bucket = start;
    for (;;) {
      const overflow = words[bucket + BUCKET_OVERFLOW_WORD] as number;
      if (overflow === 0) return;
      const word = overflow * WORDS_PER_UNIT;
      if (this.isEmpty(word)) {
        Atomics.store(words, bucket + BUCKET_OVERFLOW_WORD, words[word + BUCKET_OVERFLOW_WORD] as number);
        this.epochs.retire(overflow, RETIRED.block);
      } else {
        bucket = word;
      }
    }
  }

  private isEmpty(bucket: number): boolean {
    for (let entry = bucket; entry < bucket + BUCKET_OVERFLOW_WORD; entry += 2) {
      if (this.words[entry + 1] !== 0) return false;
    }
    return true;
  }
}
