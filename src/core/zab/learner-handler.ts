import { assert } from "../../base/assert.js";
import { RingBuffer } from "../../base/ring.js";
import { makeZxid, type Zxid } from "../../base/zxid.js";
import { type LearnerInfo, QUORUM } from "../../jute/quorum.js";
import type { ConnectionId, LogEntry } from "./effects.js";
import type { Member } from "./member.js";
import type { ServerId } from "./quorum-verifier.js";
import { chooseSync, type SyncChoice } from "./sync-choice.js";

/**
 * Where a learner is, as its leader sees it: it has introduced itself, was told the epoch, has accepted it, is being
 * synchronized, and is synchronized.
 */
export type LearnerPhase = "introduced" | "informed" | "accepted" | "synchronizing" | "synchronized";

/** A sync that a learner's client asked for: answered when the learner has every commit up to `zxid`. */
interface PendingSync {
  readonly zxid: Zxid;
  /** The round of confirmations that has to be complete. */
  readonly round: number;
}

/** The leader's side of one learner (upstream: LearnerHandler). */
export class LearnerHandler {
  readonly connection: ConnectionId;
  readonly serverId: ServerId;
  readonly acceptedEpoch: number;
  readonly votes: boolean;
  /** Both sides announced the batched extension. */
  readonly batched: boolean;
  phase: LearnerPhase = "introduced";
  /** What the learner said with ACKEPOCH; -1 where it had accepted the epoch before. */
  currentEpoch = -1;
  lastZxid: Zxid = 0;
  /** It cannot cut its log back beyond this; 0 where it does not say. */
  floorZxid: Zxid = 0;
  /** The last proposal it acknowledged as stored. */
  ackedZxid: Zxid = 0;
  /** The last round of confirmations it answered. */
  confirmedRound = 0;
  private readonly member: Member;
  /** The last proposal that was sent, or is part of what it was synchronized with. */
  private sentZxid: Zxid = 0;
  private committedZxid: Zxid = 0;
  /** Proposals under way: sent, and neither acknowledged nor, to an observer, echoed by a ping. */
  private readonly inFlight = new RingBuffer<{ readonly entry: LogEntry; readonly sentAtMs: number }>();
  private inFlightBytes = 0;
  private heardAtMs: number;
  /** Before that it was busy with what it was synchronized with; proposals sent meanwhile lay behind it. */
  private synchronizedAtMs = Number.POSITIVE_INFINITY;
  private pingAtMs: number;
  private readonly syncs = new RingBuffer<PendingSync>(4);
  /** It is told to serve once it has every commit up to here. */
  private welcomeZxid: Zxid | undefined;

  constructor(member: Member, connection: ConnectionId, info: LearnerInfo, acceptedEpoch: number, votes: boolean) {
    this.member = member;
    this.connection = connection;
    this.serverId = info.serverId;
    this.acceptedEpoch = acceptedEpoch;
    this.votes = votes;
    this.batched = info.batched && member.options.batched;
    this.heardAtMs = member.nowMs;
    this.pingAtMs = member.nowMs;
  }

  /** What is beyond this has still to be sent to it. */
  get needsBeyondZxid(): Zxid {
    return this.batched ? this.sentZxid : Math.min(this.sentZxid, this.committedZxid);
  }

  get pendingSyncs(): number {
    return this.syncs.length;
  }

  heard(): void {
    this.heardAtMs = this.member.nowMs;
  }

  becomeSynchronized(): void {
    this.phase = "synchronized";
    this.synchronizedAtMs = this.member.nowMs;
  }

  /** Why the learner is to be given up, or undefined while it keeps its times. */
  overdue(): string | undefined {
    const { nowMs, options } = this.member;
    const limitMs = options.syncLimit * options.tickTimeMs;
    if (this.phase !== "synchronized") {
      return nowMs - this.heardAtMs >= options.initLimit * options.tickTimeMs
        ? `was silent while ${this.phase}`
        : undefined;
    }
    if (nowMs - this.heardAtMs >= (this.batched ? options.peerTimeoutMs : limitMs)) return "was silent";
    const oldest = this.inFlight.peek();
    const late =
      oldest !== undefined && this.votes && nowMs - Math.max(oldest.sentAtMs, this.synchronizedAtMs) >= limitMs;
    return late ? "does not acknowledge" : undefined;
  }

  /** Peers of the extension give up the leader early, so they hear of it often, also while they store what they got. */
  ping(): void {
    const { nowMs, options } = this.member;
    if (nowMs < this.pingAtMs) return;
    if (this.phase !== "synchronized" && !(this.batched && this.phase === "synchronizing")) return;
    this.pingAtMs = nowMs + Math.min(options.tickTimeMs / 2, this.batched ? options.peerTimeoutMs / 4 : Infinity);
    this.member.transmit(this.connection, QUORUM.ping, this.sentZxid, null);
  }

