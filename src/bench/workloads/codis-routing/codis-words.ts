import type { SharedRegion } from "../../../workers/load-shared.js";
import { SharedLong } from "../longs.js";

const STARTED = 0;
const STARTED_AT = 1;
const UNCERTAIN = 2;
const APPLIED = 3;

export function codisWords(connections: number): number {
  return (APPLIED + connections) * 2;
}

/** What the dashboard and the proxies know together. The dashboard alone starts commands, one after the other. */
export class CodisWords {
  /** The number of the last command; stored before those it is for are looked up. */
  readonly started: SharedLong;
  readonly startedAt: SharedLong;
  /** The last command of which it is not known whether it was sent: nobody need have been handed it. */
  readonly uncertain: SharedLong;
  private readonly region: SharedRegion;

  constructor(region: SharedRegion) {
    this.region = region;
    this.started = new SharedLong(region, STARTED);
    this.startedAt = new SharedLong(region, STARTED_AT);
    this.uncertain = new SharedLong(region, UNCERTAIN);
  }

  /** The last command that the proxy was handed. */
  applied(proxy: number): SharedLong {
    return new SharedLong(this.region, APPLIED + proxy);
  }
}
