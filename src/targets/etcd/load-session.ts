import { randomBytes } from "node:crypto";
import { assert } from "../../base/assert.js";
import type { ByteWriter } from "../../base/bytes.js";
import type { LoadListener, LoadSession, LoadSessionOptions, OperationTimes } from "../driver.js";
import { Channel, type ChannelListener } from "./channel.js";
import { STATUS, STATUS_NAMES, statusName } from "./errors.js";
import type { CallHandler, GrpcConnection, Method } from "./grpc.js";
import { createdKeys, type NumberedKeys, prefixEnd, valueKeys } from "./keys.js";
import {
  writeCountOnly,
  writeKey,
  writeListing,
  writePut,
  writeSerializable,
  writeTransactionPut,
  writeUnchanged,
} from "./load-requests.js";
import { AnswerReader, METHODS } from "./messages.js";

/** What a slot is doing. */
const KIND = {
  idle: 0,
  read: 1,
  readLinearizable: 2,
  exists: 3,
  children: 4,
  write: 5,
  create: 6,
  delete: 7,
  multi: 8,
  /** The steps of a setVersioned; the reading is done again for as long as somebody else writes in between. */
  versionRead: 9,
  versionedWrite: 10,
  versionReadAgain: 11,
} as const;

const METHOD_OF: readonly Method[] = [
  METHODS.range,
  METHODS.range,
  METHODS.range,
  METHODS.range,
  METHODS.range,
  METHODS.put,
  METHODS.put,
  METHODS.deleteRange,
  METHODS.txn,
  METHODS.range,
  METHODS.txn,
  METHODS.range,
];

const NO_ANSWER = -1;

/** The load of one connection. A slot is the tag of its call; what it does is in typed arrays, by slot. */
export class EtcdLoadSession implements LoadSession, OperationTimes, CallHandler, ChannelListener {
  readonly times = this;
  readonly absent: string = STATUS_NAMES[STATUS.notFound];
  private readonly channel: Channel;
  private readonly listener: LoadListener;
  private readonly valueBytes: number;
  private readonly keys: number;
  private readonly multiWrites: number;
  // By slot.
  private readonly kinds: Uint8Array;
  private readonly keyNumbers: Float64Array;
  private readonly bytes: Float64Array;
  private readonly revisions: Float64Array;
  /** Keys counted or deleted, responses of a transaction that was applied. */
  private readonly counts: Float64Array;
  private readonly results: Float64Array;
  private readonly sentAt: Float64Array;
  /** The slots whose requests have not left yet, of which there are `unsentCount`. */
  private readonly unsent: Int32Array;
  private unsentCount = 0;
  private readonly answer = new AnswerReader();
  private readonly values: NumberedKeys;
  private readonly created: NumberedKeys;
  private createdCount = 0;
  private readonly value: Buffer;
  private readonly listingFrom: Buffer;
  private readonly listingEnd: Buffer;
  private grpc: GrpcConnection | undefined;
  /** Slots submitted without a connection, to be ended when the turn is over. */
  private refused: number[] = [];
  private succeeded = false;
  private unavailable = false;
  private readonly leaveTimer: NodeJS.Timeout;

  constructor(options: LoadSessionOptions) {
    this.listener = options.listener;
    this.valueBytes = options.valueBytes;
    this.keys = options.keys;
    this.multiWrites = options.multiWrites ?? 1;
    this.kinds = new Uint8Array(options.depth);
    this.keyNumbers = new Float64Array(options.depth);
    this.bytes = new Float64Array(options.depth);
    this.results = new Float64Array(options.depth);
    this.revisions = new Float64Array(options.depth);
    this.counts = new Float64Array(options.depth);
    this.sentAt = new Float64Array(options.depth);
    this.unsent = new Int32Array(options.depth);
    this.values = valueKeys(options.root);
    this.created = createdKeys(options.root, randomBytes(8).toString("hex"));
    this.value = Buffer.alloc(options.valueBytes, "zabench ");
    this.listingFrom = Buffer.from(`${options.root}/`);
    this.listingEnd = prefixEnd(this.listingFrom);
    this.channel = new Channel(
      { ...options, callsMax: options.depth + 1, onSent: (atMs) => this.noteSent(atMs) },
      this,
    );
    this.leaveTimer = setInterval(() => this.leaveIfUseless(), options.sessionTimeoutMs);
    this.leaveTimer.unref();
  }

