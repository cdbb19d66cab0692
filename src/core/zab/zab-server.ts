import { assert } from "../../base/assert.js";
import { ByteWriter } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import type { Notification, ServerStateName } from "../../jute/election.js";
import type { QuorumPacket, QuorumType } from "../../jute/quorum.js";
import type {
  ConnectionId,
  ForwardedRequest,
  LogEntry,
  ReceivedRequest,
  SessionEvent,
  Transmission,
  ZabEffects,
  ZabMessage,
} from "./effects.js";
import { FastLeaderElection } from "./fast-leader-election.js";
import { Journal, type RecoveredState } from "./journal.js";
import { Leader, type LeaderStatus } from "./leader.js";
import { Learner, type RefusedTruncation } from "./learner.js";
import type { Member } from "./member.js";
import { checkZabOptions, type ZabOptions } from "./options.js";
import type { ServerId } from "./quorum-verifier.js";

/**
 * One member of an ensemble as a state machine: `advance`, `step` and `tick` go in, `takeEffects` comes out. It elects,
 * discovers, synchronizes and broadcasts; what a transaction means is not its business. The protocol is ZAB as Apache
 * ZooKeeper speaks it (Junqueira, Reed, Serafini: "Zab: High-performance broadcast for primary-backup systems", DSN
 * 2011; upstream: QuorumPeer).
 */
export class ZabServer implements Member {
  readonly options: ZabOptions;
  readonly journal: Journal;
  readonly scratch = new ByteWriter(64);
  nowMs: number;
  protected readonly election: FastLeaderElection;
  private state: Leader | Learner | undefined;
  /** Its disk hangs: whoever elected this server would wait for it in vain. */
  private isAside = false;
  /** Why this server last began to look for a leader. */
  lastReason = "it was started";
  /** Learners that came before this server knew whether it would lead, with what they said. */
  private readonly early = new Map<ConnectionId, QuorumPacket[]>();
  private refusedTruncation: RefusedTruncation | undefined;
  private nextConnection: ConnectionId = -1;
  private transmissions: Transmission[] = [];
  private events: (ReceivedRequest | SessionEvent)[] = [];
  private syncsDone = 0;

  /** `nowMs` is any monotonic clock. `start` begins the first election. */
  constructor(options: ZabOptions, recovered: RecoveredState, nowMs: number) {
    checkZabOptions(options);
    this.options = options;
    this.nowMs = nowMs;
    this.journal = new Journal(recovered, options.windowEntriesMin, options.windowBytesMax, options.windowHeldBytesMax);
    this.election = this.createElection((to, notification) => {
      this.transmissions.push({ kind: "notification", to, notification });
    });
  }

  start(): void {
    this.look();
  }

  get stateName(): ServerStateName {
    if (this.state instanceof Leader) return "leading";
    if (this.state instanceof Learner) return this.state.observing ? "observing" : "following";
    return "looking";
  }

  /** Clients may be served: between the commands `open` and `shut`. */
  get isServing(): boolean {
    return this.state instanceof Leader ? this.state.isBroadcasting : (this.state?.isActive ?? false);
  }

  /** Of a leader that serves. */
  get leaderStatus(): LeaderStatus | undefined {
    return this.state instanceof Leader && this.state.isBroadcasting ? this.state.status : undefined;
  }

  /** The zxid that the next proposal has to have; undefined unless this server may propose. */
  get nextZxid(): Zxid | undefined {
    return this.state instanceof Leader && this.state.isBroadcasting ? this.state.nextZxid : undefined;
  }

  advance(nowMs: number): void {
    assert(nowMs >= this.nowMs, "time does not run backwards");
    this.nowMs = nowMs;
  }

  step(message: ZabMessage): void {
    switch (message.kind) {
      case "notification":
        this.handleNotification(message.from, message.notification);
        return;
      case "peerUp":
        this.election.peerUp(message.peer, this.isElecting);
        return;
      case "peerDown":
        this.elected(this.election.peerDown(message.peer, this.isElecting, this.nowMs));
        return;
      case "accepted":
        this.handleAccepted(message.connection);
        return;
      case "connected":
        this.state?.connected(message.connection);
        return;
      case "disconnected":
        this.early.delete(message.connection);
        this.state?.disconnected(message.connection);
        return;
      case "packet":
        this.handlePacket(message.connection, message.packet);
        return;
      case "image":
        this.state?.imageReceived(message.connection);
        return;
      case "imageProgress":
        this.state?.imageProgress(message.connection);
        return;
      case "stored":
        this.journal.stored(message.sequence);
        this.state?.handleStored();
        return;
    }
  }

  /** To be called every few milliseconds: times are checked only here. */
  tick(): void {
    if (this.isElecting) this.elected(this.election.tick(this.nowMs));
    else this.state?.tick();
  }

  /** Only while `nextZxid` is defined, and with that zxid. */
  propose(entry: LogEntry): void {
    assert(this.state instanceof Leader, "only a leader proposes");
    this.state.propose(entry);
  }

  /** Sends a client's write on to the leader; only while a learner is serving. */
  forward(request: ForwardedRequest): void {
    assert(this.state instanceof Learner, "a leader proposes what its own clients ask for");
    this.state.forward(request);
  }

  /** Asks the leader for a sync; it is done when `syncsDone` counts it. A learner passes on its client's request. */
  sync(request: ForwardedRequest): void {
    assert(this.isServing, "clients sync with servers that serve");
    if (this.state instanceof Leader) this.state.sync();
    else (this.state as Learner).forward(request);
  }

