import type { SharedRegion } from "../../../workers/load-shared.js";
import { SharedLong } from "../longs.js";

const ARRIVED = 0;
const RELEASED = 1;
const LEAVING = 2;
const LAST_ARRIVED_AT = 3;
const LAST_ROUND = 4;
export const BARRIER_WORDS = 10;

/** What the parties of a barrier know together. Counts are over all rounds, so the n-th of them is of a certain round. */
export class BarrierWords {
  /** How many have come. */
  readonly arrived: SharedLong;
  /** How many were let in. */
  readonly released: SharedLong;
  /** How many have asked to leave. */
  readonly leaving: SharedLong;
  readonly lastArrivedAt: SharedLong;
  private readonly last: SharedLong;

  constructor(region: SharedRegion) {
    this.arrived = new SharedLong(region, ARRIVED);
    this.released = new SharedLong(region, RELEASED);
    this.leaving = new SharedLong(region, LEAVING);
    this.lastArrivedAt = new SharedLong(region, LAST_ARRIVED_AT);
    this.last = new SharedLong(region, LAST_ROUND);
  }

  /**
   * Called by a party before its round number `round`, from 1, when it wants no more: that one is still held. Nobody can
   * be past it without this party, so everybody hears of it before the next.
   */
  endWith(round: number): void {
    if (this.last.value === 0) this.last.raise(round);
  }

  /** True where the parties have agreed on an earlier round to be the last. */
  isBeyondLast(round: number): boolean {
    const last = this.last.value;
    return last !== 0 && round > last;
  }
}
