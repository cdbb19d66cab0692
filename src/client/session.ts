import { performance } from "node:perf_hooks";
import { assert } from "../base/assert.js";
import { ByteReader, type ByteWriter, MalformedBytesError } from "../base/bytes.js";
import { RingBuffer } from "../base/ring.js";
import { COUNTER_MAX, EPOCH_MAX, type Zxid } from "../base/zxid.js";
import { type Codec, empty } from "../jute/codec.js";
import { ERROR } from "../jute/errors.js";
import { beginFrame, endFrame } from "../jute/framing.js";
import { OP, XID } from "../jute/opcodes.js";
import {
  AuthPacket,
  ConnectRequest,
  ConnectResponse,
  REPLY_HEADER_BYTES,
  WatcherEvent,
  type WatcherEvent as WatcherEventRecord,
} from "../jute/records.js";
import { formatHost } from "./connection-string.js";
import { InconsistencyError } from "./errors.js";
import type { HostList } from "./host-list.js";
import { DEAD_SHARE, FIRST_ATTEMPT_MS, PING_SHARE } from "./limits.js";
import { PendingRequests, type ReplyHandler } from "./pending.js";
import { Wire, type WireListener } from "./wire.js";

/**
 * connecting -> connected -> connecting ... until one of the final states: the server said that the session is over
 * (`expired`), it refused an authentication (`authFailed`), or the owner closed it (`closing`, then `closed`).
 */
export type SessionState = "connecting" | "connected" | "expired" | "authFailed" | "closing" | "closed";

/** How a connection came about: a first session, the same session again, a new one after the old one expired. */
export type ConnectKind = "established" | "resumed" | "renewed";

export interface SessionListener {
  /** Before any request of the connection. What is submitted here goes first. */
  onConnected(kind: ConnectKind): void;
  /** After the outstanding requests have ended with CONNECTIONLOSS. */
  onDisconnected(reason: Error): void;
  /** The session is over. With `renewing` a new one is being established, otherwise the state is final. */
  onExpired(renewing: boolean): void;
  onAuthFailed(): void;
  onClosed(): void;
  onEvent(event: WatcherEventRecord, zxid: Zxid): void;
  /** A reply stands before what the session has seen. It is given to its handler all the same. */
  onInconsistency(error: InconsistencyError): void;
  /**
   * The server sent what is no reply, or none to the request that was due. The connection is being dropped for it, and
   * `onDisconnected` follows. What a lost connection cuts short is not malformed, nor is what comes before a session.
   */
  onMalformed(error: InconsistencyError): void;
  /** Right before requests leave in one write, which `Session.sentAtMs` is the time of. */
  onFlush(): void;
}

export interface SessionOptions {
  readonly hosts: HostList;
  readonly sessionTimeoutMs: number;
  /** How long one server may take to answer an attempt to connect at the most; see FIRST_ATTEMPT_MS. */
  readonly attemptTimeoutMs: number;
  readonly renewSession: boolean;
  /** A session to take over, as `Session.credentials` gave it. */
  readonly credentials?: SessionCredentials | undefined;
}

export interface SessionCredentials {
  readonly sessionId: bigint;
  readonly password: Uint8Array;
}

export type Encoder<T> = Pick<Codec<T>, "write">;

interface Authentication {
  readonly scheme: string;
  readonly auth: Uint8Array;
  answered: ((error: number) => void) | undefined;
}

const NO_SESSION: SessionCredentials = { sessionId: 0n, password: Buffer.alloc(16) };
const NO_BYTES = Buffer.alloc(0);
const XID_MAX = 0x7fff_ffff;
const WORD = 2 ** 32;

/**
 * A ZooKeeper session over one connection at a time: establishes it, resumes it on other servers, keeps it alive, and
 * matches replies with requests. It knows nothing of what the requests mean.
 */
