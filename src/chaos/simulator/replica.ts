import { assert } from "../../base/assert.js";
import { ByteReader, ByteWriter } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import {
  readLogRecord,
  type Transaction,
  TXN_DIGEST_VERSION,
  writeTransaction,
  writeTxnHeader,
} from "../../core/log/transactions.js";
import { Applier, type ChangeListener } from "../../core/request/apply.js";
import { ClientConnection } from "../../core/request/client-connection.js";
import { OutstandingChanges } from "../../core/request/outstanding-changes.js";
import { Preparer } from "../../core/request/prepare.js";
import { Reads } from "../../core/request/reads.js";
import { RequestError } from "../../core/request/request-error.js";
import { firstSessionId, sessionPassword } from "../../core/session/session-id.js";
import { SessionTable } from "../../core/session/session-table.js";
import { SessionTracker } from "../../core/session/session-tracker.js";
import { createFreshTree } from "../../core/tree/fresh.js";
import { ZnodeStore } from "../../core/tree/store.js";
import { type EmitEvent, WatchTables } from "../../core/tree/watches.js";
import type { ConnectionId, ForwardedRequest, LogEntry, Role, SessionEvent } from "../../core/zab/effects.js";
import type { ZabServer } from "../../core/zab/zab-server.js";
import { ERROR } from "../../jute/errors.js";
import { beginFrame, endFrame } from "../../jute/framing.js";
import { KEEPER_STATE, OP, XID } from "../../jute/opcodes.js";
import { ConnectRequest, ConnectResponse, STAT_BYTES, WatcherEvent } from "../../jute/records.js";
import type { SimulatedTree } from "./simulated-tree.js";

/** What a replica needs of the process it is part of. */
export interface ReplicaHost {
  readonly serverId: number;
  readonly machine: ZabServer;
  /** This server's own clock, in milliseconds. */
  readonly clockMs: number;
  proposed(entry: LogEntry): void;
}

/** A request that waits for its turn on its connection: a write for its commit, a sync for its round. */
interface PendingRequest {
  readonly xid: number;
  readonly op: number;
  readonly body: ByteReader;
  /** A sync that was confirmed. */
  done: boolean;
}

export class ReplicaConnection extends ClientConnection {
  readonly pending: PendingRequest[] = [];
  timeoutMs = 0;
  /** The session it has, once it is established. */
  id = 0n;
}

type Change = (emit: (zxid: Zxid) => EmitEvent<ReplicaConnection>) => void;

/** Small enough to be made anew at every restart of a simulated server. */
const ARENA_BYTES = 3 * 2 ** 19;
/** By server: one simulation runs at a time, and a store begins in memory that is wiped. */
const arenas = new Map<number, SharedArrayBuffer>();
const TICK_MS = 100;
/** Where the requests of the leader's own clients come from. */
const LOCAL: ConnectionId = -1;
const OPTIONS = { skipAcl: true, extendedTypesEnabled: false } as const;

/** What the simulated clients ask for. */
const WRITE_OPS: ReadonlySet<number> = new Set([OP.create, OP.delete, OP.setData, OP.closeSession]);

/**
 * The service on one server behind `ZabServer`: the core's own store, request preparation, application, reads, watches and
 * sessions, driven as a member of an ensemble drives them. Writes go to the leader, and are answered where they came
 * from, when they are applied there; a connection's answers leave in the order of its requests.
 */
export class Replica {
  store!: ZnodeStore;
  /** The last transaction applied. */
  appliedZxid: Zxid = 0;
  role: Role | undefined;
  protected readonly host: ReplicaHost;
  protected sessions: SessionTable | undefined;
  private watches!: WatchTables<ReplicaConnection>;
  private reads!: Reads;
  private applier!: Applier;
  /** The leader's: who is alive, who may write for whom, and what is being decided. */
  private tracker: SessionTracker | undefined;
  private readonly owners = new Map<bigint, ConnectionId>();
  private preparer: Preparer | undefined;
  private changes: OutstandingChanges | undefined;
  /** What the store's memory has to hold once each proposal is applied. */
  private readonly costs = new Map<Zxid, number>();
  private readonly connections = new Set<ReplicaConnection>();
  private readonly bySession = new Map<bigint, ReplicaConnection>();
  private readonly establishing = new Map<bigint, ReplicaConnection>();
  private readonly revalidating: { readonly sessionId: bigint; readonly connection: ReplicaConnection }[] = [];
  private syncs: { readonly connection: ReplicaConnection; readonly request: PendingRequest }[] = [];
  /** Applied changes that the watches have not been told of. */
  protected changed: { readonly zxid: Zxid; readonly tell: Change }[] = [];
  private dirty: ReplicaConnection[] = [];
  private nextSessionId: bigint;
  private readonly scratch = new ByteWriter(256);

