import { assert } from "../../base/assert.js";
import type { Zxid } from "../../base/zxid.js";
import type { LogEntry } from "./effects.js";

/** What is kept beside each payload, roughly, in bytes. */
const ENTRY_OVERHEAD_BYTES = 64;

/**
 * The newest part of the history: a run of consecutive log entries in memory, the oldest right behind `baseZxid`. It
 * holds every entry that is not applied, and of the applied ones as many as the limits allow (upstream: committedLog,
 * outstandingProposals).
 */
export class ProposalWindow {
  private entries: (LogEntry | undefined)[] = [];
  /** Entries before this place were dropped. */
  private first = 0;
  private bytes = 0;
  /** The last zxid that is no longer here: everything behind it is. */
  baseZxid: Zxid;
  private readonly entriesMin: number;
  private readonly bytesMax: number;
  private readonly heldBytesMax: number;

  constructor(baseZxid: Zxid, entriesMin: number, bytesMax: number, heldBytesMax: number) {
    this.baseZxid = baseZxid;
    this.entriesMin = entriesMin;
    this.bytesMax = bytesMax;
    this.heldBytesMax = heldBytesMax;
  }

  get count(): number {
    return this.entries.length - this.first;
  }

  get lastZxid(): Zxid {
    return this.count === 0 ? this.baseZxid : this.entries[this.entries.length - 1]!.zxid;
  }

  get sizeBytes(): number {
    return this.bytes;
  }

  push(entry: LogEntry): void {
    assert(entry.zxid > this.lastZxid, "zxids only grow");
    this.entries.push(entry);
    this.bytes += entry.payload.length + ENTRY_OVERHEAD_BYTES;
  }

  /** The entry right behind `zxid`, which need not be one; undefined at the end, or where it was dropped. */
  after(zxid: Zxid): LogEntry | undefined {
    return zxid < this.baseZxid ? undefined : this.entries[this.placeAfter(zxid)];
  }

  /** Whether `zxid` is an entry here, or the one right before the first. */
  holds(zxid: Zxid): boolean {
    return this.lastAtOrBefore(zxid) === zxid;
  }

  /** The last known zxid that is not beyond `zxid`; undefined where that was dropped. */
  lastAtOrBefore(zxid: Zxid): Zxid | undefined {
    if (zxid < this.baseZxid) return undefined;
    const place = this.placeAfter(zxid) - 1;
    return place < this.first ? this.baseZxid : this.entries[place]!.zxid;
  }

  /** The entries in (after, through]. */
  slice(after: Zxid, through: Zxid): LogEntry[] {
    assert(after >= this.baseZxid, "what is asked for was dropped");
    return this.entries.slice(this.placeAfter(after), this.placeAfter(through)) as LogEntry[];
  }

  /** Forgets what is beyond `zxid`. */
  truncate(zxid: Zxid): void {
    if (zxid < this.baseZxid) {
      this.reset(zxid);
      return;
    }
    const place = this.placeAfter(zxid);
    for (const entry of this.entries.splice(place)) this.bytes -= entry!.payload.length + ENTRY_OVERHEAD_BYTES;
  }

  /** Begins again, with nothing behind `baseZxid`. */
  reset(baseZxid: Zxid): void {
    this.entries = [];
    this.first = 0;
    this.bytes = 0;
    this.baseZxid = baseZxid;
  }

  /** Drops the oldest entries beyond the limits, none that is not applied; those beyond `heldZxid` are wanted still. */
  trim(appliedZxid: Zxid, heldZxid: Zxid): void {
    while (this.bytes > this.bytesMax && this.count > this.entriesMin) {
      const oldest = this.entries[this.first]!;
      if (oldest.zxid > appliedZxid || (oldest.zxid > heldZxid && this.bytes <= this.heldBytesMax)) break;
      this.entries[this.first++] = undefined;
      this.bytes -= oldest.payload.length + ENTRY_OVERHEAD_BYTES;
      this.baseZxid = oldest.zxid;
    }
    if (this.first > 1_024 && this.first * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.first);
      this.first = 0;
    }
  }

  private placeAfter(zxid: Zxid): number {
    let low = this.first;
    let high = this.entries.length;
    // Most questions are about the newest entries.
    if (high > low && this.entries[high - 1]!.zxid <= zxid) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle]!.zxid <= zxid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
