import { assert } from "../../base/assert.js";
import { ByteReader, type ByteWriter, getInt32 } from "../../base/bytes.js";
import { RingBuffer } from "../../base/ring.js";
import type { Zxid } from "../../base/zxid.js";
import { ClientConnection } from "../../core/request/client-connection.js";
import { ERROR } from "../../jute/errors.js";
import { OP, XID } from "../../jute/opcodes.js";
import { ConnectRequest, ConnectResponse, type Id } from "../../jute/records.js";
import type { CorePort } from "./core-port.js";
import { GATEWAY_LIMITS } from "./limits.js";

export type Encode = (writer: ByteWriter) => void;
/** Reads a reply's record, which is valid within the call only. */
export type Decode<T> = (body: ByteReader, zxid: Zxid) => T;

/** The service refused. Without a stack, as it is no more than an answer. */
export class CoreError {
  /** One of `ERROR`. */
  readonly code: number;
  /** The request may have been carried out all the same. */
  readonly outcomeUnknown: boolean;

  constructor(code: number, outcomeUnknown = false) {
    this.code = code;
    this.outcomeUnknown = outcomeUnknown;
  }
}

/** The request, as the core would get it, is longer than `jute.maxbuffer`. */
export class RequestTooLarge {
  readonly bytes: number;

  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

interface Pending {
  readonly xid: number;
  answer(body: ByteReader, zxid: Zxid): void;
  refuse(error: CoreError): void;
}

interface Waiter {
  resolve(): void;
  reject(error: CoreError): void;
}

/** `over` is for good: closed, or expired. */
export type CoreSessionState = "connecting" | "open" | "over";

const XID_MAX = 2 ** 31 - 1;
const NO_BYTES = Buffer.alloc(0);
const NO_PASSWORD = Buffer.alloc(16);
const NOBODY: readonly Id[] = [];
const NOTHING = (): void => {};

export interface CoreSessionOptions {
  readonly timeoutMs: number;
  readonly remoteAddress: string;
  /** It is the gateway's own: kept alive, and begun anew where it expired. */
  readonly permanent: boolean;
  /** It is over, without having been closed here. */
  onExpired?(): void;
}

/**
 * A session of the core, held within its process: as a client has it, but with neither socket nor copies between. What is
 * asked of it is carried out and answered in order. Where the core serves nobody for a while it comes back by itself.
 */
export class CoreSession {
  private readonly port: CorePort;
  private readonly options: CoreSessionOptions;
  private readonly reader: ByteReader;
  private readonly pending = new RingBuffer<Pending>(8);
  private readonly waiters = new Set<Waiter>();
  private connection: ClientConnection | undefined;
  private current: CoreSessionState = "connecting";
  private handshaking = false;
  private closing = false;
  private retry: NodeJS.Timeout | undefined;
  private pinger: NodeJS.Timeout | undefined;
  private nextXid = 1;
  private lastZxid: Zxid = 0;
  private password: Buffer = NO_PASSWORD;
  id = 0n;
  /** As the core granted it. */
  timeoutMs: number;

  constructor(port: CorePort, options: CoreSessionOptions) {
    this.port = port;
    this.options = options;
    this.timeoutMs = options.timeoutMs;
    this.reader = new ByteReader(NO_BYTES, 0, 0, 2 ** 31 - 1);
    this.connect();
  }

  get state(): CoreSessionState {
    return this.current;
  }

  get isOpen(): boolean {
    return this.current === "open" && this.connection?.phase === "open";
  }

