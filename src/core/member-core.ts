import { assert } from "../base/assert.js";
import { ByteReader, ByteWriter, CopyingReader } from "../base/bytes.js";
import { RingBuffer } from "../base/ring.js";
import type { Zxid } from "../base/zxid.js";
import { ERROR } from "../jute/errors.js";
import { OP } from "../jute/opcodes.js";
import type { Id } from "../jute/records.js";
import type { Database } from "./database.js";
import { readLogRecord, type Transaction, writeProposal } from "./log/transactions.js";
import type { ClientConnection, QueuedRequest } from "./request/client-connection.js";
import { ServiceCore, type ServiceOptions, WRITE_OPS } from "./service.js";
import type { SessionTable } from "./session/session-table.js";
import { type Session, SessionTracker } from "./session/session-tracker.js";
import type { ZnodeStore } from "./tree/store.js";
import type { ConnectionId, ForwardedRequest, LogEntry, ReceivedRequest, Role, SessionEvent } from "./zab/effects.js";

/** What the service needs of the ensemble it is a member of: `ZabServer` is one. */
export interface Broadcast {
  /** Clients may be served; false also in the short time before `shut` is heard of. */
  readonly isServing: boolean;
  /** Undefined unless this server may propose. */
  readonly nextZxid: Zxid | undefined;
  propose(entry: LogEntry): void;
  forward(request: ForwardedRequest): void;
  sync(request: ForwardedRequest): void;
  touch(sessionId: bigint, timeoutMs: number): void;
  revalidate(sessionId: bigint, timeoutMs: number): void;
  answerRevalidation(connection: ConnectionId, sessionId: bigint, valid: boolean): void;
}

/** A transaction that this leader proposed, kept so that it need not be decoded when it is applied. */
interface Decided {
  readonly zxid: Zxid;
  readonly timeMs: number;
  readonly sessionId: bigint;
  readonly cxid: number;
  readonly transaction: Transaction;
  readonly costBytes: number;
}

interface PendingSync {
  readonly connection: ClientConnection;
  readonly request: QueuedRequest;
}

/** Where the requests of the leader's own clients come from. */
const LOCAL = Number.NaN;
/**
 * A client that comes while no leader is known is kept waiting for this long after the last one was lost, since the next
 * is usually known within a few hundredths of that; then it is turned away, and better off at another server.
 */
const HANDSHAKE_WAIT_MS = 500;
const NOBODY: readonly Id[] = [];
const NO_BYTES = Buffer.alloc(0);

/**
 * A member of an ensemble. Writes go to the leader, which decides on them; each is answered where its client is, when it is
 * applied there. Sessions expire where the leader is, which hears of those at other servers by their pings. Serves
 * clients between `open` and `shut` only.
 */
export class MemberCore extends ServiceCore {
  role: Role | undefined;
  /** How often it began to serve. */
  openings = 0;
  /** The leader's. */
  private tracker: SessionTracker | undefined;
  /** The leader's: through which server each session may write, the last one it came to. */
  private readonly owners = new Map<bigint, ConnectionId>();
  private readonly decided = new RingBuffer<Decided>(64);
  private readonly establishing = new Map<bigint, ClientConnection>();
  private revalidating: { readonly id: bigint; readonly timeoutMs: number; readonly connection: ClientConnection }[] =
    [];
  private readonly syncs = new RingBuffer<PendingSync>(4);
  /** Syncs that are confirmed and stand behind a write of their connection. */
  private readonly confirmed = new Set<QueuedRequest>();
  /** Clients that came while nobody was served; what they sent is in their `early`. */
  private readonly waiting = new Set<ClientConnection>();
  /** What clients asked for whose session is being established. */
  private readonly handshakes = new Map<ClientConnection, Buffer>();
  private shutAtMs: number;
  private readonly writeReader: CopyingReader;
  private readonly scratch = new ByteWriter(1_024);
  private readonly broadcast: Broadcast;
  private outstanding = 0;

