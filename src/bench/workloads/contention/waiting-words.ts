import { assert } from "../../../base/assert.js";
import type { SharedRegion } from "../../../workers/load-shared.js";
import { wholeLines } from "./cache-lines.js";

const WAITERS = 0;
const GIVEN = 1;
const TAKEN = 2;
const HEADER_WORDS = 4;

/** A release is one long, so that its time is never read with another's giver: the giver below, microseconds above. */
const GIVER_BITS = 16;
const GIVER_MASK = (1n << BigInt(GIVER_BITS)) - 1n;

/** A release that someone waited for. */
export interface Release {
  readonly micros: number;
  /** The number of the connection that released. */
  readonly giver: number;
}

/** Words of a `WaitingWords` of this capacity. */
export function waitingWords(capacity: number): number {
  return wholeLines(HEADER_WORDS + 2 * capacity);
}

/**
 * Who waits for one resource, and since when and by whom it has been given up for them: a ring of the releases, by when
 * they began, that someone waited for, so that a grant is measured from the release that made it possible. `capacity` is how many
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

  /** `giver`, a holder, begins to give the resource up. Where nobody waits, the next grant is nobody's hand-over. */
  give(giver: number, nowMicros: number): void {
    if (this.waiters === 0) {
      this.forget();
      return;
    }
    const number = Atomics.add(this.words, this.at + GIVEN, 1);
    Atomics.store(this.longs, this.slot(number), packed(giver, nowMicros));
  }

  /** What was given up is not to be measured from: the resource was lost, not released. */
  forget(): void {
    Atomics.store(this.words, this.at + TAKEN, Atomics.load(this.words, this.at + GIVEN));
  }

  /** The grant of what was given up first, undefined where this grant waited for no release. */
  take(): Release | undefined {
    for (;;) {
      const taken = Atomics.load(this.words, this.at + TAKEN);
      if (taken === Atomics.load(this.words, this.at + GIVEN)) return undefined;
      if (Atomics.compareExchange(this.words, this.at + TAKEN, taken, taken + 1) !== taken) continue;
      // 0: a newer release took the slot over, or its time is not written yet.
      const release = Atomics.exchange(this.longs, this.slot(taken), 0n);
      if (release !== 0n) return { micros: Number(release >> BigInt(GIVER_BITS)), giver: Number(release & GIVER_MASK) };
    }
  }

  private slot(number: number): number {
    return this.timesAt + ((number >>> 0) % this.capacity);
  }
}

function packed(giver: number, micros: number): bigint {
  assert(giver < 2 ** GIVER_BITS, "a connection's number fits beside the time of its release");
  return (BigInt(Math.round(micros)) << BigInt(GIVER_BITS)) | BigInt(giver);
}