  /** Nothing else may be called before `open`. */
  constructor(host: ReplicaHost) {
    this.host = host;
    this.nextSessionId = firstSessionId(host.serverId, host.clockMs);
  }

  /** Begins again with what `entries` make of an empty tree. */
  private load(entries: Iterable<LogEntry>): void {
    const { serverId } = this.host;
    const memory = arenas.get(serverId) ?? new SharedArrayBuffer(ARENA_BYTES);
    arenas.set(serverId, memory);
    this.store = ZnodeStore.create({ arenaBytesMax: ARENA_BYTES, hashSeed: serverId, readersMax: 0, memory });
    createFreshTree(this.store);
    this.sessions = new SessionTable();
    this.watches = new WatchTables();
    this.reads = new Reads(
      this.store,
      this.watches as WatchTables<ClientConnection>,
      OPTIONS,
      (connection, type, path) => this.sendEvent(connection as ReplicaConnection, type, path, -1),
    );
    this.applier = this.createApplier();
    this.appliedZxid = 0;
    for (const entry of entries) this.apply(entry);
  }

  /**
   * Serves the tree that `history` makes, which goes on from what was applied so far unless `anew`. Until then nobody sees
   * the tree, so what was applied or cut meanwhile is caught up with here, at once.
   */
  open(role: Role, history: SimulatedTree, anew: boolean): void {
    if (anew || this.sessions === undefined) this.load(history.after(0));
    else for (const entry of history.after(this.appliedZxid)) this.apply(entry);
    this.role = role;
    if (role !== "leading") return;
    this.tracker = new SessionTracker(TICK_MS, this.host.clockMs);
    for (const [id, timeoutMs] of this.sessions!.entries()) this.tracker.add(id, timeoutMs, this.host.clockMs);
    this.owners.clear();
    this.costs.clear();
    this.changes = new OutstandingChanges(this.store);
    this.preparer = new Preparer(this.store, this.changes, OPTIONS);
    this.applier = this.createApplier();
  }

  /** Serves nobody any more; returns whose connections are to be closed. */
  shut(): readonly ReplicaConnection[] {
    const gone = [...this.connections];
    for (const connection of gone) this.disconnected(connection);
    this.role = undefined;
    this.tracker = undefined;
    this.preparer = undefined;
    this.changes = undefined;
    this.applier = this.createApplier();
    this.establishing.clear();
    this.revalidating.length = 0;
    this.syncs = [];
    this.changed = [];
    return gone;
  }

  apply({ payload }: LogEntry): void {
    const { header, transaction } = readLogRecord(new ByteReader(payload));
    const context = { zxid: header.zxid, timeMs: header.time, sessionId: header.clientId };
    const err = this.applier.apply(transaction, context);
    this.appliedZxid = header.zxid;
    if (this.role === undefined) return;
    const costBytes = this.costs.get(header.zxid);
    this.costs.delete(header.zxid);
    if (costBytes !== undefined && this.changes !== undefined) this.changes.appliedCostBytes = costBytes;
    this.drain();
    if (transaction.type === OP.closeSession) {
      this.tracker?.remove(header.clientId);
      this.owners.delete(header.clientId);
    }
    if (transaction.type === OP.createSession) {
      const connection = this.establishing.get(header.clientId);
      this.establishing.delete(header.clientId);
      if (connection !== undefined) this.establish(connection, header.clientId, transaction.timeOut);
      return;
    }
    const connection = this.bySession.get(header.clientId);
    if (connection === undefined) return;
    const head = connection.pending[0];
    if (head !== undefined && head.xid === header.cxid && isWrite(head.op)) {
      connection.pending.shift();
      this.answerWrite(connection, head, transaction, err);
      if (err === ERROR.SESSIONMOVED || err === ERROR.SESSIONEXPIRED) this.close(connection);
    }
    if (transaction.type === OP.closeSession) this.close(connection);
    else this.answerWaiting(connection);
  }

