import { connect, type Socket } from "node:net";
import { assert } from "../../../base/assert.js";
import { ByteWriter } from "../../../base/bytes.js";
import type { Address } from "../../target.js";
import {
  CONNECTION_PREFACE,
  ERROR_CODE,
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  FRAME_PAYLOAD_BYTES_DEFAULT,
  FRAME_PAYLOAD_BYTES_LIMIT,
  FrameReader,
  type FrameSink,
  Http2Error,
  SETTING,
  STREAM_ID_MAX,
  setFrameHeader,
  WINDOW_BYTES_DEFAULT,
  WINDOW_BYTES_LIMIT,
  writeFrameHeader,
  writeGoaway,
  writePing,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from "./frames.js";
import { type FieldSink, type HeaderField, HpackDecoder, HpackEncoder } from "./hpack.js";
import { SendQueue } from "./send-queue.js";

/** What a peer may send before it hears from us again: on one stream, and on all of them. */
export const STREAM_WINDOW_BYTES = 2 ** 20;
export const CONNECTION_WINDOW_BYTES = 16 * 2 ** 20;
/** A header block over all its CONTINUATION frames. */
const HEADER_BLOCK_BYTES_MAX = 64 * 1024;
const READ_BYTES = 128 * 1024;
/** Servers take more pings than one per five seconds for an attack, unless they have data to send. */
const PING_INTERVAL_MS = 6_000;
const SILENCE_CHECKS = 4;
const PING_PAYLOAD = Buffer.from("zabench?", "latin1");
const NO_BYTES = Buffer.alloc(0);

/** Beside the codes of RFC 9113: the connection went while the stream was open. */
export const CONNECTION_LOST = -1;

/** A request's header fields, and their bytes once the header table holds them all. */
export class RequestHeaders {
  readonly fields: readonly HeaderField[];
  block = NO_BYTES;
  /** The encoder's `changes` that `block` is good for. */
  changes = -1;

  constructor(fields: readonly HeaderField[]) {
    this.fields = fields;
  }
}

/**
 * What happens to a connection and its streams. A stream is named by its cell: a small integer that is used again
 * once the stream has ended.
 */
export interface StreamSink extends FieldSink<number> {
  /** The peer has sent its settings: streams can be opened. */
  ready(): void;
  field(cell: number, name: string, value: string): void;
  /** Part of the body; valid only during the call. */
  data(cell: number, bytes: Buffer, start: number, end: number): void;
  /** The stream is over, and the cell free: in good order (0), with a code of RFC 9113, or with CONNECTION_LOST. */
  ended(cell: number, code: number): void;
  /** A stream may perhaps be opened that could not before. */
  room(): void;
  /** The peer takes no more streams; the connection closes when those it has are over. */
  draining(): void;
  /** Every stream has ended before this call, and nothing follows it. */
  closed(reason: string): void;
}

export interface ConnectionOptions {
  readonly address: Address;
  /** Streams open at once, at most; what is over the peer's own limit is refused too. */
  readonly streamsMax: number;
  /** With streams open, a peer that sends nothing for this long, and does not answer a ping, is lost. */
  readonly silenceMs: number;
  /** Everything written before has been handed to the socket, at this time by `performance.now`. */
  readonly onSent?: (atMs: number) => void;
}

/**
 * The client's side of HTTP/2 with prior knowledge over TCP (RFC 9113). What is sent during one turn of the event loop
 * leaves in one write at its end.
 */
export class Http2Connection implements FrameSink {
  /** When the bytes being handled came from the socket, by `performance.now`. */
  receivedAtMs = 0;
  private readonly sink: StreamSink;
  private readonly onSent: ((atMs: number) => void) | undefined;
  private readonly socket: Socket;
  private readonly frames: FrameReader = new FrameReader(this);
  private readonly decoder = new HpackDecoder();
  private readonly encoder = new HpackEncoder();
  private out = new ByteWriter(16 * 1024);
  private flushing = false;
  private reading = false;
  private open_ = true;
  private settled = false;
  private draining_ = false;

  // One cell per stream: stream n lives in cell n / 2 modulo their number. An id whose cell is still taken is skipped.
  private readonly streamIds: Int32Array;
  private readonly sendWindows: Int32Array;
  private readonly receivedBytes: Int32Array;
  /** 1 once our side of the stream has ended. */
  private readonly sendEnded: Uint8Array;
  private readonly sendQueues: (SendQueue | undefined)[];
  /** Cells with a send queue, in the order they were held back. */
  private heldBack: number[] = [];
  private readonly streamsMax: number;
  private peerStreamsMax = Number.POSITIVE_INFINITY;
  private nextStreamId = 1;
  private openStreams = 0;

  private sendWindow = WINDOW_BYTES_DEFAULT;
  private initialSendWindow = WINDOW_BYTES_DEFAULT;
  private framePayloadBytesMax = FRAME_PAYLOAD_BYTES_DEFAULT;
  private connectionReceivedBytes = 0;

  /** The header block in progress: its stream, its flags, its parts so far; 0 is none. */
  private blockStreamId = 0;
  private blockFlags = 0;
  private block = NO_BYTES;

  private heard = false;
  private silentChecks = 0;
  private pingUnanswered = false;
  private checksSincePing = Number.POSITIVE_INFINITY;
  private readonly pingIntervalChecks: number;
  private readonly silenceTimer: NodeJS.Timeout;

  constructor(options: ConnectionOptions, sink: StreamSink) {
    this.sink = sink;
    this.onSent = options.onSent;
    this.streamsMax = options.streamsMax;
    let cells = 16;
    while (cells < options.streamsMax * 4) cells *= 2;
    this.streamIds = new Int32Array(cells);
    this.sendWindows = new Int32Array(cells);
    this.receivedBytes = new Int32Array(cells);
    this.sendEnded = new Uint8Array(cells);
    this.sendQueues = new Array<SendQueue | undefined>(cells).fill(undefined);

    const checkMs = Math.max(1, Math.ceil(options.silenceMs / SILENCE_CHECKS));
    this.pingIntervalChecks = Math.ceil(PING_INTERVAL_MS / checkMs);
    this.silenceTimer = setInterval(() => this.checkSilence(), checkMs);
    this.silenceTimer.unref();

    this.socket = connect({
      host: options.address.host,
      port: options.address.port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (count, buffer) => {
          this.received(buffer as Buffer, count);
          return true;
        },
      },
    });
    this.socket.on("error", (error) => this.lose(error.message));
    this.socket.on("end", () => this.lose("the server closed the connection"));
    this.socket.on("close", () => this.lose("the connection closed"));
    this.out.raw(CONNECTION_PREFACE);
    writeSettings(this.out, [
      [SETTING.enablePush, 0],
      [SETTING.initialWindowSize, STREAM_WINDOW_BYTES],
      [SETTING.maxHeaderListSize, HEADER_BLOCK_BYTES_MAX],
    ]);
    writeWindowUpdate(this.out, 0, CONNECTION_WINDOW_BYTES - WINDOW_BYTES_DEFAULT);
    this.flush();
  }

  /** How many cells there are; every cell is below. */
  get cells(): number {
    return this.streamIds.length;
  }

  /** Whether streams are taken at all; `open` may still refuse one while too many are open. */
  get accepting(): boolean {
    return this.settled && this.open_ && !this.draining_;
  }

  /** Opens a stream and returns its cell, or -1 where the limits of either side, or the state, forbid it now. */
  open(headers: RequestHeaders): number {
    if (!this.accepting) return -1;
    if (this.openStreams >= this.streamsMax || this.openStreams >= this.peerStreamsMax) return -1;
    const mask = this.streamIds.length - 1;
    let streamId = this.nextStreamId;
    while (this.streamIds[(streamId >>> 1) & mask] !== 0) streamId += 2;
    if (streamId > STREAM_ID_MAX) {
      this.drain();
      return -1;
    }
    this.nextStreamId = streamId + 2;
    const cell = (streamId >>> 1) & mask;
    this.streamIds[cell] = streamId;
    this.sendWindows[cell] = this.initialSendWindow;
    this.receivedBytes[cell] = 0;
    this.sendEnded[cell] = 0;
    this.openStreams++;
    this.writeHeaders(headers, streamId);
    this.scheduleFlush();
    return cell;
  }

  /** Where to write the next part of a stream's body, until `endData`. No other call may come between the two. */
  beginData(): ByteWriter {
    this.out.reserve(FRAME_HEADER_BYTES);
    return this.out;
  }

  /** `start` is where the body began: the writer's offset after `beginData`. Sends it, now or as the windows open. */
  endData(cell: number, start: number, endStream: boolean): void {
    const streamId = this.streamIds[cell] as number;
    const length = this.out.offset - start;
    assert(streamId !== 0 && this.sendEnded[cell] === 0, "data on a stream that has ended");
    if (endStream) this.sendEnded[cell] = 1;
    const queue = this.sendQueues[cell];
    if (
      queue === undefined &&
      length <= this.sendWindow &&
      length <= (this.sendWindows[cell] as number) &&
      length <= this.framePayloadBytesMax
    ) {
      this.sendWindow -= length;
      this.sendWindows[cell] = (this.sendWindows[cell] as number) - length;
      const flags = endStream ? FLAG.endStream : 0;
      setFrameHeader(this.out.bytes, start - FRAME_HEADER_BYTES, length, FRAME.data, flags, streamId);
      this.scheduleFlush();
      return;
    }
    const rest = Buffer.from(this.out.bytes.subarray(start, this.out.offset));
    this.out.offset = start - FRAME_HEADER_BYTES;
    if (queue === undefined) {
      this.sendQueues[cell] = new SendQueue(rest, endStream);
      this.heldBack.push(cell);
    } else {
      queue.append(rest, endStream);
    }
    this.sendHeldBack();
  }

  /** Gives a stream up; the sink hears nothing more of it. */
  cancel(cell: number): void {
    const streamId = this.streamIds[cell] as number;
    if (streamId === 0 || !this.open_) return;
    writeRstStream(this.out, streamId, ERROR_CODE.cancel);
    this.release(cell);
    this.scheduleFlush();
    if (this.draining_) this.drain();
    else this.sink.room();
  }

  /** Ends every stream with CONNECTION_LOST, then the connection. */
  close(): void {
    if (!this.open_) return;
    writeGoaway(this.out, 0, ERROR_CODE.noError, "");
    this.flush();
    this.lose("closed here");
  }

  /** As `close`, for a peer that is not worth a word. */
  abort(reason: string): void {
    this.lose(reason);
  }

  // -- received

  private received(bytes: Buffer, count: number): void {
    if (!this.open_) return;
    this.receivedAtMs = performance.now();
    this.heard = true;
    this.reading = true;
    try {
      this.frames.push(bytes, 0, count);
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      writeGoaway(this.out, 0, error.code, error.message);
      this.flush();
      this.lose(error.message);
    } finally {
      this.reading = false;
    }
    this.flush();
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (!this.open_) return;
    if (this.blockStreamId !== 0 && (type !== FRAME.continuation || streamId !== this.blockStreamId)) {
      throw new Http2Error(ERROR_CODE.protocolError, "a header block was interrupted by another frame");
    }
    if (!this.settled && type !== FRAME.settings) {
      throw new Http2Error(ERROR_CODE.protocolError, "the first frame is not SETTINGS");
    }
    switch (type) {
      case FRAME.data:
        this.handleData(flags, streamId, bytes, start, end);
        break;
      case FRAME.headers:
        this.handleHeaders(flags, streamId, bytes, start, end);
        break;
      case FRAME.continuation:
        this.handleContinuation(flags, bytes, start, end);
        break;
      case FRAME.rstStream:
        this.requireLength(end - start === 4, "RST_STREAM");
        this.requireStream(streamId);
        this.endStream(this.cellOf(streamId), bytes.readUInt32BE(start));
        break;
      case FRAME.settings:
        this.handleSettings(flags, streamId, bytes, start, end);
        break;
      case FRAME.ping:
        this.requireLength(end - start === 8, "PING");
        if ((flags & FLAG.ack) !== 0) this.pingUnanswered = false;
        else writePing(this.out, FLAG.ack, bytes, start);
        break;
      case FRAME.goaway:
        this.requireLength(end - start >= 8, "GOAWAY");
        this.handleGoaway(bytes.readUInt32BE(start) & STREAM_ID_MAX);
        break;
      case FRAME.windowUpdate:
        this.requireLength(end - start === 4, "WINDOW_UPDATE");
        this.handleWindowUpdate(streamId, bytes.readUInt32BE(start) & WINDOW_BYTES_LIMIT);
        break;
      case FRAME.pushPromise:
        throw new Http2Error(ERROR_CODE.protocolError, "PUSH_PROMISE, which was not enabled");
      default:
        // PRIORITY says nothing to a client, and unknown types are to be ignored (RFC 9113 section 4.1).
        break;
    }
  }

  private handleData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.requireStream(streamId);
    // What arrives is consumed at once, so a window is half open at the least, and never held against the peer.
    const length = end - start;
    this.connectionReceivedBytes += length;
    if (this.connectionReceivedBytes >= CONNECTION_WINDOW_BYTES / 2) {
      writeWindowUpdate(this.out, 0, this.connectionReceivedBytes);
      this.connectionReceivedBytes = 0;
    }
    const cell = this.cellOf(streamId);
    if (cell === -1) return;
    const dataStart = (flags & FLAG.padded) === 0 ? start : start + 1;
    const dataEnd = (flags & FLAG.padded) === 0 ? end : end - this.padding(bytes, start, end);
    const received = (this.receivedBytes[cell] as number) + length;
    const ends = (flags & FLAG.endStream) !== 0;
    if (received >= STREAM_WINDOW_BYTES / 2 && !ends) {
      writeWindowUpdate(this.out, streamId, received);
      this.receivedBytes[cell] = 0;
    } else {
      this.receivedBytes[cell] = received;
    }
    this.sink.data(cell, bytes, dataStart, dataEnd);
    // The sink may have cancelled the stream, or closed the connection, over what it read.
    if (ends && this.streamIds[cell] === streamId) this.endStream(cell, ERROR_CODE.noError);
  }

  private handleHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.requireStream(streamId);
    const blockEnd = (flags & FLAG.padded) === 0 ? end : end - this.padding(bytes, start, end);
    const skipped = ((flags & FLAG.padded) === 0 ? 0 : 1) + ((flags & FLAG.priority) === 0 ? 0 : 5);
    if (start + skipped > blockEnd) throw new Http2Error(ERROR_CODE.frameSizeError, "HEADERS is too short");
    if ((flags & FLAG.endHeaders) === 0) {
      this.blockStreamId = streamId;
      this.blockFlags = flags;
      this.block = Buffer.from(bytes.subarray(start + skipped, blockEnd));
      return;
    }
    this.handleBlock(flags, streamId, bytes, start + skipped, blockEnd);
  }

  private handleContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    if (this.blockStreamId === 0) {
      throw new Http2Error(ERROR_CODE.protocolError, "CONTINUATION without a header block");
    }
    if (this.block.length + end - start > HEADER_BLOCK_BYTES_MAX) {
      throw new Http2Error(ERROR_CODE.enhanceYourCalm, `a header block of more than ${HEADER_BLOCK_BYTES_MAX} bytes`);
    }
    this.block = Buffer.concat([this.block, bytes.subarray(start, end)]);
    if ((flags & FLAG.endHeaders) === 0) return;
    const streamId = this.blockStreamId;
    this.blockStreamId = 0;
    this.handleBlock(this.blockFlags, streamId, this.block, 0, this.block.length);
  }

  private handleBlock(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const cell = this.cellOf(streamId);
    this.decoder.decode(bytes, start, end, cell === -1 ? IGNORED_FIELDS : this.sink, cell);
    if (cell !== -1 && (flags & FLAG.endStream) !== 0) this.endStream(cell, ERROR_CODE.noError);
  }

  private handleSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new Http2Error(ERROR_CODE.protocolError, "SETTINGS on a stream");
    if ((flags & FLAG.ack) !== 0) {
      this.requireLength(end === start, "SETTINGS acknowledgement");
      return;
    }
    this.requireLength((end - start) % 6 === 0, "SETTINGS");
    for (let at = start; at < end; at += 6) this.applySetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    writeSettingsAck(this.out);
    if (!this.settled) {
      this.settled = true;
      this.sink.ready();
    } else {
      this.sendHeldBack();
      this.sink.room();
    }
  }

  private applySetting(id: number, value: number): void {
    switch (id) {
      case SETTING.headerTableSize:
        this.encoder.limitTable(value);
        break;
      case SETTING.maxConcurrentStreams:
        this.peerStreamsMax = value;
        break;
      case SETTING.initialWindowSize:
        if (value > WINDOW_BYTES_LIMIT) {
          throw new Http2Error(ERROR_CODE.flowControlError, `SETTINGS_INITIAL_WINDOW_SIZE ${value}`);
        }
        this.moveSendWindows(value - this.initialSendWindow);
        this.initialSendWindow = value;
        break;
      case SETTING.maxFrameSize:
        if (value < FRAME_PAYLOAD_BYTES_DEFAULT || value > FRAME_PAYLOAD_BYTES_LIMIT) {
          throw new Http2Error(ERROR_CODE.protocolError, `SETTINGS_MAX_FRAME_SIZE ${value}`);
        }
        this.framePayloadBytesMax = value;
        break;
      default:
        break;
    }
  }

  /** A window may become negative: nothing is sent then until it has recovered (RFC 9113 section 6.9.2). */
  private moveSendWindows(difference: number): void {
    for (let cell = 0; cell < this.streamIds.length; cell++) {
      if (this.streamIds[cell] !== 0) this.growSendWindow(cell, difference);
    }
  }

  private growSendWindow(cell: number, increment: number): void {
    const window = (this.sendWindows[cell] as number) + increment;
    if (window > WINDOW_BYTES_LIMIT) {
      throw new Http2Error(ERROR_CODE.flowControlError, "a stream's window grew beyond 2^31 - 1");
    }
    this.sendWindows[cell] = window;
  }

  private handleWindowUpdate(streamId: number, increment: number): void {
    if (increment === 0) throw new Http2Error(ERROR_CODE.protocolError, "WINDOW_UPDATE by 0");
    if (streamId === 0) {
      this.sendWindow += increment;
      if (this.sendWindow > WINDOW_BYTES_LIMIT) {
        throw new Http2Error(ERROR_CODE.flowControlError, "the connection's window grew beyond 2^31 - 1");
      }
    } else {
      const cell = this.cellOf(streamId);
      if (cell === -1) return;
      this.growSendWindow(cell, increment);
    }
    this.sendHeldBack();
  }

  private handleGoaway(lastStreamId: number): void {
    this.draining_ = true;
    for (let cell = 0; cell < this.streamIds.length; cell++) {
      if ((this.streamIds[cell] as number) > lastStreamId) this.finish(cell, ERROR_CODE.refusedStream);
    }
    this.drain();
  }

  // -- streams

  /** -1 for a stream that is over: what the peer sent before it knew has to be passed over. */
  private cellOf(streamId: number): number {
    const cell = (streamId >>> 1) & (this.streamIds.length - 1);
    if (this.streamIds[cell] === streamId) return cell;
    if (streamId >= this.nextStreamId || (streamId & 1) === 0) {
      throw new Http2Error(ERROR_CODE.protocolError, `a frame for stream ${streamId}, which was never opened`);
    }
    return -1;
  }

  /** The peer ended its side, or reset the stream: the call is over either way. */
  private endStream(cell: number, code: number): void {
    if (cell === -1) return;
    if (code === ERROR_CODE.noError && (this.sendEnded[cell] === 0 || this.sendQueues[cell] !== undefined)) {
      writeRstStream(this.out, this.streamIds[cell] as number, ERROR_CODE.cancel);
    }
    this.finish(cell, code);
    if (!this.open_) return;
    if (this.draining_) this.drain();
    else this.sink.room();
  }

  private finish(cell: number, code: number): void {
    this.release(cell);
    this.sink.ended(cell, code);
  }

  private release(cell: number): void {
    this.streamIds[cell] = 0;
    this.openStreams--;
    if (this.sendQueues[cell] === undefined) return;
    this.sendQueues[cell] = undefined;
    this.heldBack = this.heldBack.filter((other) => other !== cell);
  }

  /** No stream can be opened any more; the last one to end closes the connection. */
  private drain(): void {
    this.draining_ = true;
    this.sink.draining();
    if (this.openStreams === 0) this.close();
  }

  private lose(reason: string): void {
    if (!this.open_) return;
    this.open_ = false;
    clearInterval(this.silenceTimer);
    this.socket.destroy();
    this.heldBack = [];
    for (let cell = 0; cell < this.streamIds.length; cell++) {
      if (this.streamIds[cell] !== 0) this.finish(cell, CONNECTION_LOST);
    }
    this.sink.closed(reason);
  }

  /** Timers run late on a busy machine, so it is checks without a byte that count, never the clock between two. */
  private checkSilence(): void {
    this.checksSincePing++;
    if (this.heard || this.openStreams === 0) {
      this.heard = false;
      this.silentChecks = 0;
      this.pingUnanswered = false;
      return;
    }
    this.silentChecks++;
    if (this.silentChecks > SILENCE_CHECKS && this.pingUnanswered) {
      this.lose("the server is silent, and does not answer a ping");
    } else if (
      this.silentChecks >= SILENCE_CHECKS / 2 &&
      !this.pingUnanswered &&
      this.checksSincePing >= this.pingIntervalChecks
    ) {
      this.pingUnanswered = true;
      this.checksSincePing = 0;
      writePing(this.out, 0, PING_PAYLOAD, 0);
      this.flush();
    }
  }

  // -- sending

  private writeHeaders(headers: RequestHeaders, streamId: number): void {
    const out = this.out;
    const at = out.reserve(FRAME_HEADER_BYTES);
    if (headers.changes === this.encoder.changes) {
      out.raw(headers.block);
    } else {
      const before = this.encoder.changes;
      this.encoder.encode(headers.fields, out);
      if (this.encoder.changes === before) {
        headers.block = Buffer.from(out.bytes.subarray(at + FRAME_HEADER_BYTES, out.offset));
        headers.changes = before;
      }
    }
    const length = out.offset - at - FRAME_HEADER_BYTES;
    assert(length <= FRAME_PAYLOAD_BYTES_DEFAULT, "request headers longer than a frame");
    setFrameHeader(out.bytes, at, length, FRAME.headers, FLAG.endHeaders, streamId);
  }

  /** Sends what was held back as far as the windows reach, the longest waiting first. */
  private sendHeldBack(): void {
    if (this.heldBack.length === 0) return;
    this.heldBack = this.heldBack.filter((cell) => !this.sendQueued(cell));
    this.scheduleFlush();
  }

  /** Whether all of the cell's queue could be sent. */
  private sendQueued(cell: number): boolean {
    const queue = this.sendQueues[cell];
    assert(queue !== undefined, "a held-back stream without a queue");
    for (;;) {
      const window = Math.min(this.sendWindow, this.sendWindows[cell] as number, this.framePayloadBytesMax);
      if (window <= 0 && queue.length > 0) return false;
      const part = queue.take(Math.min(window, queue.length));
      const last = queue.length === 0;
      const flags = last && queue.endStream ? FLAG.endStream : 0;
      writeFrameHeader(this.out, part.length, FRAME.data, flags, this.streamIds[cell] as number);
      this.out.raw(part);
      this.sendWindow -= part.length;
      this.sendWindows[cell] = (this.sendWindows[cell] as number) - part.length;
      if (last) break;
    }
    this.sendQueues[cell] = undefined;
    return true;
  }

  private scheduleFlush(): void {
    if (this.flushing || this.reading) return;
    this.flushing = true;
    process.nextTick(this.flushLater);
  }

  private readonly flushLater = (): void => {
    this.flushing = false;
    this.flush();
  };

  private flush(): void {
    if (this.out.offset === 0 || !this.open_) return;
    this.socket.write(this.out.view());
    // Written at once, as it mostly is, the memory is free again; else it belongs to the socket until it is.
    if (this.socket.writableLength === 0) this.out.reset();
    else this.out = new ByteWriter(Math.max(16 * 1024, this.out.offset));
    this.onSent?.(performance.now());
  }

  private padding(bytes: Buffer, start: number, end: number): number {
    const padding = end > start ? (bytes[start] as number) : 0;
    if (start + 1 + padding > end) throw new Http2Error(ERROR_CODE.protocolError, "more padding than payload");
    return padding;
  }

  private requireStream(streamId: number): void {
    if (streamId === 0) throw new Http2Error(ERROR_CODE.protocolError, "a frame of streams on stream 0");
  }

  private requireLength(right: boolean, what: string): void {
    if (!right) throw new Http2Error(ERROR_CODE.frameSizeError, `${what} of the wrong length`);
  }
}

const IGNORED_FIELDS: FieldSink<number> = { field: () => {} };
