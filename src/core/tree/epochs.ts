import { assert } from "../../base/assert.js";
import { BYTES_PER_UNIT, CACHE_LINE_WORDS, HEADER, READER, READERS_START } from "./layout.js";

// When may a block be used again? A reader on another thread may hold a reference to it, and nothing stops that thread
// between any two instructions.
//
// The writer counts epochs in one shared word. A reader, before its first look-up, stores the epoch it sees in its own
// word ("enters"), and stores OUTSIDE when it holds no reference any more ("quiesces"). To free a block the writer first
// makes it unreachable, notes the epoch e of that moment, and raises the epoch at some time afterwards; the block is
// reused once every claimed reader is OUTSIDE or has entered at an epoch above e.
//
// Claim: no reader then holds a reference to the block, nor can it get one. All the loads and stores named here are
// Atomics, so they stand in one total order. Take a reader and the moment S at which the writer read its word.
// - It read OUTSIDE. References from before were given up when OUTSIDE was stored. Any later look-up comes after
//   an entry, whose store comes after S (else S had seen it), and S comes after the block was made unreachable; so the
//   look-up, which follows its entry's store, finds the block no more. It matters not that such a reader may have loaded
//   the epoch long ago and stores an old number: an old number only holds back more.
// - It read an epoch above e. The reader loaded that number after the writer raised the epoch past e, which came after
//   the block was made unreachable; its look-ups came later still, and its earlier references were given up before.
// Only while some reader's word is at or below e may a reference exist, and then the block waits.
//
// "Unreachable" is meant from every place a look-up can start. A link that is unchained from its siblings may still be
// found through the `nextSibling` of another dead link that a reader stands on; but that reader then entered before
// that other link was unchained, hence before this one was, and is waited for. See `ZnodeStore.unchain`.

/** The word of a reader that holds no reference. Epochs count from 1. */
export const OUTSIDE = 0;

export function readerWord(readerIndex: number): number {
  return READERS_START + readerIndex * CACHE_LINE_WORDS;
}

/** The two kinds of things that wait for readers. */
export const RETIRED = { block: 0, link: 1 } as const;

/** The writer's side: raises the epoch, and keeps in order what waits for readers, in plain typed arrays. */
export class Epochs {
  private readonly words: Int32Array;
  private readonly readersMax: number;
  /** A ring of (reference << 1 | kind), and beside it the epoch at which each was retired. */
  private items = new Int32Array(1_024);
  private epochs = new Int32Array(1_024);
  private head = 0;
  private count = 0;

  constructor(words: Int32Array) {
    this.words = words;
    this.readersMax = words[HEADER.readersMax] as number;
    assert(words.length / 2 <= 2 ** 30, `references leave a bit for the kind: ${words.length * 4} bytes`);
    Atomics.store(words, HEADER.epoch, 1);
  }

  get waiting(): number {
    return this.count;
  }

  retire(reference: number, kind: number): void {
    if (this.count === this.items.length) this.grow();
    const at = (this.head + this.count) & (this.items.length - 1);
    this.items[at] = (reference << 1) | kind;
    this.epochs[at] = this.words[HEADER.epoch] as number;
    this.count++;
  }

  /** Hands back what no reader can hold any more; `release` may retire again. At most `countMax` of them. */
  reclaim(release: (reference: number, kind: number) => void, countMax: number): void {
    if (this.count === 0) return;
    const oldest = this.advance();
    for (let left = Math.min(countMax, this.count); left > 0; left--) {
      const retired = this.epochs[this.head] as number;
      if (oldest !== OUTSIDE && ((oldest - retired) | 0) <= 0) return;
      const item = this.items[this.head] as number;
      this.head = (this.head + 1) & (this.items.length - 1);
      this.count--;
      release(item >>> 1, item & 1);
    }
  }

  /** Raises the epoch, and returns the lowest one that a reader is in, or OUTSIDE if none is in any. */
  private advance(): number {
    const words = this.words;
    const next = ((words[HEADER.epoch] as number) + 1) | 0;
    Atomics.store(words, HEADER.epoch, next === OUTSIDE ? 1 : next);
    let oldest = OUTSIDE;
    for (let index = 0; index < this.readersMax; index++) {
      const entered = Atomics.load(words, readerWord(index) + READER.epoch);
      // Epochs wrap, so they are compared by their distance.
      if (entered !== OUTSIDE && (oldest === OUTSIDE || ((entered - oldest) | 0) < 0)) oldest = entered;
    }
    return oldest;
  }

  private grow(): void {
    const length = this.items.length;
    const items = new Int32Array(length * 2);
    const epochs = new Int32Array(length * 2);
    for (let index = 0; index < this.count; index++) {
      const from = (this.head + index) & (length - 1);
      items[index] = this.items[from] as number;
      epochs[index] = this.epochs[from] as number;
    }
    this.items = items;
    this.epochs = epochs;
    this.head = 0;
  }
}

assert(BYTES_PER_UNIT === 8, "a reference of a 4 GiB arena fits 29 bits");
