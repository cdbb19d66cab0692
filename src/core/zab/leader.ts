import { assert } from "../../base/assert.js";
import { ByteReader, MalformedBytesError } from "../../base/bytes.js";
import { COUNTER_MAX, counterOf, EPOCH_MAX, epochOf, makeZxid, type Zxid } from "../../base/zxid.js";
import { OP } from "../../jute/opcodes.js";
import {
  AckEpoch,
  LeaderInfo,
  LearnerInfo,
  QUORUM,
  QUORUM_PROTOCOL_VERSION,
  type QuorumPacket,
  quorumTypeName,
} from "../../jute/quorum.js";
import type { ConnectionId, LogEntry } from "./effects.js";
import { LearnerHandler } from "./learner-handler.js";
import type { Member, MemberState } from "./member.js";
import { ProposalSizes } from "./proposal-sizes.js";
import { quorumPosition, type ServerId } from "./quorum-verifier.js";

/**
 * Where a leader is: it finds an epoch that a quorum has not passed (`discovering`), puts it on disk, waits until a quorum has
 * accepted it (`proposing`), enters it and brings learners to its history (`synchronizing`) and, once a quorum stands
 * there, broadcasts.
 */
type Phase = "discovering" | "accepting" | "proposing" | "entering" | "synchronizing" | "broadcasting";

/** There are no epochs left that can be represented; nothing but a new ensemble helps. */
export class EpochExhaustedError extends Error {
  override readonly name = "EpochExhaustedError";
}

interface PendingLocalSync {
  readonly zxid: Zxid;
  readonly round: number;
}

/** What monitoring shows of a leader and those who follow it. */
export interface LeaderStatus {
  /** Everybody connected who has said who it is. */
  readonly learners: number;
  readonly syncedFollowers: number;
  readonly syncedObservers: number;
  /** Syncs that clients wait for. */
  readonly pendingSyncs: number;
  readonly uptimeMs: number;
  readonly epoch: number;
  /** As they are now; may be reset. */
  readonly proposalSizes: ProposalSizes;
}

/** A leader, from its election until it gives up (upstream: Leader). */
export class Leader implements MemberState {
  protected readonly member: Member;
  private phase: Phase = "discovering";
  /** Connections that have not said who they are. */
  private readonly strangers = new Set<ConnectionId>();
  private readonly handlers = new Map<ConnectionId, LearnerHandler>();
  private giveUpAtMs = 0;
  private epoch = -1;
  /** The epoch this server was in before it was elected. */
  private readonly enteredEpoch: number;
  private readonly acceptedBy = new Set<ServerId>();
  /** The leader's own history is on disk, and so is the epoch. */
  private entered = false;
  private committedZxid: Zxid = 0;
  private proposedZxid: Zxid = 0;
  /** The last round of confirmations that began, and the last that a quorum has answered. */
  private round = 0;
  private confirmedRound = 0;
  /** Somebody waits for a round that has not begun. */
  private roundWanted = false;
  private readonly localSyncs: PendingLocalSync[] = [];
  /** The last entry when this server's own log was looked at and found to lag, and when that was. */
  private unstored: { readonly zxid: Zxid; readonly sinceMs: number } | undefined;
  private broadcastingSinceMs = 0;
  private readonly proposalSizes = new ProposalSizes();
  private ended = false;

  constructor(member: Member) {
    this.member = member;
    this.enteredEpoch = member.journal.currentEpoch;
    this.extendDeadline();
  }

  /** Counts the leader itself, which may be all it takes. */
  begin(): void {
    this.maybeChooseEpoch();
  }

  get isBroadcasting(): boolean {
    return this.phase === "broadcasting";
  }

  get status(): LeaderStatus {
    const handlers = [...this.handlers.values()];
    const synchronized = handlers.filter(({ phase }) => phase === "synchronized");
    const syncedFollowers = synchronized.filter(({ votes }) => votes).length;
    return {
      learners: handlers.length,
      syncedFollowers,
      syncedObservers: synchronized.length - syncedFollowers,
      pendingSyncs: handlers.reduce((sum, handler) => sum + handler.pendingSyncs, this.localSyncs.length),
      uptimeMs: this.member.nowMs - this.broadcastingSinceMs,
      epoch: this.epoch,
      proposalSizes: this.proposalSizes,
    };
  }