  /** A client of this learner was heard of. */
  touch(sessionId: bigint, timeoutMs: number): void {
    if (this.state instanceof Learner) this.state.touch(sessionId, timeoutMs);
  }

  /** Asks the leader about a session that came to this learner from another server. */
  revalidate(sessionId: bigint, timeoutMs: number): void {
    assert(this.state instanceof Learner && this.state.isActive, "a learner asks, while it serves");
    this.state.revalidate(sessionId, timeoutMs);
  }

  answerRevalidation(connection: ConnectionId, sessionId: bigint, valid: boolean): void {
    if (this.state instanceof Leader) this.state.answerRevalidation(connection, sessionId, valid);
  }

  takeEffects(): ZabEffects {
    this.state?.flush();
    const { transmissions, events, syncsDone } = this;
    this.transmissions = [];
    this.events = [];
    this.syncsDone = 0;
    return { commands: this.journal.takeCommands(), transmissions, events, syncsDone };
  }

  transmit(connection: ConnectionId, type: QuorumType, zxid: Zxid, data: Buffer | null): void {
    this.transmitPacket(connection, { type, zxid, data, authinfo: null });
  }

  transmitPacket(connection: ConnectionId, packet: QuorumPacket): void {
    this.transmissions.push({ kind: "packet", connection, packet });
  }

  transmitImage(connection: ConnectionId, zxid: Zxid): void {
    this.transmissions.push({ kind: "image", connection, zxid });
  }

  connect(to: ServerId): ConnectionId {
    const connection = this.nextConnection--;
    this.transmissions.push({ kind: "connect", connection, to });
    return connection;
  }

  close(connection: ConnectionId, reason: string): void {
    this.transmissions.push({ kind: "close", connection, reason });
  }

  event(event: ReceivedRequest | SessionEvent): void {
    this.events.push(event);
  }

  syncDone(): void {
    this.syncsDone++;
  }

  enterEpoch(epoch: number): void {
    this.election.enterEpoch(epoch);
  }

  becomeLooking(reason: string): void {
    this.leaveState(reason);
    this.look();
  }

  standAside(reason: string): void {
    this.leaveState(reason);
    this.isAside = true;
    this.journal.whenStored(() => {
      this.isAside = false;
      this.look();
    });
  }

  protected createElection(send: (to: ServerId, notification: Notification) => void): FastLeaderElection {
    return new FastLeaderElection(this.options, send);
  }

  protected createLeader(): Leader {
    return new Leader(this);
  }

  private get isElecting(): boolean {
    return this.state === undefined && !this.isAside;
  }

  private leaveState(reason: string): void {
    assert(this.state !== undefined, "a server that is looking does not begin to");
    if (this.state instanceof Learner) this.refusedTruncation = this.state.refusedTruncation;
    this.state.end(reason);
    this.state = undefined;
    this.lastReason = reason;
  }

  private look(): void {
    const { currentEpoch, lastZxid } = this.journal;
    const own = { leader: this.options.serverId, zxid: lastZxid, peerEpoch: currentEpoch };
    this.elected(this.election.start(own, this.nowMs));
  }

  private elected(leader: ServerId | undefined): void {
    if (leader === undefined) return;
    if (leader === this.options.serverId) this.becomeLeading();
    else this.becomeFollowing(leader);
  }

  private becomeLeading(): void {
    assert(this.state === undefined, "a leader is elected among those who look");
    const leader = this.createLeader();
    this.state = leader;
    leader.begin();
    for (const [connection, packets] of [...this.early]) {
      this.early.delete(connection);
      if (this.state !== leader) {
        this.close(connection, this.lastReason);
        continue;
      }
      leader.accepted(connection);
      for (const packet of packets) leader.handlePacket(connection, packet);
    }
  }

  /** Follows or, being no voter, observes. */
  private becomeFollowing(leader: ServerId): void {
    assert(this.state === undefined, "a leader is followed by those who look");
    for (const connection of this.early.keys()) this.close(connection, `this server follows ${leader}`);
    this.early.clear();
    this.state = new Learner(this, leader, this.refusedTruncation);
    this.refusedTruncation = undefined;
  }

  private handleNotification(from: ServerId, notification: Notification): void {
    if (this.isElecting) this.elected(this.election.receive(from, notification, this.nowMs));
    else if (this.state !== undefined) this.election.answer(from, notification, this.stateName);
  }

  private handleAccepted(connection: ConnectionId): void {
    if (this.state instanceof Leader) this.state.accepted(connection);
    else if (this.state === undefined) this.keepEarly(connection);
    else this.close(connection, "this server does not lead");
  }

  private keepEarly(connection: ConnectionId): void {
    this.early.set(connection, []);
    if (this.early.size <= this.options.strangersMax) return;
    const [oldest] = this.early.keys();
    this.early.delete(oldest!);
    this.close(oldest!, "too many wait for this server to lead");
  }

  private handlePacket(connection: ConnectionId, packet: QuorumPacket): void {
    const early = this.early.get(connection);
    if (early === undefined) {
      this.state?.handlePacket(connection, packet);
    } else if (early.length === 0) {
      early.push(packet);
    } else {
      // A learner says who it is and then waits, so there is nothing more to keep.
      this.early.delete(connection);
      this.close(connection, "it does not wait for an answer");
    }
  }
}
