import { assert } from "../../base/assert.js";
import { ByteReader, MalformedBytesError } from "../../base/bytes.js";
import { COUNTER_MAX, counterOf, epochOf, formatZxid, makeZxid, type Zxid } from "../../base/zxid.js";
import {
  AckEpoch,
  LeaderInfo,
  LearnerInfo,
  QUORUM,
  QUORUM_PROTOCOL_VERSION,
  type QuorumPacket,
  quorumTypeName,
} from "../../jute/quorum.js";
import type { ConnectionId, ForwardedRequest } from "./effects.js";
import type { Member, MemberState } from "./member.js";
import type { ServerId } from "./quorum-verifier.js";

/**
 * Where a learner is: it connects, learns the new epoch (`discovering`), has accepted it (`choosing`: the leader decides how to
 * synchronize), is brought to the leader's history, stores it (`storing`), has said so (`ready`) and is `active`.
 */
type Phase =
  | "connecting"
  | "discovering"
  | "choosing"
  | "installing"
  | "synchronizing"
  | "storing"
  | "ready"
  | "active";

/**
 * Reported in place of where the history ends, this makes a leader send an image: upstream's would have to truncate across
 * epochs, which it does not (LearnerHandler.queueCommittedProposals). Zero would not do: the answer to that may be
 * everything since the beginning, which could be stored only in place of acknowledged history.
 */
const WANTS_IMAGE = makeZxid(0, COUNTER_MAX);

/** Why a learner reports another history than it has: a leader told it to cut where it cannot. */
export interface RefusedTruncation {
  readonly epoch: number;
  /** The last entry of its own before that, or `WANTS_IMAGE` where it knows none that it can cut back to. */
  readonly zxid: Zxid;
}

/** A follower or an observer (upstream: Learner, Follower, Observer). */
export class Learner implements MemberState {
  readonly leader: ServerId;
  readonly observing: boolean;
  private readonly member: Member;
  private phase: Phase = "connecting";
  private connection: ConnectionId;
  /** When to connect again, after the leader did not accept. */
  private retryAtMs: number | undefined;
  private giveUpAtMs: number;
  private epoch = -1;
  /** The leader announced the batched extension too. */
  private batched = false;
  /** The last entry that was acknowledged. */
  private ackedZxid: Zxid = 0;
  private imageZxid: Zxid = 0;
  /** The history is reported, and will be cut, up to here. */
  private claimedZxid: Zxid | undefined;
  private readonly touched = new Map<bigint, number>();
  private opened = false;
  private ended = false;
  private readonly refusedBefore: RefusedTruncation | undefined;
  /** Set where the leader's truncation could not be carried out; to be handed to the next attempt. */
  refusedTruncation: RefusedTruncation | undefined;

  constructor(member: Member, leader: ServerId, refusedBefore: RefusedTruncation | undefined) {
    this.member = member;
    this.leader = leader;
    this.refusedBefore = refusedBefore;
    this.observing = !member.options.verifier.isVoter(member.options.serverId);
    this.giveUpAtMs = member.nowMs + member.options.peerTimeoutMs;
    this.connection = member.connect(leader);
  }

  get isActive(): boolean {
    return this.phase === "active";
  }

  connected(connection: ConnectionId): void {
    if (connection !== this.connection) return;
    const { options, journal, scratch } = this.member;
    this.phase = "discovering";
    this.extendDeadline();
    scratch.reset();
    LearnerInfo.write(scratch, {
      serverId: options.serverId,
      protocolVersion: QUORUM_PROTOCOL_VERSION,
      configVersion: options.configVersion,
      batched: options.batched,
    });
    const type = this.observing ? QUORUM.observerInfo : QUORUM.followerInfo;
    this.member.transmit(connection, type, makeZxid(journal.acceptedEpoch, 0), scratch.copy());
  }

