import { assert } from "../../base/assert.js";
import { RingBuffer } from "../../base/ring.js";
import type { Zxid } from "../../base/zxid.js";
import type { Command, CommandBody, ConnectionId, LogEntry, Role } from "./effects.js";
import { ProposalWindow } from "./proposal-window.js";
import type { ServerId } from "./quorum-verifier.js";

/** What was found on disk at the start. */
export interface RecoveredState {
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /** The last transaction in snapshot and log: the tree stands there. */
  readonly lastZxid: Zxid;
  /** The newest entries of the log, as many as the host cares to keep in memory; the last one is `lastZxid`. */
  readonly recent: readonly LogEntry[];
  /** The zxid right before the first of `recent`, or `lastZxid` where there is none. */
  readonly baseZxid: Zxid;
  /** How far back the history can be cut: to a snapshot since which the log has not lost anything. */
  readonly floorZxid: Zxid;
}

interface Awaited {
  readonly sequence: number;
  readonly action: () => void;
}

/**
 * The history and the epochs of this server: what they are once every command so far is carried out, and how far they
 * are durable. The only source of commands.
 */
export class Journal {
  acceptedEpoch: number;
  currentEpoch: number;
  /** The last entry that was given to the log. */
  lastZxid: Zxid;
  /** The last entry that was given to the tree. */
  appliedZxid: Zxid;
  /** Every entry up to here is on disk. */
  durableZxid: Zxid;
  /** The log cannot be cut back any further. */
  floorZxid: Zxid;
  readonly window: ProposalWindow;
  /** What is beyond this is not dropped from the window lightly: a leader's learners have still to be sent it. */
  heldZxid: Zxid = Number.POSITIVE_INFINITY;
  private commands: Command[] = [];
  private sequence = 0;
  private storedSequence = 0;
  /** Where the log ends as of each command that moved its end and is not durable yet. */
  private readonly ends = new RingBuffer<{ readonly sequence: number; zxid: Zxid }>();
  private newestEnd: { readonly sequence: number; zxid: Zxid } | undefined;
  private readonly awaited = new RingBuffer<Awaited>();

  constructor(recovered: RecoveredState, windowEntriesMin: number, windowBytesMax: number, windowHeldBytesMax: number) {
    this.acceptedEpoch = recovered.acceptedEpoch;
    this.currentEpoch = recovered.currentEpoch;
    this.lastZxid = recovered.lastZxid;
    this.appliedZxid = recovered.lastZxid;
    this.durableZxid = recovered.lastZxid;
    this.floorZxid = recovered.floorZxid;
    this.window = new ProposalWindow(recovered.baseZxid, windowEntriesMin, windowBytesMax, windowHeldBytesMax);
    for (const entry of recovered.recent) this.window.push(entry);
    assert(this.window.lastZxid === recovered.lastZxid, "the recent entries end where the log ends");
  }

  append(entry: LogEntry): void {
    assert(entry.zxid > this.lastZxid, "the log only grows");
    const last = this.commands[this.commands.length - 1];
    if (last?.kind === "append") (last.entries as LogEntry[]).push(entry);
    else this.command({ kind: "append", entries: [entry] });
    this.window.push(entry);
    this.moveEnd(entry.zxid);
  }

  /** Gives what was logged up to `zxid` and not applied yet to the tree. */
  applyThrough(zxid: Zxid): void {
    assert(zxid <= this.lastZxid, "what is applied is in the log");
    if (zxid <= this.appliedZxid) return;
    this.command({ kind: "apply", entries: this.window.slice(this.appliedZxid, zxid) });
    this.appliedZxid = zxid;
  }

  truncate(zxid: Zxid): void {
    assert(zxid <= this.lastZxid && zxid >= this.floorZxid, "what is cut is in the log");
    if (zxid === this.lastZxid) return;
    this.command({ kind: "truncate", zxid });
    this.window.truncate(zxid);
    this.appliedZxid = Math.min(this.appliedZxid, zxid);
    this.moveEnd(zxid);
  }

  install(zxid: Zxid, connection: ConnectionId): void {
    this.command({ kind: "install", zxid, connection });
    this.window.reset(zxid);
    this.floorZxid = zxid;
    this.appliedZxid = zxid;
    this.moveEnd(zxid);
  }

  acceptEpoch(epoch: number): void {
    assert(epoch > this.acceptedEpoch, "an epoch is accepted once");
    this.acceptedEpoch = epoch;
    this.command({ kind: "acceptedEpoch", epoch });
  }

  enterEpoch(epoch: number): void {
    assert(epoch === this.acceptedEpoch && epoch >= this.currentEpoch, "the epoch entered is the one accepted");
    if (epoch === this.currentEpoch) return;
    this.currentEpoch = epoch;
    this.command({ kind: "currentEpoch", epoch });
  }

  open(role: Role, leader: ServerId, epoch: number): void {
    this.command({ kind: "open", role, leader, epoch });
  }

  shut(): void {
    this.command({ kind: "shut" });
  }

  /** Runs `action` once every command so far is durable: at once, if that is so already. */
  whenStored(action: () => void): void {
    if (this.storedSequence === this.sequence) action();
    else this.awaited.push({ sequence: this.sequence, action });
  }

  stored(sequence: number): void {
    assert(sequence > this.storedSequence && sequence <= this.sequence, "what is durable was commanded, and once");
    this.storedSequence = sequence;
    for (let end = this.ends.peek(); end !== undefined && end.sequence <= sequence; end = this.ends.peek()) {
      this.durableZxid = end.zxid;
      this.ends.shift();
    }
    for (let next = this.awaited.peek(); next !== undefined && next.sequence <= sequence; next = this.awaited.peek()) {
      this.awaited.shift();
      next.action();
    }
  }

  takeCommands(): readonly Command[] {
    const { commands } = this;
    this.commands = [];
    // What is not on disk yet is still to be acknowledged, so it stays as well.
    this.window.trim(Math.min(this.appliedZxid, this.durableZxid), this.heldZxid);
    return commands;
  }

  private command(body: CommandBody): void {
    this.commands.push({ sequence: ++this.sequence, ...body } as Command);
  }

  private moveEnd(zxid: Zxid): void {
    this.lastZxid = zxid;
    const { sequence } = this;
    if (this.newestEnd?.sequence === sequence) {
      this.newestEnd.zxid = zxid;
      return;
    }
    this.newestEnd = { sequence, zxid };
    this.ends.push(this.newestEnd);
  }
}
