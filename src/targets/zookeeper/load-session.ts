import { assert } from "../../base/assert.js";
import { SeededRandom } from "../../base/random.js";
import { nameOfError, ZooKeeperError } from "../../client/errors.js";
import { HostList } from "../../client/host-list.js";
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS } from "../../client/limits.js";
import type { ReplyHandler } from "../../client/pending.js";
import { type ConnectKind, Session } from "../../client/session.js";
import { ERROR } from "../../jute/errors.js";
import { STAT_BYTES } from "../../jute/records.js";
import {
  type CreateKind,
  FLAT,
  type LoadListener,
  type LoadSession,
  type LoadSessionOptions,
  type OperationTimes,
} from "../driver.js";
import { CREATED_DIGITS, digitsBefore, KEYS_MAX } from "./keys.js";
import { isSequential, LoadRequests } from "./load-requests.js";
import {
  checkList,
  checkPath,
  checkSize,
  checkValue,
  errorOfMulti,
  MULTI_HEADER_BYTES,
  WRITTEN_PART_BYTES,
  zxidAt,
} from "./reply-shape.js";

/** What a token is made of: slot * KINDS + kind. */
const KIND = {
  read: 0,
  write: 1,
  create: 2,
  /** Of a linearizable read, ahead of it. */
  syncFirst: 3,
  linearizableRead: 4,
  exists: 5,
  children: 6,
  sync: 7,
  delete: 8,
  multi: 9,
  /** The two steps of a setVersioned. */
  versionRead: 10,
  versionedWrite: 11,
} as const;
const KINDS = 12;

/** Where they stand in a stat. */
const MZXID_OFFSET = 8;
const VERSION_OFFSET = 32;

/** Opens a session and waits for it, at most for the session timeout. Throws ZooKeeperError CONNECTIONLOSS. */
export function openLoadSession(options: LoadSessionOptions): Promise<LoadSession> {
  return new Promise((resolve, reject) => {
    const session = new ZooKeeperLoadSession(options, () => {
      clearTimeout(timer);
      resolve(session);
    });
    const timer = setTimeout(() => {
      const cause = session.lastFailure;
      const detail = `${cause?.message ?? "no answer"} within ${options.sessionTimeoutMs} ms`;
      const error = new ZooKeeperError(ERROR.CONNECTIONLOSS, "connect", undefined, { cause, detail });
      void session.close().then(() => reject(error));
    }, options.sessionTimeoutMs);
  });
}

class ZooKeeperLoadSession implements LoadSession, ReplyHandler, OperationTimes {
  readonly times = this;
  readonly absent = "NONODE";
  private readonly session: Session;
  private readonly listener: LoadListener;
  private readonly requests: LoadRequests;
  private readonly createKind: CreateKind;
  private readonly valueBytes: number;
  private readonly multiWrites: number;
  // By slot.
  /** What the sync of a linearizable read ended with, until its read ends. */
  private readonly syncErrors: Int32Array;
  private readonly sentAt: Float64Array;
  private readonly results: Float64Array;
  private readonly slotKeys: Float64Array;
  private readonly slotBytes: Float64Array;
  /** The slots whose requests have not left yet, of which there are `unsentCount`. */
  private readonly unsent: Int32Array;
  private unsentCount = 0;
  private refused: number[] = [];
  private created = 0;
  private opened: (() => void) | undefined;

  constructor(options: LoadSessionOptions, opened: () => void) {
    const { root, keys, valueBytes, depth, members, index } = options;
    assert(keys <= KEYS_MAX, `at most ${KEYS_MAX} keys`);
    this.listener = options.listener;
    this.opened = opened;
    this.createKind = options.createKind ?? "persistent";
    this.valueBytes = valueBytes;
    this.multiWrites = options.multiWrites ?? 1;
    this.requests = new LoadRequests({
      root,
      keys,
      valueBytes,
      tree: options.tree ?? FLAT,
      createKind: this.createKind,
      multiWrites: this.multiWrites,
    });
    this.syncErrors = new Int32Array(depth);
    this.sentAt = new Float64Array(depth);
    this.results = new Float64Array(depth);
    this.slotKeys = new Float64Array(depth);
    this.slotBytes = new Float64Array(depth);
    this.unsent = new Int32Array(depth);
    const first = index % members.length;
    const hosts = [...members.slice(first), ...members.slice(0, first)];
    const backoff = { minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS };
    this.session = new Session(
      {
        hosts: new HostList(hosts, "given", backoff, new SeededRandom(members.length, index)),
        sessionTimeoutMs: options.sessionTimeoutMs,
        attemptTimeoutMs: Math.ceil(options.sessionTimeoutMs / members.length),
        renewSession: true,
      },
      {
        onConnected: (kind) => this.handleConnected(kind),
        onDisconnected: () => this.listener.disconnected(),
        onExpired: () => undefined,
        onAuthFailed: () => undefined,
        onClosed: () => undefined,
        onEvent: () => undefined,
        // Nothing is lost: the position of every reply goes to the listener as it is, which judges it itself.
        onInconsistency: () => undefined,
        onMalformed: (error) => this.listener.brokeProtocol(error.message),
        onFlush: () => this.noteSent(),
      },
    );
    this.session.start();
  }

