import { assert } from "../../base/assert.js";
import { type ByteWriter, MalformedBytesError } from "../../base/bytes.js";
import { RingBuffer } from "../../base/ring.js";
import { EtcdError, STATUS, statusName } from "./errors.js";
import {
  CONNECTION_LOST,
  type ConnectionOptions,
  Http2Connection,
  RequestHeaders,
  type StreamSink,
} from "./http2/connection.js";
import { ERROR_CODE } from "./http2/frames.js";

/** Before every message: a byte that says "not compressed", and the length. */
const PREFIX_BYTES = 5;
/** No answer asked for here comes near it; a longer one is a hostile length. */
export const MESSAGE_BYTES_MAX = 64 * 2 ** 20;
const PARTIAL_BYTES_MIN = 4096;

export interface Method {
  /** "/etcdserverpb.KV/Put". */
  readonly path: string;
  /** The call is a stream in both directions; it stays open until it is cancelled. */
  readonly streaming: boolean;
}

/**
 * Who makes calls. One handler serves any number of them at once, told apart by `tag`, so that a call needs no object
 * of its own.
 */
export interface CallHandler {
  /** Writes the request of a unary call, when a stream is there for it. */
  writeRequest(tag: number, writer: ByteWriter): void;
  /** One message of the answer, valid only during the call. */
  message(tag: number, bytes: Buffer, start: number, end: number): void;
  /** The call is over, with a gRPC status or STATUS.connectionLost; comes exactly once for every call. */
  ended(tag: number, status: number, message: string): void;
}

export interface GrpcListener {
  ready(): void;
  /** No new call is taken any more. */
  draining(): void;
  /** Every call has ended before this. */
  closed(reason: string): void;
}

interface WaitingCall {
  readonly headers: RequestHeaders;
  readonly handler: CallHandler;
  readonly tag: number;
}

/** A message that came in several DATA frames, or is still coming. */
interface PartialMessage {
  bytes: Buffer;
  length: number;
}

function statusOfHttp(httpStatus: number): number {
  if (httpStatus === 401) return STATUS.unauthenticated;
  if (httpStatus === 403) return STATUS.permissionDenied;
  if (httpStatus === 404) return STATUS.unimplemented;
  return httpStatus === 429 || (httpStatus >= 502 && httpStatus <= 504) ? STATUS.unavailable : STATUS.unknown;
}

/** What a stream's end means where no grpc-status came: gRPC's table for HTTP/2 error codes. */
function statusOfReset(code: number): number {
  switch (code) {
    case CONNECTION_LOST:
      return STATUS.connectionLost;
    case ERROR_CODE.refusedStream:
      return STATUS.unavailable;
    case ERROR_CODE.cancel:
      return STATUS.cancelled;
    case ERROR_CODE.enhanceYourCalm:
      return STATUS.resourceExhausted;
    case ERROR_CODE.inadequateSecurity:
      return STATUS.permissionDenied;
    default:
      return STATUS.internal;
  }
}

function parseStatus(value: string): number {
  return /^\d{1,3}$/.test(value) ? Number(value) : STATUS.unknown;
}

/** Octets outside printable ASCII are percent-encoded UTF-8; what is not valid stays as it is. */
export function decodeGrpcMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** gRPC over one HTTP/2 connection: unary calls, many at once, and streams of messages. */
export class GrpcConnection implements StreamSink {
  private readonly connection: Http2Connection;
  private readonly listener: GrpcListener;
  private readonly authority: string;
  private readonly headers = new Map<Method, RequestHeaders>();
  private readonly waiting = new RingBuffer<WaitingCall>();

  // By the connection's cell.
  private readonly handlers: (CallHandler | undefined)[];
  private readonly tags: Int32Array;
  private readonly statuses: Int32Array;
  private readonly httpStatuses: Int32Array;
  private readonly messages: string[];
  private readonly partials: (PartialMessage | undefined)[];