export class Session implements WireListener {
  state: SessionState = "connecting";
  credentials: SessionCredentials;
  /** As the server granted it; what was asked for until then. */
  timeoutMs: number;
  lastZxidSeen: Zxid = 0;
  /** Why the last connection or attempt ended. */
  lastFailure: Error | undefined;
  private readonly options: SessionOptions;
  private readonly listener: SessionListener;
  private readonly pending = new PendingRequests();
  private readonly authentications: Authentication[] = [];
  private readonly unansweredAuthentications = new RingBuffer<Authentication>();
  private wire: Wire | undefined;
  private endpoint = "";
  private nextXid = 1;
  /** The xid of the oldest request in `pending`. */
  private expectedXid = 1;
  private timer: NodeJS.Timeout | undefined;
  private silenceConfirmed = false;
  private expiredBefore = false;
  private hadSession: boolean;
  /** How long to wait at the least before the next attempt. */
  private awayMs = 0;
  private closed: (() => void) | undefined;
  private closePromise: Promise<void> | undefined;

  constructor(options: SessionOptions, listener: SessionListener) {
    this.options = options;
    this.listener = listener;
    this.timeoutMs = options.sessionTimeoutMs;
    this.credentials = options.credentials ?? NO_SESSION;
    this.hadSession = options.credentials !== undefined;
  }

  start(): void {
    assert(this.wire === undefined && this.state === "connecting", "a session is started once");
    this.attempt();
  }

  get connected(): boolean {
    return this.state === "connected";
  }

  /** The server of the current connection or attempt, "host:port". */
  get server(): string {
    return this.endpoint;
  }

  get outstanding(): number {
    return this.pending.length;
  }

  /** When the reply being handled was received, by `performance.now`. */
  get receivedAtMs(): number {
    return this.wire?.receivedAtMs ?? 0;
  }

  /** When the last write left, by `performance.now`. */
  get sentAtMs(): number {
    return this.wire?.sentAtMs ?? 0;
  }

  /** The error a request meets now, before it is sent; 0 where it can be sent. */
  refusal(): number {
    switch (this.state) {
      case "connected":
        return ERROR.OK;
      case "connecting":
        return ERROR.CONNECTIONLOSS;
      case "authFailed":
        return ERROR.AUTHFAILED;
      default:
        return ERROR.SESSIONEXPIRED;
    }
  }

  /** Only while connected. */
  request<T>(type: number, codec: Encoder<T>, value: T, handler: ReplyHandler, token: number): void {
    assert(this.state === "connected" || this.state === "closing", "requests are sent while connected");
    this.write(this.nextXid, type, codec, value);
    this.sent(handler, token);
  }

  /**
   * Sends a whole frame that was encoded before, whose xid is filled in. Returns the writer and leaves in
   * `writer.offset` the end of the frame, so that the caller can patch its copy in place.
   */
  submit(frame: Uint8Array, handler: ReplyHandler, token: number): ByteWriter {
    const wire = this.wire as Wire;
    const writer = wire.writer;
    const start = writer.reserve(frame.length);
    writer.bytes.set(frame, start);
    writer.bytes.writeInt32BE(this.nextXid, start + 4);
    this.sent(handler, token);
    return writer;
  }

  /** Outside the order of requests: the reply of setWatches needs no handler, a failure is the connection's. */
  requestSetWatches<T>(type: number, codec: Encoder<T>, value: T): void {
    this.write(XID.setWatches, type, codec, value);
    this.wire?.flushSoon();
  }

  /** Remembered, and sent again on every connection. `answered` gets 0 or AUTHFAILED. */
  addAuth(scheme: string, auth: Uint8Array, answered: (error: number) => void): void {
    const refusal = this.refusal();
    if (refusal !== ERROR.OK && refusal !== ERROR.CONNECTIONLOSS) {
      answered(refusal);
      return;
    }
    const authentication = { scheme, auth, answered };
    this.authentications.push(authentication);
    if (this.state === "connected") this.authenticate(authentication);
  }

  /** Ends the session on the server, so that its ephemerals go at once, then the connection. */
  close(): Promise<void> {
    this.closePromise ??= new Promise((resolve) => {
      this.closed = resolve;
      this.becomeClosing();
    });
    return this.closePromise;
  }

  /** Cuts the connection as a failing network would; the session lives on and is resumed after `awayMs` at the earliest. */
  disconnect(reason: Error, awayMs = 0): void {
    if (this.wire !== undefined) this.awayMs = awayMs;
    this.wire?.destroy(reason);
  }

