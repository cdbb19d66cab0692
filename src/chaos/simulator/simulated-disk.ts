import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import type { Command } from "../../core/zab/effects.js";
import type { RecoveredState } from "../../core/zab/journal.js";
import type { EventQueue } from "./event-queue.js";
import { SimulatedTree } from "./simulated-tree.js";

/** A command as the disk gets it: an image has been resolved to what it holds. */
export type DiskCommand = Command & { readonly image?: SimulatedTree };

/** How a disk behaves at the moment. */
export interface DiskHealth {
  /** How long a sync takes, on the average, in milliseconds. */
  syncMs: number;
  /** The next sync fails, which ends the process. */
  failing: boolean;
}

export interface DiskContents {
  acceptedEpoch: number;
  currentEpoch: number;
  /** The snapshot, and the log behind it, as one. */
  history: SimulatedTree;
  /** What of it is a snapshot, and so cannot be cut. */
  floorZxid: number;
}

/**
 * A disk whose writes last once they are synced; a crash keeps any first part of those that are not, and of an append any
 * first part of its entries, because a torn entry is cut off by recovery.
 */
export class SimulatedDisk {
  readonly health: DiskHealth = { syncMs: 0.5, failing: false };
  protected contents: DiskContents = { acceptedEpoch: 0, currentEpoch: 0, history: new SimulatedTree(), floorZxid: 0 };
  protected pending: DiskCommand[] = [];
  private syncing = false;
  /** Distinguishes the syncs of a process that is gone. */
  private incarnation = 0;
  protected readonly events: EventQueue;
  protected readonly random: RandomSource;

  constructor(events: EventQueue, random: RandomSource) {
    this.events = events;
    this.random = random;
  }

  /** What would be there after a crash now at the least. */
  get durableHistory(): SimulatedTree {
    return this.contents.history;
  }

  /** Queues commands; `onStored` hears of the last one that is durable, `onFailed` of the end. */
  submit(commands: readonly DiskCommand[], onStored: (sequence: number) => void, onFailed: () => void): void {
    for (const command of commands) this.pending.push(command);
    this.sync(onStored, onFailed);
  }

  crash(): void {
    const kept = randomBelow(this.random, this.pending.length + 1);
    for (const command of this.pending.slice(0, kept)) this.contents = this.effectOf(command, this.contents);
    const torn = this.pending[kept];
    if (torn?.kind === "append") {
      const entries = torn.entries.slice(0, randomBelow(this.random, torn.entries.length));
      this.contents = this.effectOf({ ...torn, entries }, this.contents);
    }
    this.pending = [];
    this.syncing = false;
    this.incarnation++;
    this.health.failing = false;
  }

  recover(entriesKept: number): { readonly state: RecoveredState; readonly tree: SimulatedTree } {
    const { acceptedEpoch, currentEpoch, history, floorZxid } = this.contents;
    const log = history.after(floorZxid);
    const recent = log.slice(Math.max(0, log.length - entriesKept));
    const before = history.at(history.count - recent.length - 1);
    const state = { acceptedEpoch, currentEpoch, lastZxid: history.lastZxid, recent, floorZxid };
    return { state: { ...state, baseZxid: before?.zxid ?? 0 }, tree: history };
  }

  protected effectOf(command: DiskCommand, contents: DiskContents): DiskContents {
    switch (command.kind) {
      case "append":
        return { ...contents, history: contents.history.apply(command.entries) };
      case "truncate":
        return { ...contents, history: contents.history.through(command.zxid) };
      case "install":
        return { ...contents, history: command.image as SimulatedTree, floorZxid: command.zxid };
      case "acceptedEpoch":
        return { ...contents, acceptedEpoch: command.epoch };
      case "currentEpoch":
        return { ...contents, currentEpoch: command.epoch };
      default:
        return contents;
    }
  }

  private sync(onStored: (sequence: number) => void, onFailed: () => void): void {
    if (this.syncing || this.pending.length === 0) return;
    this.syncing = true;
    const { incarnation } = this;
    const batch = this.pending.length;
    this.events.after(this.health.syncMs * (0.3 + 1.4 * randomFraction(this.random)), () => {
      if (incarnation !== this.incarnation) return;
      if (this.health.failing) {
        onFailed();
        return;
      }
      const stored = this.pending.splice(0, batch);
      for (const command of stored) this.contents = this.effectOf(command, this.contents);
      this.syncing = false;
      onStored(stored[stored.length - 1]!.sequence);
      if (incarnation === this.incarnation) this.sync(onStored, onFailed);
    });
  }
}