  constructor(options: ConnectionOptions, listener: GrpcListener) {
    this.listener = listener;
    this.authority = `${options.address.host}:${options.address.port}`;
    this.connection = new Http2Connection(options, this);
    const cells = this.connection.cells;
    this.handlers = new Array<CallHandler | undefined>(cells).fill(undefined);
    this.tags = new Int32Array(cells);
    this.statuses = new Int32Array(cells);
    this.httpStatuses = new Int32Array(cells);
    this.messages = new Array<string>(cells).fill("");
    this.partials = new Array<PartialMessage | undefined>(cells).fill(undefined);
  }

  /** Makes a unary call; it waits its turn where the server allows no more streams at once. */
  call(method: Method, handler: CallHandler, tag: number): void {
    const headers = this.headersOf(method);
    if (this.waiting.length === 0 && this.start(headers, handler, tag)) return;
    if (this.connection.accepting) this.waiting.push({ headers, handler, tag });
    else handler.ended(tag, STATUS.connectionLost, "the connection takes no more calls");
  }

  /** False once the connection is lost or draining, even before the calls that were on it have been ended. */
  get accepting(): boolean {
    return this.connection.accepting;
  }

  /** See `Http2Connection.receivedAtMs`. */
  get receivedAtMs(): number {
    return this.connection.receivedAtMs;
  }

  /** Opens a stream of messages and returns its cell. Throws `EtcdError` where the server allows no stream now. */
  openStream(method: Method, handler: CallHandler, tag: number): number {
    const cell = this.open(this.headersOf(method), handler, tag);
    if (cell === -1) throw new EtcdError(statusName(STATUS.resourceExhausted), "no stream can be opened");
    return cell;
  }

  /** Sends one message on a stream that is open. */
  send(cell: number, write: (writer: ByteWriter) => void): void {
    const writer = this.connection.beginData();
    const start = writer.reserve(PREFIX_BYTES);
    write(writer);
    this.endMessage(cell, writer, start, false);
  }

  /** Ends a stream from this side; its handler hears nothing more. */
  cancel(cell: number): void {
    this.forget(cell);
    this.connection.cancel(cell);
  }

  /** Ends every call with STATUS.connectionLost, and the connection. */
  close(): void {
    this.connection.close();
  }

  abort(reason: string): void {
    this.connection.abort(reason);
  }

  private headersOf(method: Method): RequestHeaders {
    const known = this.headers.get(method);
    if (known !== undefined) return known;
    const headers = new RequestHeaders([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", method.path],
      [":authority", this.authority],
      ["te", "trailers"],
      ["content-type", "application/grpc"],
      // etcd ends a stream with UNAVAILABLE if its member has no leader, where it would be silent otherwise.
      ...(method.streaming ? [["hasleader", "true"] as const] : []),
    ]);
    this.headers.set(method, headers);
    return headers;
  }

  private open(headers: RequestHeaders, handler: CallHandler, tag: number): number {
    const cell = this.connection.open(headers);
    if (cell === -1) return -1;
    this.handlers[cell] = handler;
    this.tags[cell] = tag;
    this.statuses[cell] = -1;
    this.httpStatuses[cell] = 0;
    return cell;
  }

  private start(headers: RequestHeaders, handler: CallHandler, tag: number): boolean {
    const cell = this.open(headers, handler, tag);
    if (cell === -1) return false;
    const writer = this.connection.beginData();
    const start = writer.reserve(PREFIX_BYTES);
    handler.writeRequest(tag, writer);
    this.endMessage(cell, writer, start, true);
    return true;
  }

  private endMessage(cell: number, writer: ByteWriter, start: number, endStream: boolean): void {
    writer.bytes[start] = 0;
    writer.bytes.writeUInt32BE(writer.offset - start - PREFIX_BYTES, start + 1);
    this.connection.endData(cell, start, endStream);
  }

  private forget(cell: number): CallHandler | undefined {
    const handler = this.handlers[cell];
    this.handlers[cell] = undefined;
    this.partials[cell] = undefined;
    this.messages[cell] = "";
    return handler;
  }

  // -- the connection's events

  ready(): void {
    this.listener.ready();
    this.room();
  }

