import { randomBytes } from "node:crypto";
import { assert } from "../../base/assert.js";
import { ByteWriter } from "../../base/bytes.js";
import type { LoadListener, LoadSession, LoadSessionOptions, OperationTimes } from "../driver.js";
import { Channel, type ChannelListener } from "./channel.js";
import { STATUS, STATUS_NAMES, statusName } from "./errors.js";
import type { CallHandler, GrpcConnection } from "./grpc.js";
import { createdKeys, type NumberedKeys, valueKeys } from "./keys.js";
import { AnswerReader, METHODS } from "./messages.js";
import { WIRE, writeLengthTag, writeTag } from "./protobuf.js";

const IDLE = 0;
const READ = 1;
const READ_LINEARIZABLE = 2;
const WRITE = 3;
const CREATE = 4;

const KEY_FIELD = 1;
const VALUE_FIELD = 2;
const SERIALIZABLE_FIELD = 7;

const NO_ANSWER = -1;

/** The load of one connection. A slot is the tag of its call; what it does is in typed arrays, by slot. */
export class EtcdLoadSession implements LoadSession, OperationTimes, CallHandler, ChannelListener {
  readonly times = this;
  private readonly channel: Channel;
  private readonly listener: LoadListener;
  private readonly kinds: Uint8Array;
  private readonly keyNumbers: Float64Array;
  private readonly revisions: Float64Array;
  private readonly counts: Float64Array;
  private readonly sentAt: Float64Array;
  /** The slots whose requests have not left yet, of which there are `unsentCount`. */
  private readonly unsent: Int32Array;
  private unsentCount = 0;
  private readonly answer = new AnswerReader();
  private readonly values: NumberedKeys;
  private readonly created: NumberedKeys;
  private createdCount = 0;
  /** The value's field of a PutRequest, the same in all of them. */
  private readonly valueField: Buffer;
  private grpc: GrpcConnection | undefined;
  /** Slots submitted without a connection, to be ended when the turn is over. */
  private refused: number[] = [];
  private succeeded = false;
  private unavailable = false;
  private readonly leaveTimer: NodeJS.Timeout;

  constructor(options: LoadSessionOptions) {
    this.listener = options.listener;
    this.kinds = new Uint8Array(options.depth);
    this.keyNumbers = new Float64Array(options.depth);
    this.revisions = new Float64Array(options.depth);
    this.counts = new Float64Array(options.depth);
    this.sentAt = new Float64Array(options.depth);
    this.unsent = new Int32Array(options.depth);
    this.values = valueKeys(options.root);
    this.created = createdKeys(options.root, randomBytes(8).toString("hex"));
    const writer = new ByteWriter(options.valueBytes + 16);
    writeLengthTag(writer, VALUE_FIELD, options.valueBytes);
    writer.raw(Buffer.alloc(options.valueBytes, "zabench "));
    this.valueField = writer.copy();
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

  read(slot: number, key: number): void {
    this.submit(slot, READ, key);
  }

  readLinearizable(slot: number, key: number): void {
    this.submit(slot, READ_LINEARIZABLE, key);
  }

  write(slot: number, key: number): void {
    this.submit(slot, WRITE, key);
  }

  create(slot: number): void {
    this.submit(slot, CREATE, this.createdCount++);
  }

  async close(): Promise<void> {
    clearInterval(this.leaveTimer);
    this.channel.close();
  }

  private submit(slot: number, kind: number, key: number): void {
    assert(this.kinds[slot] === IDLE, "the slot does not exist, or is in use");
    this.kinds[slot] = kind;
    this.keyNumbers[slot] = key;
    this.revisions[slot] = NO_ANSWER;
    if (this.grpc?.accepting === true) {
      this.grpc.call(kind <= READ_LINEARIZABLE ? METHODS.range : METHODS.put, this, slot);
      return;
    }
    // Not within this call: whoever submits from `ended` would recurse for as long as there is no connection.
    if (this.refused.push(slot) === 1) setImmediate(() => this.endRefused());
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
    this.unsent[this.unsentCount++] = slot;
    const kind = this.kinds[slot];
    const keys = kind === CREATE ? this.created : this.values;
    writeLengthTag(writer, KEY_FIELD, keys.lengthBytes);
    keys.write(writer, this.keyNumbers[slot] as number);
    if (kind === READ) {
      writeTag(writer, SERIALIZABLE_FIELD, WIRE.varint);
      writer.int8(1);
    } else if (kind !== READ_LINEARIZABLE) {
      writer.raw(this.valueField);
    }
  }

  message(slot: number, bytes: Buffer, start: number, end: number): void {
    this.answer.read(bytes, start, end);
    this.revisions[slot] = this.answer.revision;
    this.counts[slot] = this.answer.count;
  }

  ended(slot: number, status: number): void {
    const kind = this.kinds[slot] as number;
    this.kinds[slot] = IDLE;
    if (status !== STATUS.ok) {
      if (status === STATUS.unavailable) this.unavailable = true;
      this.listener.ended(slot, statusName(status), 0, 0);
      return;
    }
    const revision = this.revisions[slot] as number;
    this.succeeded = true;
    if (revision === NO_ANSWER) {
      this.listener.ended(slot, STATUS_NAMES[STATUS.internal], 0, 0);
    } else if (kind <= READ_LINEARIZABLE) {
      const found = (this.counts[slot] as number) > 0;
      this.listener.ended(slot, found ? "" : STATUS_NAMES[STATUS.notFound], revision, 0);
    } else {
      this.listener.ended(slot, "", revision, revision);
    }
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