  /** The zxid that the next proposal has to have. */
  get nextZxid(): Zxid {
    return this.proposedZxid + 1;
  }

  propose(entry: LogEntry): void {
    assert(this.phase === "broadcasting", "a leader proposes once a quorum stands at its history");
    assert(entry.zxid === this.nextZxid, "proposals have consecutive zxids");
    this.proposedZxid = entry.zxid;
    this.proposalSizes.record(entry.payload.length);
    this.member.journal.append(entry);
    // The counter must not run into the epoch, so the last one of an epoch ends it (upstream: Leader.propose).
    if (counterOf(entry.zxid) === COUNTER_MAX) this.member.becomeLooking("the zxids of this epoch are used up");
  }

  /** Asks for `syncDone` once everything proposed so far is applied here and a quorum still followed after this call. */
  sync(): void {
    this.localSyncs.push({ zxid: this.proposedZxid, round: this.wantRound() });
  }

  answerRevalidation(connection: ConnectionId, sessionId: bigint, valid: boolean): void {
    if (!this.handlers.has(connection)) return;
    const data = Buffer.allocUnsafeSlow(9);
    data.writeBigInt64BE(sessionId, 0);
    data[8] = valid ? 1 : 0;
    this.member.transmit(connection, QUORUM.revalidate, -1, data);
  }

  accepted(connection: ConnectionId): void {
    this.strangers.add(connection);
  }

  connected(): void {}

  disconnected(connection: ConnectionId): void {
    this.strangers.delete(connection);
    if (this.handlers.delete(connection)) this.maybeStepDown();
  }

  imageReceived(): void {}

  /** A quorum that is there, and needs a while to take a large tree, is not given up. */
  imageProgress(connection: ConnectionId): void {
    const handler = this.handlers.get(connection);
    handler?.heard();
    if (handler?.votes === true) this.extendDeadline();
  }

  handlePacket(connection: ConnectionId, packet: QuorumPacket): void {
    try {
      const problem = this.strangers.has(connection)
        ? this.introduce(connection, packet)
        : this.handleLearner(this.handlers.get(connection), packet);
      if (problem !== undefined) this.drop(connection, problem);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      this.drop(connection, error.message);
    }
  }

  handleStored(): void {
    this.maybeCommit();
  }

  tick(): void {
    const { nowMs } = this.member;
    if (this.phase === "broadcasting") {
      if (this.isLogOverdue()) {
        this.member.standAside("its own log did not become durable in time");
        return;
      }
    } else if (nowMs >= this.giveUpAtMs) {
      const waitsForDisk = this.phase === "accepting" || (this.phase === "synchronizing" && !this.entered);
      if (waitsForDisk) this.member.standAside(`its disk did not keep up while ${this.phase}`);
      else this.member.becomeLooking(`no quorum while ${this.phase}`);
      return;
    }
    for (const handler of [...this.handlers.values()]) {
      const problem = handler.overdue();
      if (problem !== undefined) this.drop(handler.connection, problem);
      else handler.ping();
      if (this.ended) return;
    }
  }

  flush(): void {
    if (this.phase !== "broadcasting") return;
    this.maybeBeginRound();
    let heldZxid = Number.POSITIVE_INFINITY;
    for (const handler of [...this.handlers.values()]) {
      if (handler.phase !== "synchronizing" && handler.phase !== "synchronized") continue;
      if (!handler.pump(this.committedZxid, this.confirmedRound)) this.drop(handler.connection, "fell too far behind");
      else heldZxid = Math.min(heldZxid, handler.needsBeyondZxid);
      if (this.ended) return;
    }
    this.member.journal.heldZxid = heldZxid;
    while (this.localSyncs.length > 0) {
      const { zxid, round } = this.localSyncs[0]!;
      if (zxid > this.committedZxid || round > this.confirmedRound) break;
      this.localSyncs.shift();
      this.member.syncDone();
    }
  }

  end(reason: string): void {
    this.ended = true;
    this.member.journal.heldZxid = Number.POSITIVE_INFINITY;
    for (const connection of [...this.strangers, ...this.handlers.keys()]) this.member.close(connection, reason);
    if (this.phase === "broadcasting") this.member.journal.shut();
  }

