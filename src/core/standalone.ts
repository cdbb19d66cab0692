import { assert } from "../base/assert.js";
import { ByteReader, ByteWriter, CopyingReader, MalformedBytesError } from "../base/bytes.js";
import { RingBuffer } from "../base/ring.js";
import type { Zxid } from "../base/zxid.js";
import { ERROR } from "../jute/errors.js";
import { beginFrame, endFrame } from "../jute/framing.js";
import { MultiResponse, type MultiResult } from "../jute/multi.js";
import { EVENT_TYPE, KEEPER_STATE, OP, PERMISSION, XID } from "../jute/opcodes.js";
import { type Acl, ConnectRequest, ConnectResponse, type Id, STAT_BYTES, Stat, WatcherEvent } from "../jute/records.js";
import { beginEntry, endEntry } from "./log/log-format.js";
import { type Transaction, TXN_DIGEST_VERSION, writeTransaction, writeTxnHeader } from "./log/transactions.js";
import { permits } from "./request/access.js";
import { Applier, type ChangeListener, type PartResult } from "./request/apply.js";
import { type ClientConnection, type QueuedRequest, RequestStatistics } from "./request/client-connection.js";
import { OutstandingChanges } from "./request/outstanding-changes.js";
import { Preparer } from "./request/prepare.js";
import { Reads } from "./request/reads.js";
import { RequestError } from "./request/request-error.js";
import { sessionPassword } from "./session/session-id.js";
import type { SessionTable } from "./session/session-table.js";
import { SessionTracker } from "./session/session-tracker.js";
import { OPEN_ACL } from "./tree/acl-cache.js";
import { parentPath } from "./tree/paths.js";
import type { ZnodeStore } from "./tree/store.js";
import { type EmitEvent, WatchTables } from "./tree/watches.js";

export interface StandaloneOptions {
  readonly tickTimeMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly maxBufferBytes: number;
  readonly extendedTypesEnabled: boolean;
  readonly skipAcl: boolean;
  readonly firstSessionId: bigint;
  /** The zxid of the last transaction that was recovered. */
  readonly lastZxid: Zxid;
  /** Checks credentials of an auth packet: the ids they prove, or undefined where they are refused. */
  authenticate(scheme: string, auth: Buffer): readonly Id[] | undefined;
}

/** Log entries, framed as the log holds them: persist them, then tell `synced`. Valid until the next call of the core. */
export interface Append {
  /** Undefined where nothing was proposed. */
  readonly append: Buffer | undefined;
  /** The zxid of the last entry in `append`. */
  readonly appendZxid: Zxid;
}

/** A transaction that is on its way to the disk, or a request without one that waits for those before it. */
interface Proposal {
  readonly zxid: Zxid;
  readonly timeMs: number;
  readonly sessionId: bigint;
  /** Undefined for what changes nothing: a sync, a request that could not be decoded. */
  readonly transaction: Transaction | undefined;
  /** The answer to what has no transaction. */
  readonly err: number;
  /** Who is to be answered; undefined where the server itself proposed. */
  readonly connection: ClientConnection | undefined;
  readonly xid: number;
  readonly op: number;
  readonly receivedMs: number;
  /** What this and all proposals before it may take of the store's memory. */
  readonly costBytes: number;
}

const NONE: readonly ClientConnection[] = [];

/** After so many writes of one client, each alone in flight, the next is expected to be like them. */
const SOLE_WRITES_MIN = 16;

const WRITE_OPS: ReadonlySet<number> = new Set([
  OP.create,
  OP.create2,
  OP.createContainer,
  OP.createTTL,
  OP.delete,
  OP.setData,
  OP.setACL,
  OP.multi,
  OP.reconfig,
]);

/** A multi's create answers with a path only; the other creates with path and Stat (upstream: MultiResponse). */
const CREATES_WITH_STAT: ReadonlySet<number> = new Set([OP.create2, OP.createContainer, OP.createTTL]);

/**
 * A server on its own, as a state machine: `received`, `synced`, `tick` go in, `takeAppend` and `takeDirty` come
 * out. Time is passed in
 * by `advance`. Replies of a connection leave in the order of its requests; a write is applied and answered when its
 * transaction is on disk, and reads behind it wait for that, so a client always sees its own writes.
 */