  get connected(): boolean {
    return this.session.connected;
  }

  get receivedAtMs(): number {
    return this.session.receivedAtMs;
  }

  get lastFailure(): Error | undefined {
    return this.session.lastFailure;
  }

  sentAtMs(slot: number): number {
    return this.sentAt[slot] as number;
  }

  resultOf(slot: number): number {
    return this.results[slot] as number;
  }

  read(slot: number, key: number): void {
    if (!this.begin(slot)) return;
    this.requests.read(this.session, this, slot * KINDS + KIND.read, key);
  }

  readLinearizable(slot: number, key: number): void {
    if (!this.begin(slot)) return;
    this.syncErrors[slot] = ERROR.OK;
    this.requests.sync(this.session, this, slot * KINDS + KIND.syncFirst);
    this.requests.read(this.session, this, slot * KINDS + KIND.linearizableRead, key);
  }

  exists(slot: number, key: number): void {
    if (!this.begin(slot)) return;
    this.requests.exists(this.session, this, slot * KINDS + KIND.exists, key);
  }

  children(slot: number, key: number): void {
    if (!this.begin(slot)) return;
    this.requests.children(this.session, this, slot * KINDS + KIND.children, key);
  }

  sync(slot: number): void {
    if (!this.begin(slot)) return;
    this.requests.sync(this.session, this, slot * KINDS + KIND.sync);
  }

  write(slot: number, key: number, bytes = this.valueBytes): void {
    if (!this.begin(slot)) return;
    this.requests.write(this.session, this, slot * KINDS + KIND.write, key, bytes, -1);
  }

  setVersioned(slot: number, key: number, bytes = this.valueBytes): void {
    if (!this.begin(slot)) return;
    this.slotKeys[slot] = key;
    this.slotBytes[slot] = bytes;
    this.requests.read(this.session, this, slot * KINDS + KIND.versionRead, key);
  }

  multi(slot: number, key: number, bytes = this.valueBytes): void {
    if (!this.begin(slot)) return;
    this.requests.multi(this.session, this, slot * KINDS + KIND.multi, key, bytes);
  }

  create(slot: number, key = 0, bytes = this.valueBytes): void {
    if (!this.begin(slot)) return;
    const number = this.created++;
    this.results[slot] = number;
    this.requests.create(this.session, this, slot * KINDS + KIND.create, key, number, bytes);
  }

  delete(slot: number, key: number, number: number): void {
    if (!this.begin(slot)) return;
    this.requests.delete(this.session, this, slot * KINDS + KIND.delete, key, number);
  }

  close(): Promise<void> {
    return this.session.close();
  }