  connected(connection: ReplicaConnection): void {
    this.connections.add(connection);
  }

  /** The connection is gone, its session is not. */
  disconnected(connection: ReplicaConnection): void {
    connection.phase = "closed";
    this.connections.delete(connection);
    this.watches.removeConnection(connection);
    if (this.bySession.get(connection.id) === connection) this.bySession.delete(connection.id);
    if (this.establishing.get(connection.id) === connection) this.establishing.delete(connection.id);
  }

  /** One frame's body, which is kept. Returns false where the connection is to be dropped at once. */
  received(connection: ReplicaConnection, frame: Buffer): boolean {
    if (connection.phase === "handshake") return this.handshake(connection, frame);
    if (connection.phase !== "open") return true;
    const xid = frame.readInt32BE(0);
    const op = frame.readInt32BE(4);
    const request = { xid, op, body: new ByteReader(frame, 8), done: false };
    this.touch(connection);
    if (isWrite(op)) {
      connection.pending.push(request);
      this.write(connection.id, xid, op, frame.subarray(8));
    } else if (op === OP.sync) {
      connection.pending.push(request);
      this.syncs.push({ connection, request });
      this.host.machine.sync({ sessionId: connection.id, cxid: xid, op, body: frame.subarray(8), ids: [] });
    } else if (this.hasToWait(connection)) {
      connection.pending.push(request);
    } else {
      this.answerRead(connection, request);
    }
    return true;
  }

  /** How many of the syncs asked for are confirmed, the oldest first. */
  syncsDone(count: number): void {
    for (const { connection, request } of this.syncs.splice(0, count)) {
      request.done = true;
      this.answerWaiting(connection);
    }
  }

  sessionEvent(event: SessionEvent): void {
    switch (event.kind) {
      case "touched": {
        const session = this.tracker?.get(event.sessionId);
        if (session !== undefined && !session.closing) this.tracker!.touch(session, this.host.clockMs);
        return;
      }
      case "revalidate": {
        const valid = this.revalidate(event.sessionId, event.connection);
        this.host.machine.answerRevalidation(event.connection, event.sessionId, valid);
        return;
      }
      case "revalidated": {
        const at = this.revalidating.findIndex(({ sessionId }) => sessionId === event.sessionId);
        if (at < 0) return;
        const [waiting] = this.revalidating.splice(at, 1);
        this.resume(waiting!.connection, event.sessionId, event.valid);
        return;
      }
    }
  }

  /** The leader's: decides on a write and proposes it. `connection` is the learner that it came through. */
  decide({ sessionId, cxid, op, body }: ForwardedRequest, connection: ConnectionId): void {
    const zxid = this.host.machine.nextZxid;
    const { preparer, changes } = this;
    if (zxid === undefined || preparer === undefined || changes === undefined) return;
    const { clockMs } = this.host;
    const timeMs = Math.floor(clockMs);
    const transaction = this.transactionOf(sessionId, op, body, connection, zxid, timeMs);
    const { scratch } = this;
    scratch.reset();
    const high = Number(BigInt.asIntN(32, sessionId >> 32n));
    writeTxnHeader(scratch, high, Number(BigInt.asIntN(32, sessionId)), cxid, zxid, timeMs, transaction.type);
    writeTransaction(scratch, transaction);
    if (transaction.type !== OP.error) {
      scratch.int32(TXN_DIGEST_VERSION);
      scratch.int32(changes.digestHigh | 0);
      scratch.int32(changes.digestLow | 0);
    }
    const entry = { zxid, payload: scratch.copy() };
    this.costs.set(zxid, changes.proposedCostBytes);
    this.host.proposed(entry);
    this.host.machine.propose(entry);
  }

  tick(): void {
    this.drain();
    this.expireSessions();
  }

  /** Connections with something to send; those in phase `closing` are to be closed behind it. */
  takeDirty(): readonly ReplicaConnection[] {
    const { dirty } = this;
    if (dirty.length === 0) return dirty;
    this.dirty = [];
    for (const connection of dirty) connection.dirty = false;
    return dirty;
  }

  /** The leader alone decides on the expiry of a session: it hears of those at other servers by their pings. */
  protected expireSessions(): void {
    if (this.tracker === undefined) return;
    for (const { id } of this.tracker.takeExpired(this.host.clockMs)) this.closeSession(id);
  }

