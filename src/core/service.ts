import { assert } from "../base/assert.js";
import { ByteReader, type ByteWriter, MalformedBytesError } from "../base/bytes.js";
import type { Zxid } from "../base/zxid.js";
import { ERROR } from "../jute/errors.js";
import { beginFrame, endFrame } from "../jute/framing.js";
import { MultiResponse, type MultiResult } from "../jute/multi.js";
import { EVENT_TYPE, KEEPER_STATE, OP, PERMISSION, XID } from "../jute/opcodes.js";
import { type Acl, ConnectRequest, ConnectResponse, type Id, STAT_BYTES, Stat, WatcherEvent } from "../jute/records.js";
import type { Transaction } from "./log/transactions.js";
import { idBytes, permits } from "./request/access.js";
import { Applier, type ChangeListener, type PartResult } from "./request/apply.js";
import { CLIENT_IDS_BYTES_MAX, type ClientConnection, RequestStatistics } from "./request/client-connection.js";
import { OutstandingChanges } from "./request/outstanding-changes.js";
import { Preparer } from "./request/prepare.js";
import { Reads } from "./request/reads.js";
import { RequestError } from "./request/request-error.js";
import { sessionPassword } from "./session/session-id.js";
import type { SessionTable } from "./session/session-table.js";
import type { Session, SessionTracker } from "./session/session-tracker.js";
import { OPEN_ACL } from "./tree/acl-cache.js";
import { parentPath } from "./tree/paths.js";
import type { ZnodeStore } from "./tree/store.js";
import { type EmitEvent, WatchTables } from "./tree/watches.js";

