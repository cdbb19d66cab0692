import type { Zxid } from "../../base/zxid.js";
import type { LogEntry } from "../../core/zab/effects.js";
import { Violation } from "./violation.js";

/**
 * What a replica has applied, in order: all that matters of a tree to who checks replication. A value; histories that
 * begin alike share their memory.
 */
export class SimulatedTree {
  /** May hold more, of a longer history that goes on from this one. */
  private readonly shared: LogEntry[];
  readonly count: number;

  constructor(shared: LogEntry[] = [], count = shared.length) {
    this.shared = shared;
    this.count = count;
  }

  get lastZxid(): Zxid {
    return this.count === 0 ? 0 : this.shared[this.count - 1]!.zxid;
  }

  /** The entry at `place`, from 0 on. */
  at(place: number): LogEntry | undefined {
    return place < this.count ? this.shared[place] : undefined;
  }

  apply(entries: readonly LogEntry[]): SimulatedTree {
    if (entries.length === 0) return this;
    if (entries[0]!.zxid <= this.lastZxid) {
      throw new Violation(`zxid ${entries[0]!.zxid.toString(16)} was applied after ${this.lastZxid.toString(16)}`);
    }
    const shared = this.shared.length === this.count ? this.shared : this.shared.slice(0, this.count);
    for (const entry of entries) shared.push(entry);
    return new SimulatedTree(shared, this.count + entries.length);
  }

  through(zxid: Zxid): SimulatedTree {
    return zxid >= this.lastZxid ? this : new SimulatedTree(this.shared, this.placeAfter(zxid));
  }

  /** The entries in (after, last]. */
  after(zxid: Zxid): LogEntry[] {
    return this.shared.slice(this.placeAfter(zxid), this.count);
  }

  /** Without what is not after `zxid`. */
  behind(zxid: Zxid): SimulatedTree {
    const place = this.placeAfter(zxid);
    return place === 0 ? this : new SimulatedTree(this.shared.slice(place, this.count));
  }

  has({ zxid, payload }: LogEntry): boolean {
    const found = this.shared[this.placeAfter(zxid) - 1];
    return found?.zxid === zxid && found.payload.equals(payload);
  }

  private placeAfter(zxid: Zxid): number {
    let low = 0;
    let high = this.count;
    if (high > 0 && this.shared[high - 1]!.zxid <= zxid) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.shared[middle]!.zxid <= zxid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