  /**
   * Followers commit without this server's disk, and what it has not stored has to be kept in memory: a leader has as long
   * for that as it gives its followers.
   */
  private isLogOverdue(): boolean {
    const { journal, nowMs, options } = this.member;
    if (this.unstored !== undefined && journal.durableZxid >= this.unstored.zxid) this.unstored = undefined;
    if (journal.durableZxid < journal.lastZxid) this.unstored ??= { zxid: journal.lastZxid, sinceMs: nowMs };
    return this.unstored !== undefined && nowMs - this.unstored.sinceMs >= options.syncLimit * options.tickTimeMs;
  }

  private introduce(connection: ConnectionId, packet: QuorumPacket): string | undefined {
    if (packet.type !== QUORUM.followerInfo && packet.type !== QUORUM.observerInfo) {
      return `began with ${quorumTypeName(packet.type)}`;
    }
    const { options } = this.member;
    const info = LearnerInfo.read(readerOf(packet));
    if (info.protocolVersion < QUORUM_PROTOCOL_VERSION) return "speaks a protocol without epochs";
    if ((info.configVersion ?? 0) > options.configVersion) return "has a newer configuration";
    const votes = packet.type === QUORUM.followerInfo && options.verifier.isVoter(info.serverId);
    if (packet.type === QUORUM.followerInfo && !votes) return "is no voter of this configuration";
    this.strangers.delete(connection);
    const handler = this.createHandler(this.member, connection, info, epochOf(packet.zxid), votes);
    for (const other of [...this.handlers.values()]) {
      // It would not have come again if its old connection were alive.
      if (other.serverId !== info.serverId) continue;
      this.handlers.delete(other.connection);
      this.member.close(other.connection, "connected again");
    }
    this.handlers.set(connection, handler);
    if (this.phase === "discovering") {
      this.maybeChooseEpoch();
    } else if (votes && handler.acceptedEpoch > this.epoch) {
      // It can follow nobody below that epoch, so it would stay out for good; upstream leaves it there.
      this.member.becomeLooking(`follower ${info.serverId} has accepted epoch ${handler.acceptedEpoch}`);
    } else if (this.phase !== "accepting") {
      this.inform(handler);
    }
    if (!this.ended) this.maybeStepDown();
    return undefined;
  }

  private handleLearner(handler: LearnerHandler | undefined, packet: QuorumPacket): string | undefined {
    if (handler === undefined) return undefined;
    handler.heard();
    switch (packet.type) {
      case QUORUM.ackEpoch:
        return this.handleAckEpoch(handler, packet);
      case QUORUM.ack:
        return this.handleAck(handler, packet.zxid);
      case QUORUM.ping:
        handler.echoed(packet.zxid);
        this.touchSessions(packet);
        return undefined;
      case QUORUM.round:
        handler.confirmedRound = Math.max(handler.confirmedRound, packet.zxid);
        this.maybeConfirmRound();
        return undefined;
      case QUORUM.request:
        return this.handleRequest(handler, packet);
      case QUORUM.revalidate: {
        const reader = readerOf(packet);
        const sessionId = reader.int64();
        const { connection } = handler;
        this.member.event({ kind: "revalidate", connection, sessionId, timeoutMs: reader.int32() });
        return undefined;
      }
      default:
        return `sent ${quorumTypeName(packet.type)}`;
    }
  }

  /** The epoch is beyond every epoch that a quorum has accepted, and on disk here before anybody hears of it. */
  private maybeChooseEpoch(): void {
    const { journal, options } = this.member;
    const connected = new Set<ServerId>([options.serverId]);
    let highest = journal.acceptedEpoch;
    for (const handler of this.handlers.values()) {
      highest = Math.max(highest, handler.acceptedEpoch);
      if (handler.votes) connected.add(handler.serverId);
    }
    if (!options.verifier.isQuorum(connected)) return;
    if (highest >= EPOCH_MAX) throw new EpochExhaustedError(`the ensemble has used epoch ${highest}, there is no next`);
    this.epoch = this.epochAfter(highest);
    this.phase = "accepting";
    journal.acceptEpoch(this.epoch);
    journal.whenStored(() => {
      if (this.ended) return;
      this.phase = "proposing";
      this.acceptedBy.add(options.serverId);
      for (const handler of this.handlers.values()) this.inform(handler);
      this.maybeEnterEpoch();
    });
  }