  /** Drops the connection for good; the session lives on for as long as the server lets it. */
  abandon(): Promise<void> {
    this.closePromise ??= new Promise((resolve) => {
      this.closed = resolve;
      if (this.wire === undefined) {
        this.becomeClosed();
        return;
      }
      this.state = "closing";
      this.wire.destroy(new Error("abandoned by its owner"));
    });
    return this.closePromise;
  }

  // The connection

  private attempt(): void {
    const host = this.options.hosts.take();
    this.endpoint = formatHost(host);
    this.wire = new Wire(host, this);
    this.becomeDue(this.attemptTimeoutMs, this.giveUpAttempt);
  }

  onOpen(): void {
    const wire = this.wire as Wire;
    const start = beginFrame(wire.writer);
    ConnectRequest.write(wire.writer, {
      protocolVersion: 0,
      lastZxidSeen: BigInt(this.lastZxidSeen),
      timeOut: this.options.sessionTimeoutMs,
      sessionId: this.credentials.sessionId,
      passwd: this.credentials.password,
      readOnly: false,
    });
    endFrame(wire.writer, start);
    wire.flushSoon();
  }

  onFlush(): void {
    this.listener.onFlush();
  }

  onFrame(bytes: Buffer, start: number, end: number): boolean {
    if (this.state === "connecting") return this.handleConnectResponse(new ByteReader(bytes, start, end));
    if (end - start < REPLY_HEADER_BYTES) {
      throw new MalformedBytesError(`a reply of ${end - start} bytes is shorter than its header`);
    }
    const xid = bytes.readInt32BE(start);
    const zxid = bytes.readInt32BE(start + 4) * WORD + bytes.readUInt32BE(start + 8);
    const error = bytes.readInt32BE(start + 12);
    if (xid > 0) this.handleReply(xid, zxid, error, bytes, start + REPLY_HEADER_BYTES, end);
    else this.handleSpecial(xid, zxid, error, bytes, start + REPLY_HEADER_BYTES, end);
    return this.state === "connected" || this.state === "closing";
  }

  onMalformed(error: MalformedBytesError): void {
    // Before there is a session, whoever answers may be no such server at all: the attempt failed, and says why.
    if (this.state !== "connected" && this.state !== "closing") return;
    this.listener.onMalformed(
      new InconsistencyError(
        `${this.endpoint} broke the protocol in session 0x${hex64(this.credentials.sessionId)}: ${error.message}`,
      ),
    );
  }

  onClosed(reason: Error): void {
    const wasConnected = this.state === "connected" || this.state === "closing";
    clearTimeout(this.timer);
    this.wire = undefined;
    this.lastFailure = reason;
    if (this.state === "connected") this.state = "connecting";
    this.unansweredAuthentications.clear();
    this.failOutstanding();
    if (this.state === "closing") {
      this.becomeClosed();
      return;
    }
    if (this.state !== "connecting") return;
    const waitMs = Math.max(this.options.hosts.failed(), this.awayMs);
    this.awayMs = 0;
    this.becomeDue(waitMs, this.reconnect);
    if (wasConnected) this.listener.onDisconnected(reason);
  }

  private get attemptTimeoutMs(): number {
    const { attemptTimeoutMs, hosts } = this.options;
    if (hosts.length === 1) return attemptTimeoutMs;
    return Math.min(attemptTimeoutMs, FIRST_ATTEMPT_MS * 2 ** Math.min(hosts.failedRounds, 30));
  }

  private readonly reconnect = (): void => {
    this.attempt();
  };

  private readonly giveUpAttempt = (): void => {
    this.wire?.destroy(new Error(`${this.endpoint} gave no session within ${this.attemptTimeoutMs} ms`));
  };

  private readonly giveUpClosing = (): void => {
    this.wire?.destroy(new Error(`${this.endpoint} did not confirm the end of the session`));
  };

  private becomeDue(delayMs: number, action: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(action, delayMs);
  }

  // Transitions