  protected closeSession(sessionId: bigint): void {
    this.write(sessionId, 0, OP.closeSession, Buffer.alloc(0));
  }

  /** Tells the watches what has changed, which goes before every answer: no client sees data before its event. */
  protected drain(): void {
    if (this.changed.length === 0) return;
    const { changed } = this;
    this.changed = [];
    for (const { zxid, tell } of changed)
      tell(() => (connection, type, path) => this.sendEvent(connection, type, path, zxid));
  }

  /** Whether a read has to wait for what its client asked for before. */
  protected hasToWait(connection: ReplicaConnection): boolean {
    return connection.pending.length > 0;
  }

  private handshake(connection: ReplicaConnection, frame: Buffer): boolean {
    const asked = ConnectRequest.read(new ByteReader(frame));
    // A client that has seen more than this server shows has to find one that has caught up.
    if (asked.lastZxidSeen > BigInt(this.appliedZxid)) return false;
    connection.timeoutMs = asked.timeOut;
    connection.phase = "establishing";
    if (asked.sessionId === 0n) {
      connection.id = this.nextSessionId++;
      this.establishing.set(connection.id, connection);
      const body = Buffer.alloc(4);
      body.writeInt32BE(asked.timeOut, 0);
      this.write(connection.id, 0, OP.createSession, body);
    } else if (this.role === "leading") {
      this.resume(connection, asked.sessionId, this.revalidate(asked.sessionId, LOCAL));
    } else {
      this.revalidating.push({ sessionId: asked.sessionId, connection });
      this.host.machine.revalidate(asked.sessionId, asked.timeOut);
    }
    return true;
  }

  /** The leader's: a session that is alive moves to where it was asked about. */
  private revalidate(sessionId: bigint, connection: ConnectionId): boolean {
    const session = this.tracker?.get(sessionId);
    if (session === undefined || session.closing) return false;
    this.tracker!.touch(session, this.host.clockMs);
    this.owners.set(sessionId, connection);
    return true;
  }

  private resume(connection: ReplicaConnection, sessionId: bigint, valid: boolean): void {
    if (connection.phase !== "establishing") return;
    if (valid) {
      this.establish(connection, sessionId, connection.timeoutMs);
      return;
    }
    this.respondToConnect(connection, 0n, 0);
    this.close(connection);
  }

  private establish(connection: ReplicaConnection, sessionId: bigint, timeoutMs: number): void {
    const other = this.bySession.get(sessionId);
    if (other !== undefined) this.close(other);
    connection.id = sessionId;
    connection.timeoutMs = timeoutMs;
    connection.phase = "open";
    this.bySession.set(sessionId, connection);
    this.respondToConnect(connection, sessionId, timeoutMs);
  }

  private touch({ id, timeoutMs }: ReplicaConnection): void {
    if (this.tracker === undefined) {
      this.host.machine.touch(id, timeoutMs);
      return;
    }
    const session = this.tracker.get(id);
    if (session !== undefined && !session.closing) this.tracker.touch(session, this.host.clockMs);
  }

  private write(sessionId: bigint, cxid: number, op: number, body: Buffer): void {
    const request = { sessionId, cxid, op, body, ids: [] };
    if (this.role === "leading") this.decide(request, LOCAL);
    else this.host.machine.forward(request);
  }

  private transactionOf(
    sessionId: bigint,
    op: number,
    body: Buffer,
    connection: ConnectionId,
    zxid: Zxid,
    timeMs: number,
  ): Transaction {
    const { preparer, tracker, owners } = this;
    assert(preparer !== undefined && tracker !== undefined, "a leader decides");
    const { clockMs } = this.host;
    if (op === OP.createSession) {
      const timeOut = body.readInt32BE(0);
      tracker.add(sessionId, timeOut, clockMs);
      owners.set(sessionId, connection);
      return { type: OP.createSession, timeOut };
    }
    const session = tracker.get(sessionId);
    if (session === undefined || session.closing) return { type: OP.error, err: ERROR.SESSIONEXPIRED };
    if (op === OP.closeSession) {
      session.closing = true;
      return preparer.closeSession(sessionId, zxid);
    }
    const owner = owners.get(sessionId);
    if (owner !== undefined && owner !== connection) return { type: OP.error, err: ERROR.SESSIONMOVED };
    owners.set(sessionId, connection);
    tracker.touch(session, clockMs);
    const transaction = preparer.prepare({ sessionId, op, body: new ByteReader(body), ids: [] }, zxid, timeMs);
    assert(transaction !== undefined, "simulated clients send what can be decoded");
    return transaction;
  }

