import type { ByteWriter } from "../../../base/bytes.js";

/** The numbers of RFC 9113: frame types (section 6), flags, error codes (7), settings (6.5.2). */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const ERROR_CODE = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const CONNECTION_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
export const FRAME_HEADER_BYTES = 9;
/** The default of SETTINGS_MAX_FRAME_SIZE and the smallest value a peer may set. */
export const FRAME_PAYLOAD_BYTES_DEFAULT = 16_384;
export const FRAME_PAYLOAD_BYTES_LIMIT = 2 ** 24 - 1;
/** The default of SETTINGS_INITIAL_WINDOW_SIZE, and the connection's window before any WINDOW_UPDATE. */
export const WINDOW_BYTES_DEFAULT = 65_535;
export const WINDOW_BYTES_LIMIT = 2 ** 31 - 1;
export const STREAM_ID_MAX = 2 ** 31 - 1;

/** The peer broke the protocol in a way that ends the connection; `code` goes into the GOAWAY. */
export class Http2Error extends Error {
  override readonly name = "Http2Error";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface FrameSink {
  /** The payload is `bytes` from `start` to `end`; it is valid only during the call. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

/**
 * Cuts a byte stream into frames, however it is split into chunks. A frame that lies within one chunk is handed over in
 * place; only one that is cut in two is copied.
 */
export class FrameReader {
  private readonly sink: FrameSink;
  private readonly payloadBytesMax: number;
  private readonly held: Buffer;
  private heldBytes = 0;

  constructor(sink: FrameSink, payloadBytesMax: number = FRAME_PAYLOAD_BYTES_DEFAULT) {
    this.sink = sink;
    this.payloadBytesMax = payloadBytesMax;
    this.held = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + payloadBytesMax);
  }

  /** Throws `Http2Error` for a frame longer than allowed, before any of it is kept. */
  push(bytes: Buffer, start: number, end: number): void {
    let at = this.heldBytes > 0 ? this.completeHeld(bytes, start, end) : start;
    while (end - at >= FRAME_HEADER_BYTES) {
      const frameEnd = at + FRAME_HEADER_BYTES + this.payloadLength(bytes, at);
      if (frameEnd > end) break;
      this.emit(bytes, at, frameEnd);
      at = frameEnd;
    }
    if (at < end) {
      bytes.copy(this.held, 0, at, end);
      this.heldBytes = end - at;
    }
  }

  /** Adds to the frame begun in an earlier chunk; returns how far this chunk was used. */
  private completeHeld(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.heldBytes < FRAME_HEADER_BYTES) {
      at = this.hold(bytes, at, Math.min(end, at + FRAME_HEADER_BYTES - this.heldBytes));
      if (this.heldBytes < FRAME_HEADER_BYTES) return at;
    }
    const frameBytes = FRAME_HEADER_BYTES + this.payloadLength(this.held, 0);
    at = this.hold(bytes, at, Math.min(end, at + frameBytes - this.heldBytes));
    if (this.heldBytes === frameBytes) {
      this.heldBytes = 0;
      this.emit(this.held, 0, frameBytes);
    }
    return at;
  }

  private hold(bytes: Buffer, start: number, end: number): number {
    bytes.copy(this.held, this.heldBytes, start, end);
    this.heldBytes += end - start;
    return end;
  }

  private payloadLength(bytes: Buffer, at: number): number {
    const length = bytes.readUIntBE(at, 3);
    if (length > this.payloadBytesMax) {
      throw new Http2Error(
        ERROR_CODE.frameSizeError,
        `frame of ${length} bytes, at most ${this.payloadBytesMax} are allowed`,
      );
    }
    return length;
  }

  private emit(bytes: Buffer, at: number, end: number): void {
    const streamId = bytes.readUInt32BE(at + 5) & STREAM_ID_MAX;
    this.sink.frame(bytes[at + 3] as number, bytes[at + 4] as number, streamId, bytes, at + FRAME_HEADER_BYTES, end);
  }
}

/** Fills in the header of a frame whose place was reserved at `at`. */
export function setFrameHeader(
  bytes: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = streamId >>> 24;
  bytes[at + 6] = streamId >>> 16;
  bytes[at + 7] = streamId >>> 8;
  bytes[at + 8] = streamId;
}

export function writeFrameHeader(
  writer: ByteWriter,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  const at = writer.reserve(FRAME_HEADER_BYTES);
  setFrameHeader(writer.bytes, at, length, type, flags, streamId);
}

export function writeSettings(writer: ByteWriter, settings: readonly (readonly [id: number, value: number])[]): void {
  writeFrameHeader(writer, settings.length * 6, FRAME.settings, 0, 0);
  for (const [id, value] of settings) {
    const at = writer.reserve(6);
    writer.bytes.writeUInt16BE(id, at);
    writer.bytes.writeUInt32BE(value, at + 2);
  }
}

export function writeSettingsAck(writer: ByteWriter): void {
  writeFrameHeader(writer, 0, FRAME.settings, FLAG.ack, 0);
}

/** `bytes` holds the 8 opaque bytes at `start`. */
export function writePing(writer: ByteWriter, flags: number, bytes: Buffer, start: number): void {
  writeFrameHeader(writer, 8, FRAME.ping, flags, 0);
  writer.raw(bytes.subarray(start, start + 8));
}

export function writeWindowUpdate(writer: ByteWriter, streamId: number, increment: number): void {
  writeFrameHeader(writer, 4, FRAME.windowUpdate, 0, streamId);
  writer.int32(increment);
}

export function writeRstStream(writer: ByteWriter, streamId: number, code: number): void {
  writeFrameHeader(writer, 4, FRAME.rstStream, 0, streamId);
  writer.int32(code);
}

export function writeGoaway(writer: ByteWriter, lastStreamId: number, code: number, debug: string): void {
  const text = Buffer.from(debug, "utf8");
  writeFrameHeader(writer, 8 + text.length, FRAME.goaway, 0, 0);
  writer.int32(lastStreamId);
  writer.int32(code);
  writer.raw(text);
}