export class StandaloneCore {
  readonly sessions: SessionTracker;
  readonly watches = new WatchTables<ClientConnection>();
  readonly connections = new Set<ClientConnection>();
  readonly statistics = new RequestStatistics();
  private readonly store: ZnodeStore;
  private readonly options: StandaloneOptions;
  private readonly changes: OutstandingChanges;
  private readonly preparer: Preparer;
  private readonly applier: Applier;
  private readonly reads: Reads;
  private readonly bySession = new Map<bigint, ClientConnection>();
  private readonly proposals = new RingBuffer<Proposal>(64);
  private readonly batch = new ByteWriter(65_536);
  private dirty: ClientConnection[] = [];
  private readonly request = new ByteReader(Buffer.alloc(0));
  /** Of writes, whose data is kept until they are applied. */
  private readonly write = new CopyingReader(Buffer.alloc(0));
  private nextSessionId: bigint;
  /** Who proposed last, and how many times in a row with nothing else in flight. */
  private lastProposer: ClientConnection | undefined;
  private soleWrites = 0;
  private nowMs: number;
  private wallMs: number;
  /** The last zxid given to a transaction. */
  proposedZxid: Zxid;
  /** The last transaction that was applied: what replies carry. */
  appliedZxid: Zxid;
  /** Transactions since the start, for the snapshot policy. */
  transactionCount = 0;

  constructor(store: ZnodeStore, table: SessionTable, options: StandaloneOptions, nowMs: number, wallMs: number) {
    this.store = store;
    this.options = options;
    this.nowMs = nowMs;
    this.wallMs = wallMs;
    this.proposedZxid = options.lastZxid;
    this.appliedZxid = options.lastZxid;
    this.nextSessionId = options.firstSessionId;
    this.sessions = new SessionTracker(options.tickTimeMs, nowMs);
    for (const [id, timeoutMs] of table.entries()) this.sessions.add(id, timeoutMs, nowMs);
    this.changes = new OutstandingChanges(store);
    this.preparer = new Preparer(store, this.changes, options);
    this.applier = new Applier(store, table, this.watchTrigger(), this.changes);
    this.reads = new Reads(store, this.watches, options, (connection, type, path) =>
      this.sendEvent(connection, type, path, -1),
    );
  }

  /** Writes that have been accepted and not answered yet. */
  get outstandingCount(): number {
    return this.proposals.length;
  }

  /** `nowMs` is monotonic and decides on expiry; `wallMs` since 1970 is what znodes are stamped with. */
  advance(nowMs: number, wallMs: number): void {
    this.nowMs = nowMs;
    this.wallMs = wallMs;
  }

  connected(connection: ClientConnection): void {
    this.connections.add(connection);
  }

  /** The connection is gone, its session is not. */
  disconnected(connection: ClientConnection): void {
    if (connection.phase === "closed") return;
    connection.phase = "closed";
    this.connections.delete(connection);
    this.watches.removeConnection(connection);
    if (connection.session !== undefined && this.bySession.get(connection.session.id) === connection) {
      this.bySession.delete(connection.session.id);
    }
    connection.queue.clear();
    connection.early.clear();
  }

  /** One frame's body. Returns false where the connection is to be dropped at once, without a reply. */
  received(connection: ClientConnection, bytes: Buffer, start: number, end: number): boolean {
    connection.statistics.receivedCount++;
    this.statistics.receivedCount++;
    switch (connection.phase) {
      case "handshake":
        return this.handshake(connection, bytes, start, end);
      case "establishing":
        connection.early.push(Buffer.from(bytes.subarray(start, end)));
        return true;
      case "open":
        return this.openFrame(connection, bytes, start, end);
      case "closing":
      case "closed":
        return true;
    }
  }

  /** Everything up to `zxid` is on disk: it is applied and answered. */
  synced(zxid: Zxid): void {
    for (;;) {
      const proposal = this.proposals.peek();
      if (proposal === undefined || proposal.zxid > zxid) return;
      this.proposals.shift();
      this.commit(proposal);
    }
  }

  /** Expires sessions; to be called once a tick or more often. */
  tick(): void {
    for (const session of this.sessions.takeExpired(this.nowMs)) this.proposeClose(session.id, undefined, 0);
  }

  /** Proposes the removal of a container or TTL znode that has no use any more; checked once more when it is prepared. */
  reap(path: string): void {
    const body = Buffer.alloc(4 + Buffer.byteLength(path));
    body.writeInt32BE(body.length - 4, 0);
    body.write(path, 4);
    const request = { sessionId: 0n, op: OP.deleteContainer, body: new ByteReader(body), ids: [] };
    const transaction = this.preparer.prepare(request, this.proposedZxid + 1, this.wallMs);
    assert(transaction !== undefined, "the server's own requests can be decoded");
    this.propose(transaction, undefined, 0n, 0, OP.deleteContainer);
  }