  disconnected(connection: ConnectionId): void {
    if (connection !== this.connection) return;
    if (this.phase === "connecting") this.retryAtMs = this.member.nowMs + this.member.options.connectRetryMs;
    else this.member.becomeLooking(`the connection to leader ${this.leader} is gone`);
  }

  tick(): void {
    const { nowMs } = this.member;
    if (nowMs >= this.giveUpAtMs) {
      this.member.becomeLooking(`leader ${this.leader} was silent while ${this.phase}`);
    } else if (this.retryAtMs !== undefined && nowMs >= this.retryAtMs) {
      this.retryAtMs = undefined;
      this.connection = this.member.connect(this.leader);
    }
  }

  handlePacket(connection: ConnectionId, packet: QuorumPacket): void {
    if (connection !== this.connection) return;
    this.extendDeadline();
    try {
      if (!this.accept(packet)) this.refuse(`${quorumTypeName(packet.type)} while ${this.phase}`);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      this.refuse(error.message);
    }
  }

  imageReceived(connection: ConnectionId): void {
    if (connection !== this.connection) return;
    assert(this.phase === "installing", "an image comes behind SNAP");
    this.extendDeadline();
    this.member.journal.install(this.imageZxid, connection);
    this.phase = "synchronizing";
  }

  imageProgress(connection: ConnectionId): void {
    if (connection === this.connection) this.extendDeadline();
  }

  /** What has become durable is acknowledged; entries that came before NEWLEADER only together with it. */
  handleStored(): void {
    if (this.observing || (this.phase !== "ready" && this.phase !== "active")) return;
    const { durableZxid, window } = this.member.journal;
    if (durableZxid <= this.ackedZxid) return;
    if (this.batched) {
      this.member.transmit(this.connection, QUORUM.ack, durableZxid, null);
    } else {
      for (const { zxid } of window.slice(Math.max(this.ackedZxid, window.baseZxid), durableZxid)) {
        this.member.transmit(this.connection, QUORUM.ack, zxid, null);
      }
    }
    this.ackedZxid = durableZxid;
  }

  flush(): void {}

  end(reason: string): void {
    this.ended = true;
    this.member.close(this.connection, reason);
    if (this.opened) this.member.journal.shut();
  }

  /** Sends a client's write, or sync, on to the leader. */
  forward({ sessionId, cxid, op, body, ids }: ForwardedRequest): void {
    assert(this.phase === "active", "requests are forwarded while clients are served");
    const data = Buffer.allocUnsafeSlow(16 + body.length);
    data.writeBigInt64BE(sessionId, 0);
    data.writeInt32BE(cxid, 8);
    data.writeInt32BE(op, 12);
    body.copy(data, 16);
    this.member.transmitPacket(this.connection, { type: QUORUM.request, zxid: -1, data, authinfo: ids });
  }

  /** Remembers a session that was heard of, for the answer to the leader's next ping. */
  touch(sessionId: bigint, timeoutMs: number): void {
    this.touched.set(sessionId, timeoutMs);
  }

  /** Asks the leader whether a session that moved here is alive. */
  revalidate(sessionId: bigint, timeoutMs: number): void {
    const data = Buffer.allocUnsafeSlow(12);
    data.writeBigInt64BE(sessionId, 0);
    data.writeInt32BE(timeoutMs, 8);
    this.member.transmit(this.connection, QUORUM.revalidate, -1, data);
  }

  /** Returns false for what does not belong here. */
  private accept(packet: QuorumPacket): boolean {
    switch (this.phase) {
      case "connecting":
      case "installing":
      case "storing":
        return this.acceptAnywhere(packet) || (this.phase === "storing" && this.acceptHistory(packet));
      case "discovering":
        return packet.type === QUORUM.leaderInfo && this.epoch === -1 && this.handleLeaderInfo(packet);
      case "choosing":
        return this.acceptChoice(packet) || this.acceptAnywhere(packet);
      case "synchronizing":
        if (packet.type === QUORUM.newLeader) return this.handleNewLeader(packet);
        return this.acceptHistory(packet) || this.acceptAnywhere(packet);
      case "ready":
        if (packet.type === QUORUM.upToDate) return this.becomeActive();
        return this.acceptHistory(packet) || this.acceptAnywhere(packet);
      case "active":
        return this.acceptHistory(packet) || this.acceptAnywhere(packet) || this.acceptAnswer(packet);
    }
  }