  async open(): Promise<void> {
    try {
      await this.channel.open();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get connected(): boolean {
    return this.grpc?.accepting === true;
  }

  get receivedAtMs(): number {
    return this.grpc?.receivedAtMs ?? 0;
  }

  sentAtMs(slot: number): number {
    return this.sentAt[slot] as number;
  }

  resultOf(slot: number): number {
    return this.results[slot] as number;
  }

  read(slot: number, key: number): void {
    this.submit(slot, KIND.read, key);
  }

  readLinearizable(slot: number, key: number): void {
    this.submit(slot, KIND.readLinearizable, key);
  }

  exists(slot: number, key: number): void {
    this.submit(slot, KIND.exists, key);
  }

  /** All keys below the root: etcd has no folders. */
  children(slot: number): void {
    this.submit(slot, KIND.children, 0);
  }

  sync(): void {
    assert(false, "etcd has no sync, and the workload's kind says so");
  }

  write(slot: number, key: number, bytes = this.valueBytes): void {
    this.submit(slot, KIND.write, key, bytes);
  }

  setVersioned(slot: number, key: number, bytes = this.valueBytes): void {
    this.submit(slot, KIND.versionRead, key, bytes);
  }

  multi(slot: number, key: number, bytes = this.valueBytes): void {
    this.submit(slot, KIND.multi, key, bytes);
  }

  create(slot: number, _key = 0, bytes = this.valueBytes): void {
    const number = this.createdCount++;
    this.results[slot] = number;
    this.submit(slot, KIND.create, number, bytes);
  }

  delete(slot: number, _key: number, number: number): void {
    this.submit(slot, KIND.delete, number);
  }

  async close(): Promise<void> {
    clearInterval(this.leaveTimer);
    this.channel.close();
  }

  private submit(slot: number, kind: number, key: number, bytes = 0): void {
    assert(this.kinds[slot] === KIND.idle, "the slot does not exist, or is in use");
    this.keyNumbers[slot] = key;
    this.bytes[slot] = bytes;
    if (this.grpc?.accepting === true) {
      this.call(this.grpc, slot, kind);
      return;
    }
    this.kinds[slot] = kind;
    // Not within this call: whoever submits from `ended` would recurse for as long as there is no connection.
    if (this.refused.push(slot) === 1) setImmediate(() => this.endRefused());
  }

  private call(grpc: GrpcConnection, slot: number, kind: number): void {
    this.kinds[slot] = kind;
    this.revisions[slot] = NO_ANSWER;
    grpc.call(METHOD_OF[kind] as Method, this, slot);
  }

  private noteSent(atMs: number): void {
    for (let index = 0; index < this.unsentCount; index++) this.sentAt[this.unsent[index] as number] = atMs;
    this.unsentCount = 0;
  }

  private endRefused(): void {
    const slots = this.refused;
    this.refused = [];
    for (const slot of slots) this.ended(slot, STATUS.connectionLost);
  }

  // -- the calls

  writeRequest(slot: number, writer: ByteWriter): void {
    const kind = this.kinds[slot] as number;
    const key = this.keyNumbers[slot] as number;
    const bytes = this.bytes[slot] as number;
    // Of several calls the first is when the operation began.
    if (kind < KIND.versionedWrite) this.unsent[this.unsentCount++] = slot;
    switch (kind) {
      case KIND.read:
        writeKey(writer, this.values, key);
        writeSerializable(writer);
        break;
      case KIND.exists:
        writeKey(writer, this.values, key);
        writeCountOnly(writer);
        break;
      case KIND.children:
        writeListing(writer, this.listingFrom, this.listingEnd);
        break;
      case KIND.write:
        writePut(writer, this.values, key, this.value, bytes);
        break;
      case KIND.create:
        writePut(writer, this.created, key, this.value, bytes);
        break;
      case KIND.delete:
        writeKey(writer, this.created, key);
        break;
      case KIND.multi:
        for (let each = 0; each < this.multiWrites; each++) {
          writeTransactionPut(writer, this.values, (key + each) % this.keys, this.value, bytes);
        }
        break;
      case KIND.versionedWrite:
        writeUnchanged(writer, this.values, key, this.results[slot] as number);
        writeTransactionPut(writer, this.values, key, this.value, bytes);
        break;
      default:
        writeKey(writer, this.values, key);
    }
  }

  message(slot: number, bytes: Buffer, start: number, end: number): void {
    const { answer } = this;
    const kind = this.kinds[slot] as number;
    const versioned = kind === KIND.versionRead || kind === KIND.versionReadAgain;
    answer.read(bytes, start, end, versioned);
    this.revisions[slot] = answer.revision;
    if (METHOD_OF[kind] === METHODS.range) this.counts[slot] = answer.count;
    else if (kind === KIND.delete) this.counts[slot] = answer.done;
    else this.counts[slot] = answer.done === 0 ? 0 : answer.responses;
    if (versioned) this.results[slot] = answer.modRevision;
  }

  ended(slot: number, status: number): void {
    const kind = this.kinds[slot] as number;
    this.kinds[slot] = KIND.idle;
    if (status !== STATUS.ok) {
      if (status === STATUS.unavailable) this.unavailable = true;
      this.listener.ended(slot, statusName(status), 0, 0);
      return;
    }
    const revision = this.revisions[slot] as number;
    const count = this.counts[slot] as number;
    this.succeeded = true;
    if (revision === NO_ANSWER) {
      this.listener.ended(slot, STATUS_NAMES[STATUS.internal], 0, 0);
      return;
    }
    switch (kind) {
      case KIND.write:
      case KIND.create:
        this.listener.ended(slot, "", revision, revision);
        break;
      case KIND.multi:
        this.results[slot] = count;
        this.listener.ended(slot, "", revision, revision);
        break;
      case KIND.versionedWrite:
        if (count > 0) this.listener.ended(slot, "", revision, revision);
        else this.goOn(slot, KIND.versionReadAgain);
        break;
      case KIND.versionRead:
      case KIND.versionReadAgain:
        if (count > 0) this.goOn(slot, KIND.versionedWrite);
        else this.listener.ended(slot, this.absent, revision, 0);
        break;
      case KIND.delete:
        this.listener.ended(slot, count > 0 ? "" : this.absent, revision, count > 0 ? revision : 0);
        break;
      case KIND.children:
        this.results[slot] = count;
        this.listener.ended(slot, "", revision, 0);
        break;
      default:
        this.listener.ended(slot, count > 0 ? "" : this.absent, revision, 0);
    }
  }

  /** The next call of an operation made of several. */
  private goOn(slot: number, kind: number): void {
    if (this.grpc?.accepting === true) this.call(this.grpc, slot, kind);
    else this.listener.ended(slot, statusName(STATUS.connectionLost), 0, 0);
  }

  // -- the connection

  channelUp(grpc: GrpcConnection, again: boolean): void {
    this.grpc = grpc;
    this.unsentCount = 0;
    if (again) this.listener.reconnected(false);
  }

  channelDown(): void {
    this.grpc = undefined;
    this.listener.disconnected();
  }

  /** A member cut off from the others goes on answering, with UNAVAILABLE: another one may serve. */
  private leaveIfUseless(): void {
    if (this.unavailable && !this.succeeded) this.channel.leave("the member does not serve");
    this.unavailable = false;
    this.succeeded = false;
  }
}
