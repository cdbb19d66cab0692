import { assert } from "../base/assert.js";
import { ByteReader, ByteWriter, CopyingReader } from "../base/bytes.js";
import { RingBuffer } from "../base/ring.js";
import type { Zxid } from "../base/zxid.js";
import { ERROR } from "../jute/errors.js";
import { OP } from "../jute/opcodes.js";
import { beginEntry, endEntry } from "./log/log-format.js";
import { type Transaction, writeProposal } from "./log/transactions.js";
import type { ClientConnection } from "./request/client-connection.js";
import { ServiceCore, type ServiceOptions } from "./service.js";
import type { SessionTable } from "./session/session-table.js";
import { type Session, SessionTracker } from "./session/session-tracker.js";
import type { ZnodeStore } from "./tree/store.js";

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
  readonly op: number;
  /** What this and all proposals before it may take of the store's memory. */
  readonly costBytes: number;
}

/** After so many writes of one client, each alone in flight, the next is expected to be like them. */
const SOLE_WRITES_MIN = 16;

/** A server on its own: a write is applied and answered when its transaction is on disk, which `synced` tells. */
export class StandaloneCore extends ServiceCore {
  readonly sessions: SessionTracker;
  private readonly proposals = new RingBuffer<Proposal>(64);
  private readonly batch = new ByteWriter(65_536);
  /** Of writes, whose data is kept until they are applied. */
  private readonly writeReader: CopyingReader;
  /** Who proposed last, and how many times in a row with nothing else in flight. */
  private lastProposer: ClientConnection | undefined;
  private soleWrites = 0;
  /** The last zxid given to a transaction. */
  proposedZxid: Zxid;

  constructor(store: ZnodeStore, table: SessionTable, options: ServiceOptions, nowMs: number, wallMs: number) {
    super(store, table, options, nowMs, wallMs);
    this.writeReader = new CopyingReader(Buffer.alloc(0), 0, 0, options.maxBufferBytes);
    this.proposedZxid = options.lastZxid;
    this.sessions = new SessionTracker(options.tickTimeMs, nowMs);
    for (const [id, timeoutMs] of table.entries()) this.sessions.add(id, timeoutMs, nowMs);
  }

  get outstandingCount(): number {
    return this.proposals.length;
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

  tick(): void {
    for (const session of this.sessions.takeExpired(this.nowMs)) this.proposeClose(session, undefined, 0);
  }

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

  protected createSession(connection: ClientConnection, timeoutMs: number): void {
    const id = this.nextSessionId++;
    this.propose({ type: OP.createSession, timeOut: timeoutMs }, connection, id, 0, OP.createSession);
  }

  protected resumeSession(connection: ClientConnection, id: bigint, timeoutMs: number): void {
    const session = this.sessions.get(id);
    if (session === undefined || session.closing) {
      this.refuseSession(connection);
      return;
    }
    this.sessions.touch(session, this.nowMs, timeoutMs);
    this.establish(connection, session, timeoutMs);
  }

  protected touch(session: Session): void {
    this.sessions.touch(session, this.nowMs);
  }

  protected write(
    connection: ClientConnection,
    xid: number,
    op: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const body = this.writeReader.over(bytes, start, end);
    const request = { sessionId: connection.sessionId, op, body, ids: connection.ids };
    const transaction = this.preparer.prepare(request, this.proposedZxid + 1, this.wallMs);
    connection.queue.push({ xid, op, body: undefined, receivedMs: this.nowMs });
    if (transaction === undefined) this.awaitTurn(connection, op, ERROR.MARSHALLINGERROR);
    else this.propose(transaction, connection, connection.sessionId, xid, op);
  }

  /** Answered once every write accepted before it is applied. */
  protected sync(connection: ClientConnection, xid: number, body: Buffer): void {
    connection.queue.push({ xid, op: OP.sync, body, receivedMs: this.nowMs });
    this.awaitTurn(connection, OP.sync, ERROR.OK);
  }

  protected closeSession(connection: ClientConnection, session: Session, xid: number): void {
    this.proposeClose(session, connection, xid);
  }

  /** For what takes no zxid: it is answered with `err` once every write accepted before it is. */
  private awaitTurn(connection: ClientConnection, op: number, err: number): void {
    const proposal: Proposal = {
      zxid: this.proposedZxid,
      timeMs: this.wallMs,
      sessionId: connection.sessionId,
      transaction: undefined,
      err,
      connection,
      op,
      costBytes: this.changes.proposedCostBytes,
    };
    if (this.proposals.length === 0) this.commit(proposal);
    else this.proposals.push(proposal);
  }

  private proposeClose(session: Session, connection: ClientConnection | undefined, xid: number): void {
    if (session.closing) return;
    session.closing = true;
    const transaction = this.preparer.closeSession(session.id, this.proposedZxid + 1);
    connection?.queue.push({ xid, op: OP.closeSession, body: undefined, receivedMs: this.nowMs });
    this.propose(transaction, connection, session.id, xid, OP.closeSession);
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
    const { batch, changes } = this;
    const entry = beginEntry(batch);
    const bound = connection?.session !== undefined;
    const high = bound ? connection.sessionHigh : Number(BigInt.asIntN(32, sessionId >> 32n));
    const low = bound ? connection.sessionLow : Number(BigInt.asIntN(32, sessionId));
    writeProposal(batch, high, low, xid, zxid, this.wallMs, transaction, changes.digestHigh, changes.digestLow);
    endEntry(batch, entry);
    this.proposals.push({
      zxid,
      timeMs: this.wallMs,
      sessionId,
      transaction,
      err: ERROR.OK,
      connection,
      op,
      costBytes: changes.proposedCostBytes,
    });
  }

  private commit(proposal: Proposal): void {
    const { transaction, connection, sessionId } = proposal;
    const err = transaction === undefined ? proposal.err : this.applier.apply(transaction, proposal);
    this.appliedZxid = proposal.zxid;
    this.changes.appliedCostBytes = proposal.costBytes;
    if (transaction?.type === OP.createSession) this.sessions.add(sessionId, transaction.timeOut, this.nowMs);
    if (transaction?.type === OP.closeSession) this.sessions.remove(sessionId);
    if (transaction?.type === OP.closeSession && connection === undefined) {
      const expired = this.bySession.get(sessionId);
      if (expired !== undefined) this.close(expired);
    }
    if (connection === undefined || connection.phase === "closed") return;
    if (proposal.op !== OP.createSession) {
      this.replyToHead(connection, transaction, err);
      return;
    }
    const session = this.sessions.get(sessionId);
    assert(session !== undefined, "a session is there once it is created");
    this.establish(connection, session, session.timeoutMs);
  }
}