  private handleConnectResponse(reader: ByteReader): boolean {
    const response = ConnectResponse.read(reader);
    if (response.timeOut <= 0) {
      this.becomeExpired();
      return false;
    }
    const kind = this.hadSession ? "resumed" : this.expiredBefore ? "renewed" : "established";
    this.credentials = { sessionId: response.sessionId, password: Buffer.from(response.passwd ?? NO_BYTES) };
    this.hadSession = true;
    this.timeoutMs = response.timeOut;
    this.state = "connected";
    this.nextXid = 1;
    this.expectedXid = 1;
    this.silenceConfirmed = false;
    this.options.hosts.succeeded();
    this.becomeDue(this.timeoutMs * PING_SHARE, this.keepAlive);
    for (const authentication of this.authentications) this.authenticate(authentication);
    this.listener.onConnected(kind);
    return true;
  }

  private becomeExpired(): void {
    const wire = this.wire as Wire;
    const renewing = this.options.renewSession;
    this.credentials = NO_SESSION;
    this.hadSession = false;
    this.expiredBefore = true;
    if (!renewing) {
      this.state = "expired";
      this.refuseAuthentications(ERROR.SESSIONEXPIRED);
    }
    wire.destroy(new Error("the session expired"));
    this.listener.onExpired(renewing);
  }

  private becomeAuthFailed(): void {
    this.state = "authFailed";
    this.failOutstanding();
    this.refuseAuthentications(ERROR.AUTHFAILED);
    this.wire?.destroy(new Error("authentication failed"));
    this.listener.onAuthFailed();
  }

  private becomeClosing(): void {
    if (this.state === "connected") {
      this.state = "closing";
      this.request(OP.closeSession, empty, null, this.closing, 0);
      this.becomeDue(Math.min(this.options.attemptTimeoutMs, this.timeoutMs), this.giveUpClosing);
    } else if (this.wire === undefined) {
      this.becomeClosed();
    } else {
      this.state = "closing";
      this.wire.destroy(new Error("closed by its owner"));
    }
  }

  private becomeClosed(): void {
    clearTimeout(this.timer);
    this.state = "closed";
    this.refuseAuthentications(ERROR.SESSIONEXPIRED);
    this.closed?.();
    this.listener.onClosed();
  }

  /** The reply to closeSession: the server now closes its side, and so do we. */
  private readonly closing: ReplyHandler = {
    onReply: () => this.wire?.end(),
  };

  private failOutstanding(): void {
    const error = this.state === "authFailed" ? ERROR.AUTHFAILED : ERROR.CONNECTIONLOSS;
    // A handler may submit anew, which the state refuses; what was outstanding when it began is all there is.
    for (let left = this.pending.length; left > 0; left--) {
      const token = this.pending.token;
      const handler = this.pending.shift() as ReplyHandler;
      if (handler !== this.closing) handler.onReply(token, error, 0, NO_BYTES, 0, 0);
    }
  }

  private refuseAuthentications(error: number): void {
    for (const authentication of this.authentications) {
      authentication.answered?.(error);
      authentication.answered = undefined;
    }
  }

  // Liveness

  private readonly keepAlive = (): void => {
    const wire = this.wire as Wire;
    const now = performance.now();
    const deadMs = this.timeoutMs * DEAD_SHARE;
    const pingMs = this.timeoutMs * PING_SHARE;
    const silentMs = now - wire.receivedAtMs;
    // Our own event loop may have stalled: a server that owes an answer has the rest of its time from the question.
    const owedMs = wire.askedAtMs > wire.receivedAtMs ? now - wire.askedAtMs : 0;
    if (silentMs >= deadMs && owedMs >= deadMs - pingMs) {
      if (this.silenceConfirmed) {
        wire.destroy(new Error(`${this.endpoint} has been silent for ${Math.round(silentMs)} ms`));
        return;
      }
      // What waits in the socket is read before the verdict.
      this.silenceConfirmed = true;
      setImmediate(() => {
        if (this.wire === wire && this.state === "connected") this.keepAlive();
      });
      return;
    }
    this.silenceConfirmed = false;
    if (now - wire.sentAtMs >= pingMs) this.sendPing(wire);
    const quietMs = Math.max(0, performance.now() - wire.sentAtMs);
    const leftMs = Math.max(deadMs - silentMs, deadMs - pingMs - owedMs);
    this.becomeDue(Math.max(1, Math.min(pingMs - quietMs, leftMs)), this.keepAlive);
  };