  protected createHandler(...args: ConstructorParameters<typeof LearnerHandler>): LearnerHandler {
    return new LearnerHandler(...args);
  }

  /** `highest` is the latest epoch that the leader or any of the quorum has accepted. */
  protected epochAfter(highest: number): number {
    return highest + 1;
  }

  private inform(handler: LearnerHandler): void {
    const { scratch } = this.member;
    scratch.reset();
    LeaderInfo.write(scratch, { protocolVersion: QUORUM_PROTOCOL_VERSION, batched: handler.batched });
    handler.phase = "informed";
    this.member.transmit(handler.connection, QUORUM.leaderInfo, makeZxid(this.epoch, 0), scratch.copy());
  }

  private handleAckEpoch(handler: LearnerHandler, packet: QuorumPacket): string | undefined {
    if (handler.phase !== "informed") return `sent ACKEPOCH while ${handler.phase}`;
    const { journal } = this.member;
    const { currentEpoch, floorZxid } = AckEpoch.read(readerOf(packet));
    handler.currentEpoch = currentEpoch;
    handler.floorZxid = floorZxid ?? 0;
    handler.lastZxid = packet.zxid;
    handler.phase = "accepted";
    if (this.phase === "synchronizing" || this.phase === "broadcasting") {
      handler.synchronize(this.epoch, this.enteredEpoch);
      return undefined;
    }
    if (!handler.votes || handler.currentEpoch === -1 || handler.lastZxid === -1 || this.phase !== "proposing") {
      return undefined;
    }
    const isAhead =
      handler.currentEpoch > journal.currentEpoch ||
      (handler.currentEpoch === journal.currentEpoch && handler.lastZxid > journal.lastZxid);
    if (isAhead) {
      this.member.becomeLooking(`follower ${handler.serverId} has a newer history`);
      return undefined;
    }
    this.acceptedBy.add(handler.serverId);
    this.maybeEnterEpoch();
    return undefined;
  }

  /** With a quorum that will follow no older epoch, this history is the one that counts: it is applied as it stands. */
  private maybeEnterEpoch(): void {
    const { journal, options } = this.member;
    if (!options.verifier.isQuorum(this.acceptedBy)) return;
    this.phase = "entering";
    journal.applyThrough(journal.lastZxid);
    this.committedZxid = journal.lastZxid;
    this.proposedZxid = makeZxid(this.epoch, 0);
    journal.enterEpoch(this.epoch);
    this.member.enterEpoch(this.epoch);
    this.phase = "synchronizing";
    for (const handler of this.handlers.values()) {
      if (handler.phase === "accepted") handler.synchronize(this.epoch, this.enteredEpoch);
    }
    journal.whenStored(() => {
      if (this.ended) return;
      this.entered = true;
      this.maybeBroadcast();
    });
  }

  private handleAck(handler: LearnerHandler, zxid: Zxid): string | undefined {
    if (handler.phase !== "synchronizing" && handler.phase !== "synchronized") return `sent ACK while ${handler.phase}`;
    if (zxid === makeZxid(this.epoch, 0)) {
      // The answer to UPTODATE looks the same and says nothing new.
      if (handler.phase === "synchronized") return undefined;
      handler.becomeSynchronized();
      if (this.phase === "broadcasting") handler.welcome(this.committedZxid);
      else this.maybeBroadcast();
      return undefined;
    }
    if (!handler.votes) return undefined;
    if (!handler.acknowledge(zxid)) return "acknowledged what it was not sent";
    this.maybeCommit();
    return undefined;
  }

  /** UPTODATE goes out, and clients are served, only once a quorum has stored the history of this epoch. */
  private maybeBroadcast(): void {
    if (this.phase !== "synchronizing" || !this.entered || !this.hasSynchronizedQuorum()) return;
    const { journal, options } = this.member;
    this.phase = "broadcasting";
    this.broadcastingSinceMs = this.member.nowMs;
    journal.open("leading", options.serverId, this.epoch);
    for (const handler of this.handlers.values())
      if (handler.phase === "synchronized") handler.welcome(this.committedZxid);
  }