  private acceptAnywhere(packet: QuorumPacket): boolean {
    switch (packet.type) {
      case QUORUM.ping:
        this.member.transmit(this.connection, QUORUM.ping, packet.zxid, this.takeTouched());
        return true;
      case QUORUM.round:
        this.member.transmit(this.connection, QUORUM.round, packet.zxid, null);
        return true;
      default:
        return false;
    }
  }

  private acceptChoice(packet: QuorumPacket): boolean {
    switch (packet.type) {
      case QUORUM.diff:
        return this.handleDiff(packet.zxid);
      case QUORUM.trunc:
        return this.handleTrunc(packet.zxid);
      case QUORUM.snap:
        this.imageZxid = packet.zxid;
        this.phase = "installing";
        return true;
      default:
        return false;
    }
  }

  private acceptHistory(packet: QuorumPacket): boolean {
    switch (packet.type) {
      case QUORUM.proposal:
        return this.handleProposal(packet);
      case QUORUM.commit:
        return this.handleCommit(packet.zxid);
      case QUORUM.inform:
        return this.handleProposal(packet) && this.handleCommit(packet.zxid);
      default:
        return false;
    }
  }

  private acceptAnswer(packet: QuorumPacket): boolean {
    switch (packet.type) {
      case QUORUM.sync:
        this.member.syncDone();
        return true;
      case QUORUM.revalidate: {
        const reader = readerOf(packet);
        const sessionId = reader.int64();
        this.member.event({ kind: "revalidated", sessionId, valid: reader.bool() });
        return true;
      }
      default:
        return false;
    }
  }

  /** The epoch is accepted on disk before the leader hears of it, so that no older leader can count on this server. */
  private handleLeaderInfo(packet: QuorumPacket): boolean {
    const { journal, options } = this.member;
    const epoch = epochOf(packet.zxid);
    if (epoch < journal.acceptedEpoch) return false;
    this.epoch = epoch;
    this.batched = options.batched && LeaderInfo.read(readerOf(packet)).batched;
    const isNew = epoch > journal.acceptedEpoch;
    if (isNew) journal.acceptEpoch(epoch);
    else if (this.refusedBefore?.epoch === epoch) this.claimedZxid = this.refusedBefore.zxid;
    journal.whenStored(() => {
      if (this.ended) return;
      const { scratch } = this.member;
      scratch.reset();
      const floorZxid = this.batched ? journal.floorZxid : undefined;
      AckEpoch.write(scratch, { currentEpoch: isNew ? journal.currentEpoch : -1, floorZxid });
      this.phase = "choosing";
      this.member.transmit(this.connection, QUORUM.ackEpoch, this.claimedZxid ?? journal.lastZxid, scratch.copy());
    });
    return true;
  }

  /** The leader has committed this server's whole log, so all of it counts; `zxid` is how far it has come. */
  private handleDiff(zxid: Zxid): boolean {
    const { journal } = this.member;
    if (zxid < (this.claimedZxid ?? journal.lastZxid) || this.claimedZxid === WANTS_IMAGE) return false;
    if (this.claimedZxid !== undefined) journal.truncate(this.claimedZxid);
    journal.applyThrough(journal.lastZxid);
    this.phase = "synchronizing";
    return true;
  }

