import type { Zxid } from "../../base/zxid.js";
import type { LogRecord, Transaction } from "../../core/log/transactions.js";
import { ERROR } from "../../jute/errors.js";
import { CREATE_MODE, OP } from "../../jute/opcodes.js";
import { Violation } from "./violation.js";

/** A write as a client asked for it. */
export interface WriteIntent {
  readonly sessionId: bigint;
  readonly cxid: number;
  /** Counts the client's connections, from 1 on. */
  readonly connection: number;
  readonly op: typeof OP.create | typeof OP.delete | typeof OP.setData | typeof OP.closeSession;
  readonly path: string;
  readonly data: string;
  readonly version: number;
  readonly flags: number;
}

export interface ModelNode {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly version: number;
  readonly owner: bigint;
  readonly data: string;
}

/** What a write came to. */
export interface Outcome {
  readonly intent: WriteIntent | undefined;
  readonly err: number;
  /** Of a create: the name that it got. */
  readonly path: string;
}

interface Change {
  readonly zxid: Zxid;
  /** Undefined where the znode was deleted. */
  readonly node: ModelNode | undefined;
}

interface ModelSession {
  readonly timeoutMs: number;
  closed: boolean;
  /** When a leader last proposed something for it, or created it. */
  proposedAtMs: number;
  /** The last of its writes, and the connection it was sent over. */
  cxid: number;
  connection: number;
}

/** A session must not expire earlier than its timeout by the fastest clock there may be. */
export const CLOCK_RATE_MIN = 0.6;
export const CLOCK_RATE_MAX = 1.4;

const NO_CHANGES: readonly Change[] = [];

/**
 * What the service has to be, worked out from the requests alone: a flat tree of znodes and the sessions, as of every
 * committed zxid. It is told of each committed transaction in order, works out what the request must come to, and refuses a
 * transaction that is anything else.
 */
export class TreeModel {
  private readonly intents = new Map<string, WriteIntent>();
  /** What each connection of a session has sent and not seen committed, in order. */
  private readonly unsettled = new Map<string, number[]>();
  private readonly changes = new Map<string, Change[]>();
  private readonly sessions = new Map<bigint, ModelSession>();
  private readonly outcomes = new Map<Zxid, Outcome>();
  private readonly childChanges: Zxid[] = [];
  private creations = 0;

  /** A client is about to send this. */
  intend(intent: WriteIntent): void {
    this.intents.set(`${intent.sessionId} ${intent.cxid}`, intent);
    const key = `${intent.sessionId} ${intent.connection}`;
    const sent = this.unsettled.get(key);
    if (sent === undefined) this.unsettled.set(key, [intent.cxid]);
    else sent.push(intent.cxid);
  }

  outcome(zxid: Zxid): Outcome | undefined {
    return this.outcomes.get(zxid);
  }

  /** The znode as of `zxid`. */
  node(path: string, zxid: Zxid): ModelNode | undefined {
    const changes = this.changes.get(path) ?? NO_CHANGES;
    for (let place = changes.length - 1; place >= 0; place--) {
      if (changes[place]!.zxid <= zxid) return changes[place]!.node;
    }
    return undefined;
  }

  children(zxid: Zxid): string[] {
    return [...this.changes.keys()].filter((path) => this.node(path, zxid) !== undefined);
  }

  /** The first change of a znode after `zxid`. */
  nextChange(path: string, zxid: Zxid): Zxid | undefined {
    const changes = this.changes.get(path) ?? NO_CHANGES;
    let found: Zxid | undefined;
    for (let place = changes.length - 1; place >= 0 && changes[place]!.zxid > zxid; place--)
      found = changes[place]!.zxid;
    return found;
  }

  /** The first change after `zxid` of what znodes there are. */
  nextChildChange(zxid: Zxid): Zxid | undefined {
    let found: Zxid | undefined;
    for (let place = this.childChanges.length - 1; place >= 0 && this.childChanges[place]! > zxid; place--) {
      found = this.childChanges[place];
    }
    return found;
  }

  hasSession(sessionId: bigint): boolean {
    return this.sessions.get(sessionId)?.closed === false;
  }

  get openSessions(): readonly bigint[] {
    return [...this.sessions].filter(([, session]) => !session.closed).map(([id]) => id);
  }

  /** The transaction that comes next, and when its leader proposed it. */
  commit({ header, transaction }: LogRecord, proposedAtMs: number): void {
    const { clientId: sessionId, cxid, zxid } = header;
    const intent = cxid === 0 ? undefined : this.intents.get(`${sessionId} ${cxid}`);
    const session = this.sessions.get(sessionId);
    const err = transaction.type === OP.error ? transaction.err : ERROR.OK;
    let path = "";
    if (transaction.type === OP.createSession) {
      if (session !== undefined) throw new Violation(`session ${hex(sessionId)} was created twice`);
      const { timeOut: timeoutMs } = transaction;
      this.sessions.set(sessionId, { timeoutMs, closed: false, proposedAtMs, cxid: 0, connection: 0 });
    } else if (intent === undefined) {
      if (transaction.type === OP.error) return;
      if (transaction.type !== OP.closeSession) throw new Violation(`${at(zxid)} was never asked for`);
      if (session !== undefined) this.checkExpiry(sessionId, session, proposedAtMs);
      this.closeSession(sessionId, transaction.pathsToDelete ?? [], zxid);
    } else {
      const moved = err === ERROR.SESSIONMOVED;
      this.checkOrder(intent, session, zxid, moved || err === ERROR.SESSIONEXPIRED);
      if (!moved) path = this.carryOut(intent, transaction, zxid);
      if (session !== undefined && err !== ERROR.SESSIONEXPIRED && !moved) session.proposedAtMs = proposedAtMs;
    }
    this.outcomes.set(zxid, { intent, err, path });
  }