  /** One client writes, and waits for each write: until that is durable there is probably nothing else to do. */
  get hasSoleWriter(): boolean {
    return this.soleWrites >= SOLE_WRITES_MIN;
  }

  get hasAppend(): boolean {
    return this.batch.offset > 0;
  }

  /** What was proposed since the last call, in one piece. */
  takeAppend(): Append {
    const append = this.batch.offset === 0 ? undefined : this.batch.view();
    this.batch.reset();
    return { append, appendZxid: this.proposedZxid };
  }

  /** Connections with output to send; those in phase `closing` are to be closed once it is sent. */
  takeDirty(): readonly ClientConnection[] {
    if (this.dirty.length === 0) return NONE;
    const dirty = this.dirty;
    this.dirty = [];
    for (const connection of dirty) connection.dirty = false;
    return dirty;
  }

  private handshake(connection: ClientConnection, bytes: Buffer, start: number, end: number): boolean {
    let asked: ConnectRequest;
    try {
      asked = ConnectRequest.read(new ByteReader(bytes, start, end));
    } catch (error) {
      if (error instanceof MalformedBytesError) return false;
      throw error;
    }
    // A client that has seen more than we hold must find a server that has caught up (upstream: processConnectRequest).
    if (asked.lastZxidSeen > BigInt(this.appliedZxid)) return false;
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.options;
    const timeoutMs = Math.min(Math.max(asked.timeOut, minSessionTimeoutMs), maxSessionTimeoutMs);
    connection.sentReadOnly = asked.readOnly !== undefined;
    if (asked.sessionId === 0n) {
      connection.phase = "establishing";
      const id = this.nextSessionId++;
      this.propose({ type: OP.createSession, timeOut: timeoutMs }, connection, id, 0, OP.createSession);
      return true;
    }
    this.resume(connection, asked.sessionId, asked.passwd, timeoutMs);
    return true;
  }

  private resume(connection: ClientConnection, id: bigint, password: Uint8Array | null, timeoutMs: number): void {
    const session = this.sessions.get(id);
    const valid = password !== null && sessionPassword(id).equals(password);
    if (session === undefined || session.closing || !valid) {
      this.respondToConnect(connection, 0, 0n, Buffer.alloc(16));
      this.close(connection);
      return;
    }
    const other = this.bySession.get(id);
    if (other !== undefined) this.close(other);
    this.sessions.touch(session, this.nowMs);
    this.bySession.set(id, connection);
    connection.bind(session);
    connection.phase = "open";
    this.respondToConnect(connection, timeoutMs, id, sessionPassword(id));
  }

  private openFrame(connection: ClientConnection, bytes: Buffer, start: number, end: number): boolean {
    if (end - start < 8) return false;
    const xid = bytes.readInt32BE(start);
    const op = bytes.readInt32BE(start + 4);
    const session = connection.session;
    assert(session !== undefined, "an open connection has a session");
    if (op === OP.auth) return this.authenticate(connection, xid, bytes, start + 8, end);
    // A touch of a session that is being closed drops the request (upstream: ZooKeeperServer.touch).
    if (session.closing) return true;
    this.sessions.touch(session, this.nowMs);
    if (WRITE_OPS.has(op)) {
      this.acceptWrite(connection, xid, op, bytes, start + 8, end);
    } else if (op === OP.sync) {
      this.acceptSync(connection, xid, Buffer.from(bytes.subarray(start + 8, end)));
    } else if (op === OP.closeSession) {
      this.proposeClose(session.id, connection, xid);
    } else if (connection.queue.length > 0) {
      const body = Buffer.from(bytes.subarray(start + 8, end));
      connection.queue.push({ xid, op, body, receivedMs: this.nowMs });
    } else {
      this.answerRead(connection, xid, op, this.over(bytes, start + 8, end), this.nowMs);
    }
    return true;
  }