  private handleTrunc(zxid: Zxid): boolean {
    const { journal } = this.member;
    if (zxid > journal.lastZxid) return false;
    const before = journal.window.lastAtOrBefore(zxid);
    // Leaders of the extension choose entries that both hold, and know how far back this server can go.
    const holds = before === undefined ? this.batched : before === zxid;
    if (!holds || zxid < journal.floorZxid) {
      // Upstream's leader truncates to its own last entry even where this server cannot have it. Another report makes it
      // choose again; nothing is cut until both hold the same entry, or an image has come.
      const canReport = before !== undefined && before >= journal.floorZxid;
      this.refusedTruncation = { epoch: this.epoch, zxid: canReport ? before : WANTS_IMAGE };
      return false;
    }
    journal.truncate(zxid);
    journal.applyThrough(zxid);
    this.phase = "synchronizing";
    return true;
  }

  private handleProposal({ zxid, data }: QuorumPacket): boolean {
    const { journal } = this.member;
    const follows =
      epochOf(zxid) === epochOf(journal.lastZxid)
        ? zxid === journal.lastZxid + 1
        : zxid > journal.lastZxid && counterOf(zxid) === 1;
    if (!follows || data === null) return false;
    journal.append({ zxid, payload: data as Buffer });
    return true;
  }

  /** With the batched extension a commit stands for everything before it, otherwise it has to name the next entry. */
  private handleCommit(zxid: Zxid): boolean {
    const { journal } = this.member;
    if (zxid <= journal.appliedZxid || zxid > journal.lastZxid) return false;
    if (!this.batched && journal.window.after(journal.appliedZxid)?.zxid !== zxid) return false;
    journal.applyThrough(zxid);
    return true;
  }

  /** The epoch is entered on disk behind the history it begins with, and only then acknowledged (ZOOKEEPER-4643). */
  private handleNewLeader({ zxid }: QuorumPacket): boolean {
    const { journal } = this.member;
    if (zxid !== makeZxid(this.epoch, 0) || this.epoch !== journal.acceptedEpoch) return false;
    journal.enterEpoch(this.epoch);
    this.member.enterEpoch(this.epoch);
    this.phase = "storing";
    const committedZxid = journal.appliedZxid;
    journal.whenStored(() => {
      if (this.ended) return;
      this.phase = "ready";
      this.member.transmit(this.connection, QUORUM.ack, zxid, null);
      this.ackedZxid = committedZxid;
      this.handleStored();
    });
    return true;
  }

  private becomeActive(): boolean {
    this.phase = "active";
    this.opened = true;
    this.member.transmit(this.connection, QUORUM.ack, makeZxid(this.epoch, 0), null);
    this.member.journal.open(this.observing ? "observing" : "following", this.leader, this.epoch);
    return true;
  }

  private takeTouched(): Buffer {
    const data = Buffer.allocUnsafeSlow(this.touched.size * 12);
    let at = 0;
    for (const [sessionId, timeoutMs] of this.touched) {
      data.writeBigInt64BE(sessionId, at);
      data.writeInt32BE(timeoutMs, at + 8);
      at += 12;
    }
    this.touched.clear();
    return data;
  }

  private extendDeadline(): void {
    const { nowMs, options } = this.member;
    const synchronized = this.phase === "ready" || this.phase === "active";
    const limitMs = synchronized
      ? this.batched
        ? options.peerTimeoutMs
        : options.syncLimit * options.tickTimeMs
      : options.initLimit * options.tickTimeMs;
    this.giveUpAtMs = nowMs + limitMs;
  }

  private refuse(what: string): void {
    const { journal } = this.member;
    const place = `accepted epoch ${journal.acceptedEpoch}, last zxid 0x${formatZxid(journal.lastZxid)}`;
    this.member.becomeLooking(`leader ${this.leader} sent ${what}, which cannot be (${place})`);
  }
}

function readerOf({ data }: QuorumPacket): ByteReader {
  if (data === null) throw new MalformedBytesError("a packet without its data");
  return new ByteReader(data as Buffer);
}