  private sendPing(wire: Wire): void {
    const writer = wire.writer;
    writer.int32(8);
    writer.int32(XID.ping);
    writer.int32(OP.ping);
    wire.sentAtMs = performance.now();
    wire.flushSoon();
  }

  private authenticate(authentication: Authentication): void {
    this.unansweredAuthentications.push(authentication);
    this.write(XID.auth, OP.auth, AuthPacket, { type: 0, scheme: authentication.scheme, auth: authentication.auth });
    this.wire?.flushSoon();
  }

  // Requests and replies

  private write<T>(xid: number, type: number, codec: Encoder<T>, value: T): void {
    const writer = (this.wire as Wire).writer;
    const start = beginFrame(writer);
    try {
      writer.int32(xid);
      writer.int32(type);
      codec.write(writer, value);
    } catch (error) {
      writer.offset = start;
      throw error;
    }
    endFrame(writer, start);
  }

  private sent(handler: ReplyHandler, token: number): void {
    this.pending.push(handler, token);
    this.nextXid = this.nextXid === XID_MAX ? 1 : this.nextXid + 1;
    (this.wire as Wire).flushSoon();
  }

  private handleReply(xid: number, zxid: number, error: number, bytes: Buffer, start: number, end: number): void {
    if (this.pending.length === 0) throw new MalformedBytesError(`a reply to request ${xid} came where none was due`);
    if (xid !== this.expectedXid) {
      throw new MalformedBytesError(`a reply to request ${xid} came where one to ${this.expectedXid} was due`);
    }
    this.expectedXid = xid === XID_MAX ? 1 : xid + 1;
    if (zxid < this.lastZxidSeen || zxid > ZXID_MAX) this.checkZxid(zxid);
    else this.lastZxidSeen = zxid;
    const token = this.pending.token;
    const handler = this.pending.shift() as ReplyHandler;
    try {
      handler.onReply(token, error, zxid, bytes, start, end);
    } catch (thrown) {
      // It is outstanding until the connection is gone: ended now, its owner would send the next one on it.
      if (thrown instanceof MalformedBytesError) this.pending.putBack(handler, token);
      throw thrown;
    }
  }

  private handleSpecial(xid: number, zxid: number, error: number, bytes: Buffer, start: number, end: number): void {
    switch (xid) {
      case XID.notification:
        this.listener.onEvent(WatcherEvent.read(new ByteReader(bytes, start, end)), zxid);
        return;
      case XID.ping:
        this.checkZxid(zxid);
        return;
      case XID.setWatches:
        this.checkZxid(zxid);
        // Watches that were not set again would be missed in silence; a new connection tries again.
        if (error !== ERROR.OK) this.wire?.destroy(new Error(`the server refused to set watches again: ${error}`));
        return;
      case XID.auth:
        this.handleAuthReply(error);
        return;
      default:
        throw new MalformedBytesError(`a reply to request ${xid}, which no request has`);
    }
  }

  private handleAuthReply(error: number): void {
    const authentication = this.unansweredAuthentications.shift();
    if (authentication === undefined) throw new MalformedBytesError("an answer to an authentication that was not sent");
    if (error !== ERROR.OK) {
      this.becomeAuthFailed();
      return;
    }
    authentication.answered?.(ERROR.OK);
    authentication.answered = undefined;
  }

  /** Some replies carry no position (0 or -1). Any other must not be before what this session has seen. */
  private checkZxid(zxid: number): void {
    if (zxid <= 0) return;
    if (zxid > ZXID_MAX) {
      throw new MalformedBytesError(`zxid 0x${BigInt(zxid).toString(16)} has an epoch beyond ${EPOCH_MAX}`);
    }
    if (zxid < this.lastZxidSeen) {
      this.listener.onInconsistency(
        new InconsistencyError(
          `${this.endpoint} answered session 0x${hex64(this.credentials.sessionId)} at zxid ` +
            `0x${zxid.toString(16)} after 0x${this.lastZxidSeen.toString(16)} had been seen`,
        ),
      );
      return;
    }
    this.lastZxidSeen = zxid;
  }
}

function hex64(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16);
}

const ZXID_MAX = EPOCH_MAX * WORD + COUNTER_MAX;
