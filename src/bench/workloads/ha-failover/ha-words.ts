import type { SharedRegion } from "../../../workers/load-shared.js";
import { SharedLong } from "../longs.js";

const FENCED_AT = 0;
const LOST_AT = 1;
const WRITES = 2;
export const HA_WORDS = 6;

/** What the nodes of one pair, or of more, know together. */
export class HaWords {
  /** The position in history of the last fence that is known: the epoch of who set it. */
  readonly epoch: SharedLong;
  /** When an active was lost whose successor is not known yet; 0 for none. */
  readonly lostAt: SharedLong;
  /** The largest number of writes that an acknowledged write was told of. */
  readonly writes: SharedLong;

  constructor(region: SharedRegion) {
    this.epoch = new SharedLong(region, FENCED_AT);
    this.lostAt = new SharedLong(region, LOST_AT);
    this.writes = new SharedLong(region, WRITES);
  }
}