  private acceptWrite(
    connection: ClientConnection,
    xid: number,
    op: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const zxid = this.proposedZxid + 1;
    const body = this.write.over(bytes, start, end);
    const request = { sessionId: connection.sessionId, op, body, ids: connection.ids };
    const transaction = this.preparer.prepare(request, zxid, this.wallMs);
    connection.queue.push({ xid, op, body: undefined, receivedMs: this.nowMs });
    if (transaction === undefined) this.awaitTurn(connection, xid, op, ERROR.MARSHALLINGERROR);
    else this.propose(transaction, connection, connection.sessionId, xid, op);
  }

  /** Answered once every write accepted before it is applied. */
  private acceptSync(connection: ClientConnection, xid: number, body: Buffer): void {
    connection.queue.push({ xid, op: OP.sync, body, receivedMs: this.nowMs });
    this.awaitTurn(connection, xid, OP.sync, ERROR.OK);
  }

  /** For what takes no zxid: it is answered with `err` once every write accepted before it is. */
  private awaitTurn(connection: ClientConnection, xid: number, op: number, err: number): void {
    const proposal: Proposal = {
      zxid: this.proposedZxid,
      timeMs: this.wallMs,
      sessionId: connection.sessionId,
      transaction: undefined,
      err,
      connection,
      xid,
      op,
      receivedMs: this.nowMs,
      costBytes: this.changes.proposedCostBytes,
    };
    if (this.proposals.length === 0) this.commit(proposal);
    else this.proposals.push(proposal);
  }

  private proposeClose(id: bigint, connection: ClientConnection | undefined, xid: number): void {
    const session = this.sessions.get(id);
    if (session === undefined || session.closing) return;
    session.closing = true;
    const transaction = this.preparer.closeSession(id, this.proposedZxid + 1);
    connection?.queue.push({ xid, op: OP.closeSession, body: undefined, receivedMs: this.nowMs });
    this.propose(transaction, connection, id, xid, OP.closeSession);
  }

  private propose(
    transaction: Transaction,
    connection: ClientConnection | undefined,
    sessionId: bigint,
    xid: number,
    op: number,
  ): void {
    const zxid = this.proposedZxid + 1;
    this.proposedZxid = zxid;
    this.transactionCount++;
    this.soleWrites = connection === this.lastProposer && this.proposals.length === 0 ? this.soleWrites + 1 : 0;
    this.lastProposer = connection;
    const high =
      connection?.session === undefined ? Number(BigInt.asIntN(32, sessionId >> 32n)) : connection.sessionHigh;
    const low = connection?.session === undefined ? Number(BigInt.asIntN(32, sessionId)) : connection.sessionLow;
    const { batch } = this;
    const entry = beginEntry(batch);
    writeTxnHeader(batch, high, low, xid, zxid, this.wallMs, transaction.type);
    writeTransaction(batch, transaction);
    if (transaction.type !== OP.error) {
      batch.int32(TXN_DIGEST_VERSION);
      batch.int32(this.changes.digestHigh | 0);
      batch.int32(this.changes.digestLow | 0);
    }
    endEntry(batch, entry);
    this.proposals.push({
      zxid,
      timeMs: this.wallMs,
      sessionId,
      transaction,
      err: ERROR.OK,
      connection,
      xid,
      op,
      receivedMs: this.nowMs,
      costBytes: this.changes.proposedCostBytes,
    });
  }

  private commit(proposal: Proposal): void {
    const { transaction, connection } = proposal;
    const err = transaction === undefined ? proposal.err : this.applier.apply(transaction, proposal);
    this.appliedZxid = proposal.zxid;
    this.changes.appliedCostBytes = proposal.costBytes;
    if (transaction?.type === OP.createSession) this.sessions.add(proposal.sessionId, transaction.timeOut, this.nowMs);
    if (transaction?.type === OP.closeSession) this.sessions.remove(proposal.sessionId);
    if (transaction?.type === OP.closeSession && connection === undefined) {
      const expired = this.bySession.get(proposal.sessionId);
      if (expired !== undefined) this.close(expired);
    }
    if (connection === undefined || connection.phase === "closed") return;
    if (proposal.op === OP.createSession) {
      this.establish(connection, proposal);
      return;
    }
    const queued = connection.queue.shift();
    assert(queued !== undefined && queued.xid === proposal.xid, "replies leave in the order of their requests");
    this.replyToWrite(connection, proposal, queued, err);
    if (proposal.op === OP.closeSession) {
      this.close(connection);
      return;
    }
    this.drainReads(connection);
  }

