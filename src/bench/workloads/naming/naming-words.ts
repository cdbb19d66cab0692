import type { SharedRegion } from "../../../workers/load-shared.js";
import { SharedLong, SharedRing } from "../longs.js";

const BEGUN = 0;
const DONE = 1;
const LARGEST = 2;
const SKIPPED = 3;
const LONGS = 4;
/** So many ids back, one that is given twice is found by itself; an older one, because it is too small. */
const IDS_KEPT = 65_536;
export const NAMING_WORDS = LONGS * 2 + IDS_KEPT;

/** What those who ask for ids know together. */
export class NamingWords {
  /** Calls that were made, and those that came back with an id. */
  readonly begun: SharedLong;
  readonly done: SharedLong;
  /** The largest id, plus 1; 0 before the first. */
  readonly next: SharedLong;
  /** At the most: those that the ends of sessions took from calls that came back with another one. */
  readonly skipped: SharedLong;
  readonly ids: SharedRing;

  constructor(region: SharedRegion) {
    this.begun = new SharedLong(region, BEGUN);
    this.done = new SharedLong(region, DONE);
    this.next = new SharedLong(region, LARGEST);
    this.skipped = new SharedLong(region, SKIPPED);
    this.ids = new SharedRing(region, LONGS * 2, IDS_KEPT);
  }
}