  /** Resolves once requests are taken. Throws CoreError: CONNECTIONLOSS after `waitMs`, SESSIONEXPIRED. */
  whenOpen(waitMs: number): Promise<void> {
    if (this.isOpen) return Promise.resolve();
    if (this.current === "over") return Promise.reject(new CoreError(ERROR.SESSIONEXPIRED));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        reject(new CoreError(ERROR.CONNECTIONLOSS));
      }, waitMs);
      this.waiters.add(waiter);
    });
  }

  /** Throws CoreError, and RequestTooLarge. */
  request<T>(op: number, encode: Encode, decode: Decode<T>, ids: readonly Id[]): Promise<T> {
    return new Promise((resolve, reject) => {
      this.send(op, encode, ids, {
        answer: (body, zxid) => resolve(decode(body, zxid)),
        refuse: reject,
      });
      // A read that nothing stands before is answered already.
      if (this.connection !== undefined && this.connection.output.offset > 0) this.take(this.connection);
    });
  }

  /**
   * The answer to a read, at once: only for a session that nobody writes through, where nothing can stand before it.
   * Throws CoreError.
   */
  read<T>(op: number, encode: Encode, decode: Decode<T>, ids: readonly Id[]): T {
    let outcome: { readonly value: T } | undefined;
    let refusal: CoreError | undefined;
    this.send(op, encode, ids, {
      answer: (body, zxid) => {
        outcome = { value: decode(body, zxid) };
      },
      refuse: (error) => {
        refusal = error;
      },
    });
    if (this.connection !== undefined) this.take(this.connection);
    if (outcome !== undefined) return outcome.value;
    // A session that is being closed takes no requests, and answers none.
    throw refusal ?? new CoreError(ERROR.SESSIONEXPIRED);
  }

  /** The core hears of the client, so that the session goes on. Throws CoreError. */
  touch(): Promise<void> {
    return this.request(OP.ping, NOTHING, NOTHING, this.connection?.ids ?? NOBODY);
  }

  /** Ends the session, its ephemerals with it. Resolves once that is agreed on, or cannot be told. */
  async close(): Promise<void> {
    if (this.isOpen && !this.closing) {
      this.closing = true;
      await this.request(OP.closeSession, NOTHING, NOTHING, this.connection?.ids ?? NOBODY).catch(NOTHING);
    }
    this.end();
  }

  /** Lets go of the session without ending it: that is left to its timeout. */
  end(): void {
    if (this.current === "over") return;
    this.current = "over";
    clearTimeout(this.retry);
    clearInterval(this.pinger);
    this.drop(ERROR.SESSIONEXPIRED);
    for (const waiter of this.waiters) waiter.reject(new CoreError(ERROR.SESSIONEXPIRED));
    this.waiters.clear();
  }

  private connect(): void {
    const { port } = this;
    const connection = new ClientConnection(this.options.remoteAddress, 0, performance.now());
    this.connection = connection;
    this.current = "connecting";
    this.handshaking = true;
    port.hold(connection, { flushed: () => this.flushed(connection) });
    port.enterTurn();
    port.core.connected(connection);
    const { scratch } = port;
    scratch.reset();
    ConnectRequest.write(scratch, {
      protocolVersion: 0,
      lastZxidSeen: BigInt(this.lastZxid),
      timeOut: this.timeoutMs,
      sessionId: this.id,
      passwd: this.password,
      readOnly: undefined,
    });
    if (!port.core.received(connection, scratch.bytes, 0, scratch.offset)) this.lose();
  }

  private send(op: number, encode: Encode, ids: readonly Id[], handlers: Omit<Pending, "xid">): void {
    const { port, connection } = this;
    if (connection === undefined || !this.isOpen) {
      throw new CoreError(this.current === "over" ? ERROR.SESSIONEXPIRED : ERROR.CONNECTIONLOSS);
    }
    const xid = op === OP.ping ? XID.ping : this.nextXid;
    const { scratch } = port;
    scratch.reset();
    scratch.int32(xid);
    scratch.int32(op);
    encode(scratch);
    if (scratch.offset > port.maxBufferBytes) {
      throw new RequestTooLarge(scratch.offset);
    }
    if (op !== OP.ping) this.nextXid = xid === XID_MAX ? 1 : xid + 1;
    port.enterTurn();
    connection.ids = ids;
    this.pending.push({ xid, ...handlers });
    if (!port.core.received(connection, scratch.bytes, 0, scratch.offset)) this.lose();
  }

  private flushed(connection: ClientConnection): void {
    if (connection !== this.connection) return;
    this.take(connection);
    if (connection.phase === "closing") this.lose();
  }

  /** Hands out what the core has written. */
  private take(connection: ClientConnection): void {
    const { output } = connection;
    let at = 0;
    while (at < output.offset) {
      const start = at + 4;
      at = start + getInt32(output.bytes, at);
      this.reader.over(output.bytes, start, at);
      if (this.handshaking) this.established(ConnectResponse.read(this.reader));
      else this.replied(this.reader);
    }
    output.resetKeeping(GATEWAY_LIMITS.outputKeptBytesMax);
  }

  private replied(reader: ByteReader): void {
    const xid = reader.int32();
    const zxid = reader.safeInt64();
    const err = reader.int32();
    const pending = this.pending.shift();
    assert(pending?.xid === xid, "replies come in the order of the requests");
    if (zxid > this.lastZxid) this.lastZxid = zxid;
    if (err === ERROR.OK) pending.answer(reader, zxid);
    else pending.refuse(new CoreError(err));
  }

  private established({ sessionId, passwd, timeOut }: ConnectResponse): void {
    this.handshaking = false;
    if (sessionId === 0n) {
      this.expire();
      return;
    }
    this.id = sessionId;
    this.password = Buffer.from(passwd ?? NO_PASSWORD);
    this.timeoutMs = timeOut;
    this.current = "open";
    if (this.options.permanent) {
      clearInterval(this.pinger);
      this.pinger = setInterval(() => this.touch().catch(NOTHING), timeOut / 3);
    }
    for (const waiter of this.waiters) waiter.resolve();
    this.waiters.clear();
  }

  private expire(): void {
    this.id = 0n;
    this.password = NO_PASSWORD;
    this.timeoutMs = this.options.timeoutMs;
    if (this.options.permanent) return;
    this.end();
    this.options.onExpired?.();
  }

  /** The connection is of no use any more; the session may be. */
  private lose(): void {
    if (this.current === "over") return;
    this.drop(ERROR.CONNECTIONLOSS);
    if (this.closing) {
      this.end();
      return;
    }
    this.current = "connecting";
    // In a turn of its own: what is asked of the core while it flushes would wait for the next turn.
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), GATEWAY_LIMITS.sessionRetryMs);
  }

  private drop(code: number): void {
    if (this.connection !== undefined) this.port.release(this.connection);
    this.connection = undefined;
    for (let next = this.pending.shift(); next !== undefined; next = this.pending.shift()) {
      next.refuse(new CoreError(code, true));
    }
  }
}
