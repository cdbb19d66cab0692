import type { ByteWriter } from "../base/bytes.js";
import { getInt32, MalformedBytesError, putInt32 } from "../base/bytes.js";

/** Opens a frame: leaves room for its length and returns where the frame begins, for `endFrame`. */
export function beginFrame(writer: ByteWriter): number {
  return writer.reserve(4);
}

export function endFrame(writer: ByteWriter, start: number): void {
  putInt32(writer.bytes, start, writer.offset - start - 4);
}

/** A larger assembly buffer is given back once it is empty, so that one large value does not pin memory for good. */
const PARTIAL_KEPT_BYTES_MAX = 65_536;

/** Holds what a stream delivered too little of, in a buffer that grows with what has really arrived. */
export class PartialBytes {
  private bytes: Buffer | undefined;
  /** How many bytes are held. */
  count = 0;

  /** Adds a chunk to what is held, and returns both together: `count` bytes from 0 on, valid until the next call. */
  append(chunk: Buffer): Buffer {
    let bytes = this.bytes as Buffer;
    const needed = this.count + chunk.length;
    if (needed > bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, bytes.length * 2));
      bytes.copy(grown, 0, 0, this.count);
      bytes = grown;
      this.bytes = grown;
    }
    chunk.copy(bytes, this.count);
    this.count = needed;
    return bytes;
  }

  /** Holds `bytes[offset, end)` and nothing else; `bytes` may be what `append` returned. */
  keep(bytes: Buffer, offset: number, end: number): void {
    const left = end - offset;
    if (left === 0) {
      this.count = 0;
      if (this.bytes !== undefined && this.bytes.length > PARTIAL_KEPT_BYTES_MAX) this.bytes = undefined;
      return;
    }
    if (bytes !== this.bytes) {
      if (this.bytes === undefined || this.bytes.length < left) this.bytes = Buffer.allocUnsafeSlow(left + 1024);
      bytes.copy(this.bytes, 0, offset, end);
    } else if (offset > 0) {
      bytes.copyWithin(0, offset, end);
    }
    this.count = left;
  }
}

/**
 * Cuts a byte stream into frames of `int length` + body. Chunks are read in place; only a frame that straddles chunks
 * is assembled in a buffer of its own, which grows with what has really arrived, never with what a length claims.
 */
export class FrameSplitter {
  /** The start of a frame that has not arrived whole. */
  private readonly partial = new PartialBytes();
  private readonly bodyBytesMax: number;
  private stopped = false;

  constructor(bodyBytesMax: number) {
    this.bodyBytesMax = bodyBytesMax;
  }

  /** Called from `onFrame`: what follows that frame is kept for the next `push`. */
  hold(): void {
    this.stopped = true;
  }

  /** Whether the last `push` was held: there may be whole frames left, for which an empty chunk is pushed. */
  get held(): boolean {
    return this.stopped;
  }

  get pendingBytes(): number {
    return this.partial.count;
  }

  /**
   * Calls `onFrame` with each whole body in the first `length` bytes of `chunk`, which is valid during that call only; `onFrame` returns false to
   * stop, and the rest of the chunk is dropped. Throws `MalformedBytesError` on a length below 0 or above the limit.
   */
  push(chunk: Buffer, onFrame: (bytes: Buffer, start: number, end: number) => boolean, length = chunk.length): void {
    let bytes = chunk;
    let offset = 0;
    let end = length;
    this.stopped = false;
    if (this.partial.count > 0) {
      bytes = this.partial.append(length === chunk.length ? chunk : chunk.subarray(0, length));
      end = this.partial.count;
    }
    while (end - offset >= 4) {
      const bodyBytes = getInt32(bytes, offset);
      if (bodyBytes < 0 || bodyBytes > this.bodyBytesMax) {
        throw new MalformedBytesError(`Unreasonable length = ${bodyBytes} of a frame, at most ${this.bodyBytesMax}`);
      }
      const bodyEnd = offset + 4 + bodyBytes;
      if (bodyEnd > end) break;
      if (!onFrame(bytes, offset + 4, bodyEnd)) {
        this.partial.count = 0;
        return;
      }
      offset = bodyEnd;
      if (this.stopped) break;
    }
    this.partial.keep(bytes, offset, end);
  }
}