  /** Sends what the learner lacks, up to the last proposal, and NEWLEADER behind it. */
  synchronize(epoch: number, enteredEpoch: number): void {
    const { journal } = this.member;
    const preferred = chooseSync(journal.window, journal.appliedZxid, this.lastZxid, [enteredEpoch, epoch]);
    const choice: SyncChoice =
      preferred.kind === "trunc" && preferred.from < this.floorZxid ? { kind: "snap" } : preferred;
    const send = (type: typeof QUORUM.diff | typeof QUORUM.trunc | typeof QUORUM.snap, zxid: Zxid): void =>
      this.member.transmit(this.connection, type, zxid, null);
    if (choice.kind === "snap") {
      send(QUORUM.snap, journal.appliedZxid);
      this.member.transmitImage(this.connection, journal.appliedZxid);
      this.sentZxid = journal.appliedZxid;
    } else {
      if (choice.kind === "diff") send(QUORUM.diff, journal.appliedZxid);
      else send(QUORUM.trunc, choice.from);
      this.sentZxid = choice.from;
    }
    this.committedZxid = Math.min(this.sentZxid, journal.appliedZxid);
    this.ackedZxid = this.sentZxid;
    this.phase = "synchronizing";
    // What brings it up to date is bounded by the window, so it is not held back; only what comes later is counted.
    for (const entry of journal.window.slice(this.sentZxid, this.votes ? journal.lastZxid : journal.appliedZxid)) {
      this.member.transmit(this.connection, QUORUM.proposal, entry.zxid, entry.payload);
      this.sentZxid = entry.zxid;
      if (!this.batched) this.sendCommits(journal.appliedZxid);
    }
    this.sendCommits(journal.appliedZxid);
    this.member.transmit(this.connection, QUORUM.newLeader, makeZxid(epoch, 0), this.member.options.configText);
  }

  /** Returns false where it acknowledges what it was never sent. */
  acknowledge(zxid: Zxid): boolean {
    if (zxid > this.sentZxid) return false;
    this.ackedZxid = Math.max(this.ackedZxid, zxid);
    if (this.votes) this.release(zxid);
    return true;
  }

  /** An observer acknowledges nothing, but what it had received when it echoed a ping is no longer under way. */
  echoed(zxid: Zxid): void {
    if (!this.votes) this.release(zxid);
  }

  /**
   * UPTODATE, once it has every commit up to `committedZxid`: an image may show parts of what was committed until its last
   * piece was made, and proposals under way are limited, so that the commits may not all have been sent.
   */
  welcome(committedZxid: Zxid): void {
    this.welcomeZxid = committedZxid;
    this.maybeWelcome();
  }

  sync(zxid: Zxid, round: number): void {
    this.syncs.push({ zxid, round });
  }

  /** Returns false where the window no longer reaches back to what is next for it: it has to be synchronized again. */
  pump(committedZxid: Zxid, confirmedRound: number): boolean {
    const { journal, nowMs, options } = this.member;
    const through = this.votes ? journal.lastZxid : committedZxid;
    if (this.sentZxid < through) {
      if (this.sentZxid < journal.window.baseZxid) return false;
      const type = this.votes ? QUORUM.proposal : QUORUM.inform;
      while (this.sentZxid < through && this.inFlightBytes < options.inFlightBytesMax) {
        const entry = journal.window.after(this.sentZxid);
        assert(entry !== undefined, "what was proposed and not sent is in the window");
        this.member.transmit(this.connection, type, entry.zxid, entry.payload);
        this.sentZxid = entry.zxid;
        this.inFlight.push({ entry, sentAtMs: nowMs });
        this.inFlightBytes += entry.payload.length;
      }
    }
    // To an observer a proposal is committed by being sent.
    if (this.votes) this.sendCommits(committedZxid);
    else this.committedZxid = Math.max(this.committedZxid, this.sentZxid);
    this.maybeWelcome();
    for (let next = this.syncs.peek(); next !== undefined; next = this.syncs.peek()) {
      if (next.zxid > this.committedZxid || next.round > confirmedRound) break;
      this.syncs.shift();
      this.member.transmit(this.connection, QUORUM.sync, 0, null);
    }
    return true;
  }

  private maybeWelcome(): void {
    if (this.welcomeZxid === undefined || this.committedZxid < this.welcomeZxid) return;
    this.welcomeZxid = undefined;
    this.member.transmit(this.connection, QUORUM.upToDate, -1, null);
  }

  private sendCommits(committedZxid: Zxid): void {
    const through = Math.min(committedZxid, this.sentZxid);
    if (through <= this.committedZxid) return;
    if (this.batched) {
      this.member.transmit(this.connection, QUORUM.commit, through, null);
    } else {
      for (const { zxid } of this.member.journal.window.slice(this.committedZxid, through)) {
        this.member.transmit(this.connection, QUORUM.commit, zxid, null);
      }
    }
    this.committedZxid = through;
  }

  private release(zxid: Zxid): void {
    for (let next = this.inFlight.peek(); next !== undefined && next.entry.zxid <= zxid; next = this.inFlight.peek()) {
      this.inFlight.shift();
      this.inFlightBytes -= next.entry.payload.length;
    }
  }
}
