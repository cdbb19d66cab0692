import { assert } from "../../base/assert.js";
import { ByteWriter, MalformedBytesError } from "../../base/bytes.js";
import { SeededRandom } from "../../base/random.js";
import { nameOfError, ZooKeeperError } from "../../client/errors.js";
import { HostList } from "../../client/host-list.js";
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS } from "../../client/limits.js";
import type { ReplyHandler } from "../../client/pending.js";
import { OPEN_ACL } from "../../client/requests.js";
import { type ConnectKind, Session } from "../../client/session.js";
import type { Codec } from "../../jute/codec.js";
import { ERROR } from "../../jute/errors.js";
import { beginFrame, endFrame } from "../../jute/framing.js";
import { CREATE_MODE, OP } from "../../jute/opcodes.js";
import { CreateRequest, GetDataRequest, SetDataRequest, STAT_BYTES, SyncRequest } from "../../jute/records.js";
import type { LoadListener, LoadSession, LoadSessionOptions, OperationTimes } from "../driver.js";
import { KEY_DIGITS, KEYS_MAX, keyPath, patchDigits } from "./keys.js";

/** What a token is made of: slot * KINDS + kind. */
const KIND = { read: 0, write: 1, create: 2, sync: 3, linearizableRead: 4 } as const;
const KINDS = 5;

const WORD = 2 ** 32;
const CREATE_DIGITS = 10;
/** Where mzxid stands in a stat: behind czxid. */
const MZXID_OFFSET = 8;

/** A request encoded once: only the xid and the number that ends its path differ from one sending to the next. */
interface Template {
  readonly frame: Buffer;
  /** From the end of that number to the end of the frame, in bytes. */
  readonly digitsToEnd: number;
}

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
  private readonly session: Session;
  private readonly listener: LoadListener;
  private readonly readTemplate: Template;
  private readonly writeTemplate: Template;
  private readonly value: Buffer;
  private readonly root: string;
  private createTemplate: Template | undefined;
  private readonly syncFrame: Buffer;
  /** By slot: what the sync of a linearizable read ended with, until its read ends. */
  private readonly syncErrors: Int32Array;
  /** By slot. */
  private readonly sentAt: Float64Array;
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
    this.root = root;
    this.value = Buffer.alloc(valueBytes, "z");
    const key = keyPath(root, 0);
    this.readTemplate = template(OP.getData, GetDataRequest, { path: key, watch: false }, key);
    this.writeTemplate = template(OP.setData, SetDataRequest, { path: key, data: this.value, version: -1 }, key);
    this.syncFrame = encode(OP.sync, SyncRequest, { path: root });
    this.syncErrors = new Int32Array(depth);
    this.sentAt = new Float64Array(depth);
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

  read(slot: number, key: number): void {
    if (this.refuses(slot)) return;
    this.submit(this.readTemplate, slot, KIND.read, KEY_DIGITS, key);
  }

  readLinearizable(slot: number, key: number): void {
    if (this.refuses(slot)) return;
    this.syncErrors[slot] = ERROR.OK;
    this.session.submit(this.syncFrame, this, slot * KINDS + KIND.sync);
    this.submit(this.readTemplate, slot, KIND.linearizableRead, KEY_DIGITS, key);
  }

  write(slot: number, key: number): void {
    if (this.refuses(slot)) return;
    this.submit(this.writeTemplate, slot, KIND.write, KEY_DIGITS, key);
  }

  create(slot: number): void {
    if (this.refuses(slot)) return;
    this.submit(this.createTemplate as Template, slot, KIND.create, CREATE_DIGITS, this.created++);
  }

  close(): Promise<void> {
    return this.session.close();
  }

  onReply(token: number, error: number, zxid: number, bytes: Buffer, start: number, end: number): void {
    const slot = Math.floor(token / KINDS);
    const kind = token - slot * KINDS;
    if (kind === KIND.sync) {
      this.syncErrors[slot] = error;
      return;
    }
    const outcome = kind === KIND.linearizableRead && error === ERROR.OK ? (this.syncErrors[slot] as number) : error;
    if (outcome !== ERROR.OK) {
      this.listener.ended(slot, nameOfError(outcome), zxid, 0);
      return;
    }
    if (end - start < STAT_BYTES) {
      this.listener.ended(slot, "CONNECTIONLOSS", zxid, 0);
      throw new MalformedBytesError(`a reply of ${end - start} bytes has no room for a stat`);
    }
    let written = 0;
    if (kind === KIND.write) written = zxidAt(bytes, end - STAT_BYTES + MZXID_OFFSET);
    else if (kind === KIND.create) written = zxidAt(bytes, end - STAT_BYTES);
    this.listener.ended(slot, "", zxid, written);
  }

  private submit(template: Template, slot: number, kind: number, digits: number, number: number): void {
    const writer = this.session.submit(template.frame, this, slot * KINDS + kind);
    patchDigits(writer.bytes, writer.offset - template.digitsToEnd, digits, number);
    this.unsent[this.unsentCount++] = slot;
  }

  private noteSent(): void {
    const now = this.session.sentAtMs;
    for (let index = 0; index < this.unsentCount; index++) this.sentAt[this.unsent[index] as number] = now;
    this.unsentCount = 0;
  }

  private refuses(slot: number): boolean {
    if (this.session.connected) return false;
    this.refused.push(slot);
    if (this.refused.length === 1) setImmediate(this.endRefused);
    return true;
  }

  private readonly endRefused = (): void => {
    const slots = this.refused;
    this.refused = [];
    for (const slot of slots) this.listener.ended(slot, "CONNECTIONLOSS", 0, 0);
  };

  private handleConnected(kind: ConnectKind): void {
    this.unsentCount = 0;
    if (this.createTemplate === undefined) {
      // A name that nobody else gives: sessions differ in their id, and this one counts.
      const session = BigInt.asUintN(64, this.session.credentials.sessionId).toString(16).padStart(16, "0");
      const path = `${this.root}/n${session}-${"0".repeat(CREATE_DIGITS)}`;
      const request = { path, data: this.value, acl: OPEN_ACL, flags: CREATE_MODE.persistent };
      this.createTemplate = template(OP.create2, CreateRequest, request, path);
    }
    if (this.opened !== undefined) {
      this.opened();
      this.opened = undefined;
      return;
    }
    this.listener.reconnected(kind === "renewed");
  }
}

function zxidAt(bytes: Buffer, offset: number): number {
  return bytes.readInt32BE(offset) * WORD + bytes.readUInt32BE(offset + 4);
}

function encode<T>(type: number, codec: Codec<T>, request: T): Buffer {
  const writer = new ByteWriter();
  const start = beginFrame(writer);
  writer.int32(0);
  writer.int32(type);
  codec.write(writer, request);
  endFrame(writer, start);
  return writer.copy();
}

function template<T>(type: number, codec: Codec<T>, request: T, path: string): Template {
  const frame = encode(type, codec, request);
  const pathEnd = frame.indexOf(path) + Buffer.byteLength(path);
  return { frame, digitsToEnd: frame.length - pathEnd };
}