  /** Commits what a quorum has on disk. The leader is one voter among others: its own sync is not waited for. */
  private maybeCommit(): void {
    if (this.phase !== "broadcasting") return;
    const { journal, options } = this.member;
    const positions = new Map<ServerId, Zxid>();
    if (options.verifier.isVoter(options.serverId)) positions.set(options.serverId, journal.durableZxid);
    for (const handler of this.handlers.values()) {
      if (handler.votes && handler.phase === "synchronized") positions.set(handler.serverId, handler.ackedZxid);
    }
    const position = quorumPosition(options.verifier, positions);
    if (position <= this.committedZxid || epochOf(position) !== this.epoch) return;
    this.committedZxid = position;
    journal.applyThrough(position);
  }

  private handleRequest(handler: LearnerHandler, packet: QuorumPacket): string | undefined {
    if (this.phase !== "broadcasting" || handler.phase !== "synchronized") return `sent REQUEST while ${handler.phase}`;
    const reader = readerOf(packet);
    const sessionId = reader.int64();
    const cxid = reader.int32();
    const op = reader.int32();
    if (op === OP.sync) handler.sync(this.proposedZxid, this.wantRound());
    else {
      const body = reader.bytes.subarray(reader.offset, reader.end);
      const { connection } = handler;
      this.member.event({ kind: "request", connection, sessionId, cxid, op, body, ids: packet.authinfo ?? [] });
    }
    return undefined;
  }

  private touchSessions({ data }: QuorumPacket): void {
    if (data === null) return;
    const reader = new ByteReader(data as Buffer);
    while (reader.remaining > 0) {
      const sessionId = reader.int64();
      this.member.event({ kind: "touched", sessionId, timeoutMs: reader.int32() });
    }
  }

  /**
   * The round that a sync has to wait for: one that begins after it came. If a quorum of voters still followed then, no
   * later leader had committed anything when the sync came. Servers of Apache ZooKeeper answer no rounds; where it takes
   * them to make a quorum, a sync only waits for the proposals before it, as theirs does (ZOOKEEPER-1675).
   */
  protected wantRound(): number {
    if (!this.isQuorumWith((handler) => handler.batched)) return 0;
    this.roundWanted = true;
    return this.round + 1;
  }

  /** One round at a time: whoever comes meanwhile shares the next. */
  private maybeBeginRound(): void {
    if (!this.roundWanted || this.confirmedRound < this.round) return;
    this.roundWanted = false;
    this.round++;
    for (const handler of this.handlers.values()) {
      if (handler.batched && handler.votes && handler.phase === "synchronized") {
        this.member.transmit(handler.connection, QUORUM.round, this.round, null);
      }
    }
    this.maybeConfirmRound();
  }

  private maybeConfirmRound(): void {
    if (this.isQuorumWith((handler) => handler.confirmedRound >= this.round)) this.confirmedRound = this.round;
  }

  protected hasSynchronizedQuorum(): boolean {
    return this.isQuorumWith(() => true);
  }

  private extendDeadline(): void {
    const { nowMs, options } = this.member;
    this.giveUpAtMs = nowMs + options.initLimit * options.tickTimeMs;
  }

  /** Whether the leader and those synchronized voters that `counts` holds for are a quorum. */
  private isQuorumWith(counts: (handler: LearnerHandler) => boolean): boolean {
    const { options } = this.member;
    const servers = new Set<ServerId>([options.serverId]);
    for (const handler of this.handlers.values()) {
      if (handler.votes && handler.phase === "synchronized" && counts(handler)) servers.add(handler.serverId);
    }
    return options.verifier.isQuorum(servers);
  }

  private drop(connection: ConnectionId, reason: string): void {
    this.strangers.delete(connection);
    const handler = this.handlers.get(connection);
    this.handlers.delete(connection);
    this.member.close(connection, handler === undefined ? reason : `learner ${handler.serverId} ${reason}`);
    if (!this.ended) this.maybeStepDown();
  }

  private maybeStepDown(): void {
    if (this.phase !== "broadcasting" || this.hasSynchronizedQuorum()) return;
    this.member.becomeLooking("no quorum follows any more");
  }
}

function readerOf({ data }: QuorumPacket): ByteReader {
  if (data === null) throw new MalformedBytesError("a packet without its data");
  return new ByteReader(data as Buffer);
}