  constructor(
    store: ZnodeStore,
    table: SessionTable,
    options: ServiceOptions,
    broadcast: Broadcast,
    nowMs: number,
    wallMs: number,
  ) {
    super(store, table, options, nowMs, wallMs);
    this.writeReader = new CopyingReader(Buffer.alloc(0), 0, 0, options.maxBufferBytes);
    this.broadcast = broadcast;
    this.shutAtMs = nowMs;
  }

  get sessions(): SessionTracker | undefined {
    return this.tracker;
  }

  get outstandingCount(): number {
    return this.outstanding;
  }

  /** The database is another one; only while nobody is served. */
  load({ store, sessions, lastZxid }: Database): void {
    assert(this.role === undefined, "a server that serves does not change what it has shown");
    this.replaceDatabase(store, sessions, lastZxid);
  }

  open(role: Role): void {
    this.role = role;
    this.openings++;
    this.beginChanges();
    if (role === "leading") {
      this.tracker = new SessionTracker(this.options.tickTimeMs, this.nowMs);
      for (const [id, timeoutMs] of this.sessionTable.entries()) this.tracker.add(id, timeoutMs, this.nowMs);
    }
    // Otherwise this is over already, and who waits waits on.
    if (!this.broadcast.isServing) return;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const connection of waiting) {
      const frame = connection.early.shift();
      assert(frame !== undefined, "who waits has asked for something");
      if (!this.received(connection, frame, 0, frame.length)) this.close(connection);
    }
  }

  /**
   * Serves nobody any more: every connection is closed, and what was under way has an unknown outcome. Who has no session yet
   * waits for the next leader.
   */
  shut(): void {
    this.role = undefined;
    this.shutAtMs = this.nowMs;
    this.tracker = undefined;
    this.owners.clear();
    this.decided.clear();
    this.establishing.clear();
    this.revalidating = [];
    this.syncs.clear();
    this.confirmed.clear();
    this.beginChanges();
    for (const connection of [...this.connections]) {
      if (connection.phase === "establishing") this.beginAgain(connection);
      else if (connection.phase !== "handshake") this.close(connection);
    }
    this.handshakes.clear();
  }

  /** Turns those away who have waited for a leader for too long. To be called every few milliseconds. */
  refuseWaiting(): void {
    if (this.waiting.size === 0 || this.mayWait) return;
    for (const connection of this.waiting) this.close(connection);
    this.waiting.clear();
  }

  override received(connection: ClientConnection, bytes: Buffer, start: number, end: number): boolean {
    const isHandshake = connection.phase === "handshake";
    if (this.role !== undefined && this.broadcast.isServing && !(isHandshake && this.waiting.has(connection))) {
      if (isHandshake) this.handshakes.set(connection, Buffer.from(bytes.subarray(start, end)));
      else if (this.hasToBeHeld(connection, bytes, start, end)) {
        this.outstanding++;
        connection.held.push(Buffer.from(bytes.subarray(start, end)));
        return true;
      }
      return super.received(connection, bytes, start, end);
    }
    if (!isHandshake || !this.mayWait) return false;
    connection.early.push(Buffer.from(bytes.subarray(start, end)));
    this.waiting.add(connection);
    return true;
  }

  override disconnected(connection: ClientConnection): void {
    this.waiting.delete(connection);
    this.handshakes.delete(connection);
    for (const { body } of connection.queue) if (body === undefined) this.outstanding--;
    this.outstanding -= connection.held.length;
    super.disconnected(connection);
    for (const [id, waiting] of this.establishing) if (waiting === connection) this.establishing.delete(id);
  }

  /** What the ensemble has agreed on, in order. */
  apply(entries: readonly LogEntry[]): void {
    for (const { zxid, payload } of entries) {
      let next = this.decided.peek();
      while (next !== undefined && next.zxid < zxid) {
        this.decided.shift();
        next = this.decided.peek();
      }
      if (next?.zxid === zxid) {
        this.decided.shift();
        this.changes.appliedCostBytes = next.costBytes;
        this.commit(next);
      } else {
        const { header, transaction } = readLogRecord(new ByteReader(payload, 0, payload.length, payload.length));
        const { clientId, cxid, time } = header;
        this.commit({ zxid, timeMs: time, sessionId: clientId, cxid, transaction, costBytes: 0 });
      }
    }
  }

  /** The leader's: another server's client wants to write. */
  decide({ connection, sessionId, cxid, op, body, ids }: ReceivedRequest): void {
    this.propose(sessionId, cxid, op, this.writeReader.over(body, 0, body.length), ids, connection);
  }

  /** So many of the syncs asked for are confirmed, the oldest first. Returns whether writes behind them went on. */
  syncsDone(count: number): boolean {
    let wentOn = false;
    for (let left = count; left > 0; left--) {
      const done = this.syncs.shift();
      if (done === undefined) break;
      const held = done.connection.held.length;
      this.confirmed.add(done.request);
      this.answerWaiting(done.connection);
      if (done.connection.phase === "closed") this.confirmed.delete(done.request);
      wentOn ||= done.connection.held.length < held;
    }
    return wentOn;
  }

  sessionEvent(event: SessionEvent): void {
    switch (event.kind) {
      case "touched": {
        const session = this.tracker?.get(event.sessionId);
        if (session !== undefined && !session.closing) this.tracker?.touch(session, this.nowMs, event.timeoutMs);
        return;
      }
      case "revalidate":
        this.broadcast.answerRevalidation(
          event.connection,
          event.sessionId,
          this.moveSession(event.sessionId, event.timeoutMs, event.connection) !== undefined,
        );
        return;
      case "revalidated":
        this.revalidated(event.sessionId, event.valid);
        return;
    }
  }

  tick(): void {
    if (this.tracker === undefined) return;
    for (const session of this.tracker.takeExpired(this.nowMs)) {
      this.propose(session.id, 0, OP.closeSession, this.writeReader.over(NO_BYTES, 0, 0), NOBODY, LOCAL);
    }
  }

  reap(path: string): void {
    if (this.tracker === undefined) return;
    const body = Buffer.alloc(4 + Buffer.byteLength(path));
    body.writeInt32BE(body.length - 4, 0);
    body.write(path, 4);
    this.propose(0n, 0, OP.deleteContainer, this.writeReader.over(body, 0, body.length), NOBODY, LOCAL);
  }

  protected createSession(connection: ClientConnection, timeoutMs: number): void {
    const id = this.nextSessionId++;
    this.establishing.set(id, connection);
    const body = Buffer.alloc(4);
    body.writeInt32BE(timeoutMs, 0);
    this.send(id, 0, OP.createSession, body, 0, 4, NOBODY);
  }

  protected resumeSession(connection: ClientConnection, id: bigint, timeoutMs: number): void {
    if (this.role === "leading") {
      const session = this.moveSession(id, timeoutMs, LOCAL);
      if (session === undefined) this.refuseSession(connection);
      else this.establish(connection, session, timeoutMs);
      return;
    }
    this.revalidating.push({ id, timeoutMs, connection });
    this.broadcast.revalidate(id, timeoutMs);
  }

  protected touch(session: Session): void {
    if (this.tracker === undefined) this.broadcast.touch(session.id, session.timeoutMs);
    else this.tracker.touch(session, this.nowMs);
  }

  protected write(
    connection: ClientConnection,
    xid: number,
    op: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    this.outstanding++;
    connection.queue.push({ xid, op, body: undefined, receivedMs: this.nowMs });
    this.send(connection.sessionId, xid, op, bytes, start, end, connection.ids);
  }

  protected sync(connection: ClientConnection, xid: number, body: Buffer): void {
    const request: QueuedRequest = { xid, op: OP.sync, body, receivedMs: this.nowMs };
    connection.queue.push(request);
    connection.unansweredSyncs++;
    this.syncs.push({ connection, request });
    this.broadcast.sync({ sessionId: connection.sessionId, cxid: xid, op: OP.sync, body, ids: connection.ids });
  }

  protected closeSession(connection: ClientConnection, session: Session, xid: number): void {
    this.outstanding++;
    connection.queue.push({ xid, op: OP.closeSession, body: undefined, receivedMs: this.nowMs });
    this.send(session.id, xid, OP.closeSession, NO_BYTES, 0, 0, NOBODY);
    session.closing = true;
  }

  protected override establish(connection: ClientConnection, session: Session, timeOut: number): void {
    this.handshakes.delete(connection);
    super.establish(connection, session, timeOut);
  }

  /** A role that lasts no longer, which `isServing` tells a moment before `shut`, counts as lost just now. */
  private get mayWait(): boolean {
    return this.role !== undefined || this.nowMs - this.shutAtMs < HANDSHAKE_WAIT_MS;
  }

  /** As if what it sent had only come now. */
  private beginAgain(connection: ClientConnection): void {
    const handshake = this.handshakes.get(connection);
    assert(handshake !== undefined, "what is being established was asked for");
    const later = [...connection.early];
    connection.early.clear();
    for (const frame of [handshake, ...later]) connection.early.push(frame);
    connection.phase = "handshake";
    this.waiting.add(connection);
  }

  /** To who decides. The bytes belong to the caller. */
  private send(
    sessionId: bigint,
    cxid: number,
    op: number,
    bytes: Buffer,
    start: number,
    end: number,
    ids: readonly Id[],
  ): void {
    if (this.role === "leading") {
      this.propose(sessionId, cxid, op, this.writeReader.over(bytes, start, end), ids, LOCAL);
    } else {
      this.broadcast.forward({ sessionId, cxid, op, body: Buffer.from(bytes.subarray(start, end)), ids });
    }
  }

  private propose(
    sessionId: bigint,
    cxid: number,
    op: number,
    body: ByteReader,
    ids: readonly Id[],
    from: ConnectionId,
  ): void {
    const zxid = this.broadcast.nextZxid;
    if (zxid === undefined) return;
    const { scratch, changes, wallMs } = this;
    const transaction = this.transactionOf(sessionId, op, body, ids, from, zxid);
    if (transaction === undefined) return;
    scratch.reset();
    const high = Number(BigInt.asIntN(32, sessionId >> 32n));
    const low = Number(BigInt.asIntN(32, sessionId));
    writeProposal(scratch, high, low, cxid, zxid, wallMs, transaction, changes.digestHigh, changes.digestLow);
    this.decided.push({ zxid, timeMs: wallMs, sessionId, cxid, transaction, costBytes: changes.proposedCostBytes });
    this.broadcast.propose({ zxid, payload: scratch.copy() });
  }

  /** Undefined where there is nothing to decide. */
  private transactionOf(
    sessionId: bigint,
    op: number,
    body: ByteReader,
    ids: readonly Id[],
    from: ConnectionId,
    zxid: Zxid,
  ): Transaction | undefined {
    const { tracker, preparer } = this;
    assert(tracker !== undefined, "the leader decides");
    const request = { sessionId, op, body, ids };
    // What cannot be decoded takes a zxid as well: a follower has no other way to hear of it.
    const malformed: Transaction = { type: OP.error, err: ERROR.MARSHALLINGERROR };
    if (op === OP.deleteContainer) return preparer.prepare(request, zxid, this.wallMs) ?? malformed;
    if (op === OP.createSession) {
      if (body.remaining < 4) return undefined;
      const timeOut = body.int32();
      tracker.add(sessionId, timeOut, this.nowMs);
      this.owners.set(sessionId, from);
      return { type: OP.createSession, timeOut };
    }
    const session = tracker.get(sessionId);
    if (op === OP.closeSession) {
      if (session === undefined || session.closing) return { type: OP.error, err: ERROR.SESSIONEXPIRED };
      session.closing = true;
      return preparer.closeSession(sessionId, zxid);
    }
    if (session === undefined || session.closing) return { type: OP.error, err: ERROR.SESSIONEXPIRED };
    // Its client was heard of, also where the follower's next ping, which would say so, never comes.
    tracker.touch(session, this.nowMs);
    const owner = this.owners.get(sessionId);
    // After a change of leaders a session belongs to the server it writes through first.
    if (owner === undefined) this.owners.set(sessionId, from);
    else if (!Object.is(owner, from)) return { type: OP.error, err: ERROR.SESSIONMOVED };
    return preparer.prepare(request, zxid, this.wallMs) ?? malformed;
  }

  private commit({ zxid, timeMs, sessionId, cxid, transaction }: Decided): void {
    const err = this.applier.apply(transaction, { zxid, timeMs, sessionId });
    this.appliedZxid = zxid;
    this.transactionCount++;
    if (this.role === undefined) return;
    if (transaction.type === OP.createSession) {
      this.created(sessionId, transaction.timeOut);
      return;
    }
    if (transaction.type === OP.closeSession) {
      this.tracker?.remove(sessionId);
      this.owners.delete(sessionId);
    }
    const connection = this.bySession.get(sessionId);
    if (connection === undefined) return;
    const head = connection.queue.peek();
    // The head may also be a sync, which stands behind no write any more and waits for its own confirmation.
    const answersHead = head !== undefined && head.xid === cxid && head.body === undefined;
    if (answersHead) {
      this.outstanding--;
      this.replyToHead(connection, transaction, err);
      if (err === ERROR.SESSIONMOVED || err === ERROR.SESSIONEXPIRED) this.close(connection);
      this.answerWaiting(connection);
    }
    if (transaction.type === OP.closeSession) this.close(connection);
  }

  /** Answers confirmed syncs, and the reads behind them, as far as no write stands before them. */
  private answerWaiting(connection: ClientConnection): void {
    for (let head = connection.queue.peek(); head !== undefined; head = connection.queue.peek()) {
      if (connection.phase !== "open" || !this.confirmed.delete(head)) break;
      connection.unansweredSyncs--;
      this.replyToHead(connection, undefined, ERROR.OK);
    }
    if (connection.held.length > 0) this.takeHeld(connection);
  }

  /**
   * A write that is decided on while a sync before it is still to be confirmed could be applied first, and nobody answers
   * what is not the head of its queue; so it stays with its client's server until then, and what comes behind it too.
   */
  private hasToBeHeld(connection: ClientConnection, bytes: Buffer, start: number, end: number): boolean {
    if (connection.held.length > 0) return true;
    if (connection.unansweredSyncs === 0 || connection.phase !== "open" || end - start < 8) return false;
    const op = bytes.readInt32BE(start + 4);
    return WRITE_OPS.has(op) || op === OP.closeSession;
  }

  /**
   * Goes on with what was held, up to the next write that stands behind a sync. What is applied after the leader was lost,
   * a moment before `shut`, goes on with nothing: nobody is left to decide on it.
   */
  private takeHeld(connection: ClientConnection): void {
    const { held } = connection;
    while (connection.phase === "open" && connection.unansweredSyncs === 0 && this.broadcast.isServing) {
      const frame = held.shift();
      if (frame === undefined) return;
      this.outstanding--;
      if (!super.received(connection, frame, 0, frame.length)) this.close(connection);
    }
  }

  private created(id: bigint, timeOut: number): void {
    const connection = this.establishing.get(id);
    if (connection === undefined) return;
    this.establishing.delete(id);
    if (connection.phase !== "establishing") return;
    this.establish(connection, this.sessionOf(id, timeOut), timeOut);
  }

  private revalidated(id: bigint, valid: boolean): void {
    const at = this.revalidating.findIndex((waiting) => waiting.id === id);
    if (at < 0) return;
    const [waiting] = this.revalidating.splice(at, 1);
    const { connection, timeoutMs } = waiting!;
    if (connection.phase !== "establishing") return;
    if (valid) this.establish(connection, this.sessionOf(id, timeoutMs), timeoutMs);
    else this.refuseSession(connection);
  }

  /** Where sessions are tracked the tracked one, else what this server has to know of it. */
  private sessionOf(id: bigint, timeoutMs: number): Session {
    return this.tracker?.get(id) ?? { id, timeoutMs, expiryMs: 0, closing: false };
  }

  /** The leader's: a session that is alive moves to where it was asked about. */
  private moveSession(id: bigint, timeoutMs: number, to: ConnectionId): Session | undefined {
    const session = this.tracker?.get(id);
    if (session === undefined || session.closing) return undefined;
    this.tracker?.touch(session, this.nowMs, timeoutMs);
    this.owners.set(id, to);
    return session;
  }
}