  /** Answers the reads that stood behind the write just answered. */
  private drainReads(connection: ClientConnection): void {
    for (;;) {
      const next = connection.queue.peek();
      if (next?.body === undefined || next.op === OP.sync || connection.phase !== "open") return;
      connection.queue.shift();
      this.answerRead(connection, next.xid, next.op, this.over(next.body, 0, next.body.length), next.receivedMs);
    }
  }

  private establish(connection: ClientConnection, { sessionId, transaction }: Proposal): void {
    const session = this.sessions.get(sessionId);
    assert(session !== undefined && transaction?.type === OP.createSession, "a session is there once it is created");
    connection.bind(session);
    connection.phase = "open";
    this.bySession.set(sessionId, connection);
    this.respondToConnect(connection, transaction.timeOut, sessionId, sessionPassword(sessionId));
    for (;;) {
      const frame = connection.early.shift();
      if (frame === undefined) return;
      if (!this.received(connection, frame, 0, frame.length)) {
        this.close(connection);
        return;
      }
    }
  }

  private respondToConnect(connection: ClientConnection, timeOut: number, sessionId: bigint, passwd: Buffer): void {
    const { output } = connection;
    const frame = beginFrame(output);
    const readOnly = connection.sentReadOnly ? false : undefined;
    ConnectResponse.write(output, { protocolVersion: 0, timeOut, sessionId, passwd, readOnly });
    endFrame(output, frame);
    this.markDirty(connection);
  }

  /** Credentials are checked ahead of the pipeline, so this reply may overtake queued ones, as upstream's does. */
  private authenticate(connection: ClientConnection, xid: number, bytes: Buffer, start: number, end: number): boolean {
    const reader = new ByteReader(bytes, start, end);
    let proved: readonly Id[] | undefined;
    try {
      reader.int32();
      const scheme = reader.string();
      const auth = reader.buffer();
      proved = this.options.authenticate(scheme ?? "", auth ?? Buffer.alloc(0));
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      return false;
    }
    this.writeHeader(connection, xid, 0, proved === undefined ? ERROR.AUTHFAILED : ERROR.OK);
    if (proved === undefined) {
      this.close(connection);
      return true;
    }
    const held = new Set(connection.ids.map(({ scheme, id }) => `${scheme}\0${id}`));
    connection.ids = [...connection.ids, ...proved.filter(({ scheme, id }) => !held.has(`${scheme}\0${id}`))];
    return true;
  }

  private answerRead(
    connection: ClientConnection,
    xid: number,
    op: number,
    body: ByteReader,
    receivedMs: number,
  ): void {
    const { output } = connection;
    let err: number = ERROR.OK;
    let frame = -1;
    try {
      if (op === OP.setWatches || op === OP.setWatches2) {
        this.reads.restoreWatches(connection, op, body);
        frame = this.beginReply(output, xid);
      } else {
        frame = this.beginReply(output, xid);
        this.reads.answer(connection, op, body, output);
      }
    } catch (error) {
      if (error instanceof RequestError) err = error.code;
      else if (error instanceof MalformedBytesError) err = ERROR.MARSHALLINGERROR;
      else throw error;
      if (frame === -1) frame = this.beginReply(output, xid);
      output.offset = frame + 20;
      output.bytes.writeInt32BE(err, frame + 16);
      // Upstream answers this one ahead of its database, with a zxid of -1.
      if (err === ERROR.UNIMPLEMENTED) output.bytes.fill(0xff, frame + 8, frame + 16);
    }
    endFrame(output, frame);
    this.markDirty(connection);
    this.countReply(connection, op, xid, receivedMs);
    if (err === ERROR.UNIMPLEMENTED) this.close(connection);
  }

  private replyToWrite(connection: ClientConnection, proposal: Proposal, queued: QueuedRequest, err: number): void {
    const { output } = connection;
    const frame = this.beginReply(output, proposal.xid);
    if (err !== ERROR.OK) output.bytes.writeInt32BE(err, frame + 16);
    else if (queued.body !== undefined) output.raw(queued.body);
    else this.writeResult(output, proposal);
    endFrame(output, frame);
    this.markDirty(connection);
    this.countReply(connection, proposal.op, proposal.xid, queued.receivedMs);
  }