  field(cell: number, name: string, value: string): void {
    if (name === "grpc-status") this.statuses[cell] = value === "0" ? STATUS.ok : parseStatus(value);
    else if (name === ":status") this.httpStatuses[cell] = Number(value);
    else if (name === "grpc-message") this.messages[cell] = decodeGrpcMessage(value);
  }

  data(cell: number, bytes: Buffer, start: number, end: number): void {
    const partial = this.partials[cell];
    let at = start;
    if (partial === undefined) {
      at = this.wholeMessages(cell, bytes, start, end);
      if (at === end || this.handlers[cell] === undefined) return;
    }
    const held = this.hold(partial, bytes, at, end);
    this.partials[cell] = held;
    const used = this.wholeMessages(cell, held.bytes, 0, held.length);
    if (this.handlers[cell] === undefined) return;
    if (used === held.length) {
      this.partials[cell] = undefined;
    } else if (used > 0) {
      held.bytes.copyWithin(0, used, held.length);
      held.length -= used;
    }
  }

  ended(cell: number, code: number): void {
    const message = this.messages[cell] as string;
    const cut = this.partials[cell] !== undefined;
    const handler = this.forget(cell);
    assert(handler !== undefined, "a stream without a handler ended");
    const tag = this.tags[cell] as number;
    const status = this.statuses[cell] as number;
    const httpStatus = this.httpStatuses[cell] as number;
    if (status !== -1) {
      if (status === STATUS.ok && cut) handler.ended(tag, STATUS.internal, "the answer was cut short");
      else handler.ended(tag, status, message);
    } else if (code !== ERROR_CODE.noError) {
      handler.ended(tag, statusOfReset(code), `the stream ended with HTTP/2 code ${code}`);
    } else {
      handler.ended(tag, statusOfHttp(httpStatus), `no gRPC status came, HTTP status is ${httpStatus}`);
    }
  }

  room(): void {
    for (let next = this.waiting.peek(); next !== undefined; next = this.waiting.peek()) {
      if (!this.start(next.headers, next.handler, next.tag)) return;
      this.waiting.shift();
    }
  }

  draining(): void {
    this.listener.draining();
    this.endWaiting("the connection takes no more calls");
  }

  closed(reason: string): void {
    this.endWaiting(reason);
    this.listener.closed(reason);
  }

  /** Hands over the messages that are complete; returns where the first that is not begins. */
  private wholeMessages(cell: number, bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (end - at >= PREFIX_BYTES) {
      const length = bytes.readUInt32BE(at + 1);
      if (bytes[at] !== 0 || length > MESSAGE_BYTES_MAX) {
        this.refuse(cell, bytes[at] !== 0 ? "a compressed message, which was not asked for" : `${length} bytes long`);
        return at;
      }
      const messageEnd = at + PREFIX_BYTES + length;
      if (messageEnd > end) break;
      const handler = this.handlers[cell];
      if (handler === undefined) return at;
      try {
        handler.message(this.tags[cell] as number, bytes, at + PREFIX_BYTES, messageEnd);
      } catch (error) {
        if (!(error instanceof MalformedBytesError)) throw error;
        this.refuse(cell, error.message);
        return at;
      }
      at = messageEnd;
    }
    return at;
  }

  /** The memory grows with what came, never with what a length claims. */
  private hold(partial: PartialMessage | undefined, bytes: Buffer, start: number, end: number): PartialMessage {
    const held = partial ?? { bytes: Buffer.allocUnsafeSlow(PARTIAL_BYTES_MIN), length: 0 };
    const length = held.length + end - start;
    if (length > held.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, held.bytes.length * 2));
      held.bytes.copy(grown, 0, 0, held.length);
      held.bytes = grown;
    }
    bytes.copy(held.bytes, held.length, start, end);
    held.length = length;
    return held;
  }

  private refuse(cell: number, what: string): void {
    const tag = this.tags[cell] as number;
    const handler = this.forget(cell);
    this.connection.cancel(cell);
    handler?.ended(tag, STATUS.internal, `bad message: ${what}`);
  }

  private endWaiting(reason: string): void {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      next.handler.ended(next.tag, STATUS.connectionLost, reason);
    }
  }
}
