import type { ByteWriter } from "../base/bytes.js";
import { MalformedBytesError } from "../base/bytes.js";

/** Opens a frame: leaves room for its length and returns where the frame begins, for `endFrame`. */
export function beginFrame(writer: ByteWriter): number {
  return writer.reserve(4);
}

export function endFrame(writer: ByteWriter, start: number): void {
  writer.bytes.writeInt32BE(writer.offset - start - 4, start);
}

/**
 * Cuts a byte stream into frames of `int length` + body. Chunks are read in place; only a frame that straddles chunks
 * is assembled in a buffer of its own, which grows with what has really arrived, never with what a length claims.
 */
export class FrameSplitter {
  /** The start of a frame that has not arrived whole. */
  private partial: Buffer | undefined;
  private partialBytes = 0;
  private readonly bodyBytesMax: number;

  constructor(bodyBytesMax: number) {
    this.bodyBytesMax = bodyBytesMax;
  }

  get pendingBytes(): number {
    return this.partialBytes;
  }

  /**
   * Calls `onFrame` with each whole body in `chunk`, which is valid during that call only; `onFrame` returns false to
   * stop, and the rest of the chunk is dropped. Throws `MalformedBytesError` on a length below 0 or above the limit.
   */
  push(chunk: Buffer, onFrame: (bytes: Buffer, start: number, end: number) => boolean): void {
    let bytes = chunk;
    let offset = 0;
    let end = chunk.length;
    if (this.partialBytes > 0) {
      bytes = this.append(chunk);
      end = this.partialBytes;
    }
    while (end - offset >= 4) {
      const length = bytes.readInt32BE(offset);
      if (length < 0 || length > this.bodyBytesMax) {
        throw new MalformedBytesError(`Unreasonable length = ${length} of a frame, at most ${this.bodyBytesMax}`);
      }
      const bodyEnd = offset + 4 + length;
      if (bodyEnd > end) break;
      if (!onFrame(bytes, offset + 4, bodyEnd)) {
        this.partialBytes = 0;
        return;
      }
      offset = bodyEnd;
    }
    this.keep(bytes, offset, end);
  }

  private append(chunk: Buffer): Buffer {
    let partial = this.partial as Buffer;
    const needed = this.partialBytes + chunk.length;
    if (needed > partial.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, partial.length * 2));
      partial.copy(grown, 0, 0, this.partialBytes);
      partial = grown;
      this.partial = grown;
    }
    chunk.copy(partial, this.partialBytes);
    this.partialBytes = needed;
    return partial;
  }

  private keep(bytes: Buffer, offset: number, end: number): void {
    const left = end - offset;
    if (left === 0) {
      this.partialBytes = 0;
      if (this.partial !== undefined && this.partial.length > PARTIAL_KEPT_BYTES_MAX) this.partial = undefined;
      return;
    }
    if (bytes !== this.partial) {
      if (this.partial === undefined || this.partial.length < left) this.partial = Buffer.allocUnsafeSlow(left + 1024);
      bytes.copy(this.partial, 0, offset, end);
    } else if (offset > 0) {
      bytes.copyWithin(0, offset, end);
    }
    this.partialBytes = left;
  }
}

/** A larger assembly buffer is given back once it is empty, so that one large value does not pin memory for good. */
const PARTIAL_KEPT_BYTES_MAX = 65_536;