  private answerWaiting(connection: ReplicaConnection): void {
    for (let head = connection.pending[0]; head !== undefined; head = connection.pending[0]) {
      if (connection.phase !== "open" || isWrite(head.op) || (head.op === OP.sync && !head.done)) return;
      connection.pending.shift();
      if (head.op === OP.sync) this.answerSync(connection, head);
      else this.answerRead(connection, head);
    }
  }

  private answerRead(connection: ReplicaConnection, { xid, op, body }: PendingRequest): void {
    this.drain();
    const { output } = connection;
    // What setWatches finds to have happened goes before its reply.
    if (op === OP.setWatches) this.reads.restoreWatches(connection, op, body);
    const frame = this.beginReply(output, xid);
    try {
      if (op !== OP.setWatches) this.reads.answer(connection, op, body, output);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      output.offset = frame + 20;
      output.bytes.writeInt32BE(error.code, frame + 16);
    }
    this.endReply(connection, frame);
  }

  private answerSync(connection: ReplicaConnection, { xid, body }: PendingRequest): void {
    this.drain();
    const frame = this.beginReply(connection.output, xid);
    connection.output.string(body.string());
    this.endReply(connection, frame);
  }

  private answerWrite(
    connection: ReplicaConnection,
    { xid }: PendingRequest,
    transaction: Transaction,
    err: number,
  ): void {
    const { output } = connection;
    const frame = this.beginReply(output, xid);
    if (err !== ERROR.OK) output.bytes.writeInt32BE(err, frame + 16);
    else if (transaction.type === OP.create) output.string(transaction.path);
    else if (transaction.type === OP.setData) {
      const at = output.reserve(STAT_BYTES);
      this.store.copyStat(this.store.findPath(transaction.path), output.bytes, at);
    }
    this.endReply(connection, frame);
  }

  private respondToConnect(connection: ReplicaConnection, sessionId: bigint, timeOut: number): void {
    const { output } = connection;
    const frame = beginFrame(output);
    const passwd = sessionPassword(sessionId);
    ConnectResponse.write(output, { protocolVersion: 0, timeOut, sessionId, passwd, readOnly: undefined });
    this.endReply(connection, frame);
  }

  private beginReply(output: ByteWriter, xid: number): number {
    const frame = beginFrame(output);
    output.int32(xid);
    output.safeInt64(this.appliedZxid);
    output.int32(ERROR.OK);
    return frame;
  }

  private endReply(connection: ReplicaConnection, frame: number): void {
    endFrame(connection.output, frame);
    this.markDirty(connection);
  }

  private sendEvent(connection: ReplicaConnection, type: number, path: string, zxid: Zxid): void {
    const { output } = connection;
    const frame = beginFrame(output);
    output.int32(XID.notification);
    output.safeInt64(zxid);
    output.int32(ERROR.OK);
    WatcherEvent.write(output, { type, state: KEEPER_STATE.syncConnected, path });
    this.endReply(connection, frame);
  }

  private createApplier(): Applier {
    const { watches } = this;
    const publish = (zxid: Zxid, tell: Change): void => {
      if (watches.count > 0) this.changed.push({ zxid, tell });
    };
    const listener: ChangeListener = {
      get watching() {
        return watches.count > 0;
      },
      created: (path, zxid) => publish(zxid, (emit) => watches.nodeCreated(path, emit(zxid))),
      deleted: (path, _acl, _parentAcl, zxid) => publish(zxid, (emit) => watches.nodeDeleted(path, emit(zxid))),
      dataChanged: (path, zxid) => publish(zxid, (emit) => watches.nodeDataChanged(path, emit(zxid))),
    };
    return new Applier(this.store, this.sessions!, listener, this.changes);
  }

  private close(connection: ReplicaConnection): void {
    if (connection.phase === "closing" || connection.phase === "closed") return;
    connection.phase = "closing";
    this.markDirty(connection);
  }

  private markDirty(connection: ReplicaConnection): void {
    if (connection.dirty) return;
    connection.dirty = true;
    this.dirty.push(connection);
  }
}

function isWrite(op: number): boolean {
  return WRITE_OPS.has(op);
}