  onReply(token: number, error: number, zxid: number, bytes: Buffer, start: number, end: number): void {
    const slot = Math.floor(token / KINDS);
    const kind = token - slot * KINDS;
    let outcome = error === ERROR.OK ? this.judge(kind, zxid, bytes, start, end) : error;
    if (kind === KIND.syncFirst) {
      this.syncErrors[slot] = outcome;
      return;
    }
    if (kind === KIND.linearizableRead && outcome === ERROR.OK) outcome = this.syncErrors[slot] as number;
    else if (kind === KIND.versionedWrite && error === ERROR.BADVERSION) {
      // Somebody else was first: what stands there now is read, and it is tried again.
      this.requests.read(this.session, this, slot * KINDS + KIND.versionRead, this.slotKeys[slot] as number);
      return;
    }
    if (outcome !== ERROR.OK) {
      this.listener.ended(slot, nameOfError(outcome), zxid, 0);
      return;
    }
    const stat = end - STAT_BYTES;
    let written = 0;
    switch (kind) {
      case KIND.write:
      case KIND.versionedWrite:
        written = zxidAt(bytes, stat + MZXID_OFFSET);
        break;
      case KIND.create:
        written = zxidAt(bytes, stat);
        if (isSequential(this.createKind)) this.results[slot] = digitsBefore(bytes, stat, CREATED_DIGITS);
        break;
      case KIND.delete:
        written = zxid;
        break;
      case KIND.children:
        this.results[slot] = bytes.readInt32BE(start);
        break;
      case KIND.multi:
        written = zxidAt(bytes, start + MULTI_HEADER_BYTES + MZXID_OFFSET);
        this.results[slot] = writesAt(written, bytes, start, end);
        break;
      case KIND.versionRead:
        this.results[slot] = zxidAt(bytes, stat + MZXID_OFFSET);
        this.requests.write(
          this.session,
          this,
          slot * KINDS + KIND.versionedWrite,
          this.slotKeys[slot] as number,
          this.slotBytes[slot] as number,
          bytes.readInt32BE(stat + VERSION_OFFSET),
        );
        return;
    }
    this.listener.ended(slot, "", zxid, written);
  }

  /** The error that a reply holds, 0 for none. Throws MalformedBytesError where it is none to such a request. */
  private judge(kind: number, zxid: number, bytes: Buffer, start: number, end: number): number {
    switch (kind) {
      case KIND.read:
      case KIND.linearizableRead:
      case KIND.versionRead:
        checkValue(bytes, start, end);
        this.compareAges(zxid, zxidAt(bytes, end - STAT_BYTES + MZXID_OFFSET));
        break;
      case KIND.write:
      case KIND.versionedWrite:
      case KIND.exists:
        checkSize(STAT_BYTES, start, end);
        break;
      case KIND.create:
        checkPath(bytes, start, end, STAT_BYTES);
        break;
      case KIND.sync:
      case KIND.syncFirst:
        checkPath(bytes, start, end, 0);
        break;
      case KIND.children:
        checkList(bytes, start, end);
        break;
      case KIND.delete:
        checkSize(0, start, end);
        break;
      case KIND.multi:
        return errorOfMulti(this.multiWrites, bytes, start, end);
    }
    return ERROR.OK;
  }

  private compareAges(read: number, written: number): void {
    if (written <= read) return;
    this.listener.brokeProtocol(
      `a value that was written at 0x${written.toString(16)} was read at 0x${read.toString(16)}, before that`,
    );
  }

  /** False where there is no connection: the slot is ended when the turn is over. */
  private begin(slot: number): boolean {
    if (this.session.connected) {
      this.unsent[this.unsentCount++] = slot;
      return true;
    }
    if (this.refused.push(slot) === 1) setImmediate(this.endRefused);
    return false;
  }

  private noteSent(): void {
    const now = this.session.sentAtMs;
    for (let index = 0; index < this.unsentCount; index++) this.sentAt[this.unsent[index] as number] = now;
    this.unsentCount = 0;
  }

  private readonly endRefused = (): void => {
    const slots = this.refused;
    this.refused = [];
    for (const slot of slots) this.listener.ended(slot, "CONNECTIONLOSS", 0, 0);
  };

  private handleConnected(kind: ConnectKind): void {
    this.unsentCount = 0;
    if (!this.requests.named) {
      // A name that nobody else gives: sessions differ in their id, and this one counts.
      const id = BigInt.asUintN(64, this.session.credentials.sessionId);
      this.requests.nameCreated(id.toString(16).padStart(16, "0"));
    }
    if (this.opened !== undefined) {
      this.opened();
      this.opened = undefined;
      return;
    }
    this.listener.reconnected(kind === "renewed");
  }
}

/** How many writes of a transaction stand at `written`. */
function writesAt(written: number, bytes: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = start; at + WRITTEN_PART_BYTES <= end; at += WRITTEN_PART_BYTES) {
    if (zxidAt(bytes, at + MULTI_HEADER_BYTES + MZXID_OFFSET) === written) count++;
  }
  return count;
}
