import type { SharedRegion } from "../../../workers/load-shared.js";

/** Words that a fan-out shares; longs begin at word 4. */
export const WATCH_WORDS = 16;
const ARRIVED = 0;
const DELIVERED = 1;
const CHANGES = 2;
const UNCERTAIN = 3;
const FINISHED = 8;
const CHANGE_STARTED = 2;
const CHANGE_ORDER = 3;

/** What the changer and the watchers of a fan-out know together. The changer alone starts changes. */
export class WatchWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;

  constructor(region: SharedRegion) {
    this.words = region.words;
    this.longs = region.longs;
  }

  begin(nowMicros: number): void {
    Atomics.store(this.longs, CHANGE_STARTED, BigInt(Math.round(nowMicros)));
    Atomics.store(this.words, DELIVERED, 0);
    Atomics.store(this.words, ARRIVED, 0);
  }

  get startedMicros(): number {
    return Number(Atomics.load(this.longs, CHANGE_STARTED));
  }

  /** A watcher was told: returns how many have been, this one included. */
  arrive(): number {
    return Atomics.add(this.words, ARRIVED, 1) + 1;
  }

  get arrived(): number {
    return Atomics.load(this.words, ARRIVED);
  }

  /** The last watcher was told: wakes the changer. */
  deliver(): void {
    Atomics.store(this.words, DELIVERED, 1);
    Atomics.notify(this.words, DELIVERED);
  }

  /**
   * Waits until all have been told: true; or until `giveUp`: false. Without a timeout of its own: V8 keeps the timer of a
   * wait that ended, and tens of thousands of changes a second would leave as many behind.
   */
  async delivered(): Promise<boolean> {
    await Atomics.waitAsync(this.words, DELIVERED, 0).value;
    return Atomics.load(this.words, DELIVERED) === 1;
  }

  /** The changer waits no longer. */
  giveUp(): void {
    Atomics.compareExchange(this.words, DELIVERED, 0, 2);
    Atomics.notify(this.words, DELIVERED);
  }

  /** The changer makes no more changes: every watcher has been told of all there were, or never will be. */
  finish(): void {
    Atomics.store(this.words, FINISHED, 1);
    Atomics.notify(this.words, FINISHED);
  }

  async finished(): Promise<void> {
    await Atomics.waitAsync(this.words, FINISHED, 0).value;
  }

  /** A change ended: where it stands in history, or undefined where it is not known whether it happened. */
  conclude(order: number | undefined): void {
    if (order === undefined) {
      Atomics.add(this.words, UNCERTAIN, 1);
      return;
    }
    Atomics.store(this.longs, CHANGE_ORDER, BigInt(order));
    Atomics.add(this.words, CHANGES, 1);
  }

  /** Changes that certainly happened, and the position of the last of them. */
  get changes(): { readonly certain: number; readonly uncertain: number; readonly lastOrder: number } {
    return {
      certain: Atomics.load(this.words, CHANGES),
      uncertain: Atomics.load(this.words, UNCERTAIN),
      lastOrder: Number(Atomics.load(this.longs, CHANGE_ORDER)),
    };
  }
}