export interface ServiceOptions {
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

const NONE: readonly ClientConnection[] = [];

/** Requests that become transactions; a closeSession does as well. */
export const WRITE_OPS: ReadonlySet<number> = new Set([
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

/** Each once; undefined where that is more than a connection may have. */
function withIds(held: readonly Id[], proved: readonly Id[]): readonly Id[] | undefined {
  const known = new Set(held.map(({ scheme, id }) => `${scheme}\0${id}`));
  const ids = [...held, ...proved.filter(({ scheme, id }) => !known.has(`${scheme}\0${id}`))];
  return ids.reduce((bytes, id) => bytes + idBytes(id), 0) > CLIENT_IDS_BYTES_MAX ? undefined : ids;
}

/**
 * What every server does for its clients, as a state machine: `received` and `tick` go in, `takeDirty` comes out. Time is
 * passed in by `advance`. Replies of a connection leave in the order of its requests, and reads behind a write wait for
 * it, so a client always sees its own writes. What becomes of a write is decided by who extends this.
 */
export abstract class ServiceCore {
  readonly watches = new WatchTables<ClientConnection>();
  readonly connections = new Set<ClientConnection>();
  readonly statistics = new RequestStatistics();
  protected readonly options: ServiceOptions;
  store: ZnodeStore;
  sessionTable: SessionTable;
  protected changes: OutstandingChanges;
  protected preparer: Preparer;
  protected applier: Applier;
  protected readonly bySession = new Map<bigint, ClientConnection>();
  protected nextSessionId: bigint;
  protected nowMs: number;
  protected wallMs: number;
  private reads: Reads;
  private dirty: ClientConnection[] = [];
  private readonly request: ByteReader;
  /** The last transaction that was applied: what replies carry. */
  appliedZxid: Zxid;
  /** Transactions since the start, for the snapshot policy. */
  transactionCount = 0;

  constructor(store: ZnodeStore, table: SessionTable, options: ServiceOptions, nowMs: number, wallMs: number) {
    this.store = store;
    this.sessionTable = table;
    this.options = options;
    this.request = new ByteReader(Buffer.alloc(0), 0, 0, options.maxBufferBytes);
    this.nowMs = nowMs;
    this.wallMs = wallMs;
    this.appliedZxid = options.lastZxid;
    this.nextSessionId = options.firstSessionId;
    this.changes = new OutstandingChanges(store);
    this.preparer = new Preparer(store, this.changes, options);
    this.applier = new Applier(store, table, this.watchTrigger(), this.changes);
    this.reads = this.createReads();
  }

  /** Writes that have been accepted and not answered yet. */
  abstract get outstandingCount(): number;

  /** The sessions this server decides on the expiry of; undefined where another one does. */
  abstract get sessions(): SessionTracker | undefined;

  /** Proposes the removal of a container or TTL znode that has no use any more; checked once more when it is prepared. */
  abstract reap(path: string): void;

  /** Expires sessions; to be called once a tick or more often. */
  abstract tick(): void;

  /** A new session is wanted, with this timeout: `establish` answers. */
  protected abstract createSession(connection: ClientConnection, timeoutMs: number): void;

  /** A client, which knows the password, comes back to its session: `establish` or `refuseSession` answers. */
  protected abstract resumeSession(connection: ClientConnection, id: bigint, timeoutMs: number): void;

  /** Its client was heard of. */
  protected abstract touch(session: Session): void;

  /** Puts the write into the connection's queue; the bytes belong to the caller. */
  protected abstract write(
    connection: ClientConnection,
    xid: number,
    op: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;

  /** Puts the sync into the connection's queue. */
  protected abstract sync(connection: ClientConnection, xid: number, body: Buffer): void;

  protected abstract closeSession(connection: ClientConnection, session: Session, xid: number): void;

  /** Goes on with another database: the one that was there is not as the others have it. */
  protected replaceDatabase(store: ZnodeStore, table: SessionTable, lastZxid: Zxid): void {
    this.store = store;
    this.sessionTable = table;
    this.appliedZxid = lastZxid;
    this.reads = this.createReads();
    this.beginChanges();
  }

  /** Nothing is in flight: what is proposed from here on is validated against the tree as it is. */
  protected beginChanges(): void {
    this.changes = new OutstandingChanges(this.store);
    this.preparer = new Preparer(this.store, this.changes, this.options);
    this.applier = new Applier(this.store, this.sessionTable, this.watchTrigger(), this.changes);
  }

  private createReads(): Reads {
    return new Reads(this.store, this.watches, this.options, (connection, type, path) =>
      this.sendEvent(connection, type, path, -1),
    );
  }

  /** `nowMs` is monotonic and decides on expiry; `wallMs` since 1970 is what znodes are stamped with. */
  advance(nowMs: number, wallMs: number): void {
    this.nowMs = nowMs;
    this.wallMs = wallMs;
  }

  connected(connection: ClientConnection): void {
    this.connections.add(connection);
  }

  /**
   * A connection within this process that has no session and asks for nothing: it hears of every change from now on, until
   * it is `disconnected` or, as every other connection, closed because nobody is served any more.
   */
  watch(connection: ClientConnection, path: string, mode: "persistent" | "persistentRecursive"): void {
    connection.phase = "open";
    this.connections.add(connection);
    this.watches.add(connection, path, mode);
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
    connection.held.clear();
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
      this.createSession(connection, timeoutMs);
    } else if (asked.passwd === null || !sessionPassword(asked.sessionId).equals(asked.passwd)) {
      this.refuseSession(connection);
    } else {
      connection.phase = "establishing";
      this.resumeSession(connection, asked.sessionId, timeoutMs);
    }
    return true;
  }

  /** The session is not there any more, or never was. */
  protected refuseSession(connection: ClientConnection): void {
    this.respondToConnect(connection, 0, 0n, Buffer.alloc(16));
    this.close(connection);
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
    this.touch(session);
    if (WRITE_OPS.has(op)) {
      this.write(connection, xid, op, bytes, start + 8, end);
    } else if (op === OP.sync) {
      this.sync(connection, xid, Buffer.from(bytes.subarray(start + 8, end)));
    } else if (op === OP.closeSession) {
      this.closeSession(connection, session, xid);
    } else if (this.hasToWait(connection)) {
      const body = Buffer.from(bytes.subarray(start + 8, end));
      connection.queue.push({ xid, op, body, receivedMs: this.nowMs });
    } else {
      this.answerRead(connection, xid, op, this.over(bytes, start + 8, end), this.nowMs);
    }
    return true;
  }

  /** Whether a read has to wait for what its client asked for before. */
  protected hasToWait(connection: ClientConnection): boolean {
    return connection.queue.length > 0;
  }

  /** Answers the reads that stood behind the write just answered. */
  protected drainReads(connection: ClientConnection): void {
    for (;;) {
      const next = connection.queue.peek();
      if (next?.body === undefined || next.op === OP.sync || connection.phase !== "open") return;
      connection.queue.shift();
      this.answerRead(connection, next.xid, next.op, this.over(next.body, 0, next.body.length), next.receivedMs);
    }
  }

  /** The session is there, with this timeout, and is its client's to use through this connection. */
  protected establish(connection: ClientConnection, session: Session, timeOut: number): void {
    const other = this.bySession.get(session.id);
    if (other !== undefined && other !== connection) this.close(other);
    connection.bind(session);
    connection.phase = "open";
    this.bySession.set(session.id, connection);
    this.respondToConnect(connection, timeOut, session.id, sessionPassword(session.id));
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
    const ids = proved === undefined ? undefined : withIds(connection.ids, proved);
    this.writeHeader(connection, xid, 0, ids === undefined ? ERROR.AUTHFAILED : ERROR.OK);
    if (ids === undefined) this.close(connection);
    else connection.ids = ids;
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

  /** Answers the head of the connection's queue: a write that was applied, or a sync that was confirmed. */
  protected replyToHead(connection: ClientConnection, transaction: Transaction | undefined, err: number): void {
    const queued = connection.queue.shift();
    assert(queued !== undefined, "an answer is to a request");
    const { output } = connection;
    const frame = this.beginReply(output, queued.xid);
    if (err !== ERROR.OK) output.bytes.writeInt32BE(err, frame + 16);
    else if (queued.body !== undefined) output.raw(queued.body);
    else this.writeResult(output, transaction);
    endFrame(output, frame);
    this.markDirty(connection);
    this.countReply(connection, queued.op, queued.xid, queued.receivedMs);
    if (queued.op === OP.closeSession) this.close(connection);
    else this.drainReads(connection);
  }

  private writeResult(output: ByteWriter, transaction: Transaction | undefined): void {
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
  protected watchTrigger(): ChangeListener {
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

  protected close(connection: ClientConnection): void {
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