  private writeResult(output: ByteWriter, { transaction }: Proposal): void {
    assert(transaction !== undefined, "a write has a transaction");
    switch (transaction.type) {
      case OP.create:
        output.string(transaction.path);
        return;
      case OP.create2:
      case OP.createContainer:
      case OP.createTTL:
        output.string(transaction.path);
        this.writeStatOfLast(output);
        return;
      case OP.setData:
      case OP.setACL:
        this.writeStatOfLast(output);
        return;
      case OP.multi:
        MultiResponse.write(output, this.applier.lastParts.map(resultOfPart));
        return;
      default:
        return;
    }
  }

  private writeStatOfLast(output: ByteWriter): void {
    const at = output.reserve(STAT_BYTES);
    this.store.copyStat(this.store.changedNode, output.bytes, at);
  }

  private beginReply(output: ByteWriter, xid: number): number {
    const frame = beginFrame(output);
    output.int32(xid);
    output.safeInt64(this.appliedZxid);
    output.int32(ERROR.OK);
    return frame;
  }

  private writeHeader(connection: ClientConnection, xid: number, zxid: Zxid, err: number): void {
    const { output } = connection;
    const frame = beginFrame(output);
    output.int32(xid);
    output.safeInt64(zxid);
    output.int32(err);
    endFrame(output, frame);
    this.markDirty(connection);
  }

  private sendEvent(connection: ClientConnection, type: number, path: string, zxid: Zxid): void {
    const { output } = connection;
    const frame = beginFrame(output);
    output.int32(XID.notification);
    output.safeInt64(zxid);
    output.int32(ERROR.OK);
    WatcherEvent.write(output, { type, state: KEEPER_STATE.syncConnected, path });
    endFrame(output, frame);
    connection.statistics.sentCount++;
    this.statistics.sentCount++;
    this.markDirty(connection);
  }

  /** Events are queued before the reply to the write that caused them, and before any read that shows its effect. */
  private watchTrigger(): ChangeListener {
    const { watches, store } = this;
    const aclOf = (path: string): readonly Acl[] => {
      const node = store.findPath(path);
      return (node === 0 ? undefined : store.acls.get(store.aclId(node))) ?? OPEN_ACL;
    };
    const emitter =
      (zxid: Zxid, acl: readonly Acl[], parentAcl: readonly Acl[]): EmitEvent<ClientConnection> =>
      (connection, type, path) => {
        const governing = type === EVENT_TYPE.nodeChildrenChanged ? parentAcl : acl;
        const readable = this.options.skipAcl || permits(governing, PERMISSION.read, connection.ids);
        if (readable) this.sendEvent(connection, type, path, zxid);
      };
    return {
      get watching() {
        return watches.count > 0;
      },
      created: (path, zxid) => {
        if (watches.count > 0) watches.nodeCreated(path, emitter(zxid, aclOf(path), aclOf(parentPath(path))));
      },
      deleted: (path, acl, parentAcl, zxid) => {
        if (watches.count > 0) watches.nodeDeleted(path, emitter(zxid, acl, parentAcl));
      },
      dataChanged: (path, zxid) => {
        if (watches.count > 0) watches.nodeDataChanged(path, emitter(zxid, aclOf(path), OPEN_ACL));
      },
    };
  }

  private close(connection: ClientConnection): void {
    if (connection.phase === "closing" || connection.phase === "closed") return;
    connection.phase = "closing";
    this.markDirty(connection);
  }

  private countReply(connection: ClientConnection, op: number, xid: number, receivedMs: number): void {
    const latencyMs = this.nowMs - receivedMs;
    connection.statistics.replied(op, xid, this.appliedZxid, latencyMs, this.nowMs);
    this.statistics.replied(op, xid, this.appliedZxid, latencyMs, this.nowMs);
  }

  private markDirty(connection: ClientConnection): void {
    if (connection.dirty) return;
    connection.dirty = true;
    this.dirty.push(connection);
  }

  /** The one reader, set over other bytes: requests are decoded one at a time. */
  private over(bytes: Buffer, start: number, end: number): ByteReader {
    return this.request.over(bytes, start, end);
  }
}

function resultOfPart({ type, err, path, stat }: PartResult): MultiResult {
  if (type === OP.error || err !== ERROR.OK) return { type: OP.error, response: { err } };
  if (stat !== undefined) {
    const decoded = Stat.read(new ByteReader(stat));
    return CREATES_WITH_STAT.has(type)
      ? { type: OP.create2, response: { path, stat: decoded } }
      : { type: OP.setData, response: { stat: decoded } };
  }
  if (type === OP.create) return { type, response: { path } };
  return type === OP.check ? { type: OP.check, response: null } : { type: OP.delete, response: null };
}