  /** Writes of one client take effect in the order it sent them, none of an abandoned connection after a later one's. */
  private checkOrder(intent: WriteIntent, session: ModelSession | undefined, zxid: Zxid, refused: boolean): void {
    const { sessionId, cxid, connection } = intent;
    const sent = this.unsettled.get(`${sessionId} ${connection}`);
    if (sent?.shift() !== cxid) throw new Violation(`${at(zxid)}: write ${cxid} of ${hex(sessionId)} is out of order`);
    if (session === undefined || refused) return;
    if (connection < session.connection) {
      throw new Violation(
        `${at(zxid)}: write ${cxid} of ${hex(sessionId)} over connection ${connection} takes effect after write ` +
          `${session.cxid} over connection ${session.connection}`,
      );
    }
    session.connection = connection;
    session.cxid = cxid;
  }

  private checkExpiry(sessionId: bigint, session: ModelSession, proposedAtMs: number): void {
    const quietMs = proposedAtMs - session.proposedAtMs;
    if (quietMs * CLOCK_RATE_MAX >= session.timeoutMs) return;
    throw new Violation(
      `session ${hex(sessionId)} expires ${quietMs.toFixed(0)} ms after it wrote, its timeout is ${session.timeoutMs} ms`,
    );
  }

  /** Returns the path of what was created. */
  private carryOut(intent: WriteIntent, transaction: Transaction, zxid: Zxid): string {
    const { sessionId, op, data, version, flags } = intent;
    if (!this.hasSession(sessionId)) return this.expect(ERROR.SESSIONEXPIRED, transaction, zxid);
    if (op === OP.closeSession) {
      this.expectType(op, transaction, zxid);
      this.closeSession(sessionId, (transaction as { pathsToDelete?: readonly string[] }).pathsToDelete ?? [], zxid);
      return "";
    }
    const sequential = flags === CREATE_MODE.ephemeralSequential;
    const path = sequential ? intent.path + String(this.creations).padStart(10, "0") : intent.path;
    const before = this.node(path, zxid);
    if (op === OP.create) {
      if (before !== undefined) return this.expect(ERROR.NODEEXISTS, transaction, zxid);
      this.expectType(op, transaction, zxid);
      if ((transaction as { path?: string }).path !== path) throw new Violation(`${at(zxid)} does not create ${path}`);
      this.creations++;
      const owner = flags === CREATE_MODE.persistent ? 0n : sessionId;
      this.put(path, zxid, { czxid: zxid, mzxid: zxid, version: 0, owner, data });
      this.childChanges.push(zxid);
      return path;
    }
    if (before === undefined) return this.expect(ERROR.NONODE, transaction, zxid);
    if (version !== -1 && version !== before.version) return this.expect(ERROR.BADVERSION, transaction, zxid);
    this.expectType(op, transaction, zxid);
    if (op === OP.delete) this.remove(path, zxid);
    else this.put(path, zxid, { ...before, mzxid: zxid, version: before.version + 1, data });
    return "";
  }

  /** Its ephemerals go with it: all of them, and nothing else. */
  private closeSession(sessionId: bigint, paths: readonly string[], zxid: Zxid): void {
    const session = this.sessions.get(sessionId);
    if (session === undefined || session.closed) throw new Violation(`${at(zxid)} closes ${hex(sessionId)} again`);
    session.closed = true;
    const owned = this.children(zxid).filter((path) => this.node(path, zxid)?.owner === sessionId);
    if ([...paths].sort().join() !== owned.sort().join()) {
      throw new Violation(`${at(zxid)} closes ${hex(sessionId)} with [${paths}], which owns [${owned}]`);
    }
    for (const path of owned) this.remove(path, zxid);
  }

  private expect(err: number, transaction: Transaction, zxid: Zxid): string {
    if (transaction.type === OP.error && transaction.err === err) return "";
    throw new Violation(`${at(zxid)} is ${describe(transaction)} where error ${err} was due`);
  }

  private expectType(type: number, transaction: Transaction, zxid: Zxid): void {
    if (transaction.type !== type) throw new Violation(`${at(zxid)} is ${describe(transaction)}, not of type ${type}`);
  }

  private remove(path: string, zxid: Zxid): void {
    this.put(path, zxid, undefined);
    this.childChanges.push(zxid);
  }

  private put(path: string, zxid: Zxid, node: ModelNode | undefined): void {
    const changes = this.changes.get(path);
    if (changes === undefined) this.changes.set(path, [{ zxid, node }]);
    else changes.push({ zxid, node });
  }
}

function describe(transaction: Transaction): string {
  return transaction.type === OP.error ? `error ${transaction.err}` : `of type ${transaction.type}`;
}

const hex = (sessionId: bigint): string => `0x${sessionId.toString(16)}`;
const at = (zxid: Zxid): string => `transaction 0x${zxid.toString(16)}`;
