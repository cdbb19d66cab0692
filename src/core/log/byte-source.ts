import { ByteReader, MalformedBytesError } from "../../base/bytes.js";

/** Bytes that can be read at any place: a file, or memory in tests and in the simulator. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Fills `target[0, count)` from `position` on and returns how many bytes there were, `count` unless the end came. */
  read(position: number, target: Buffer, count: number): number;
}

export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: (position, target, count) => {
      const part = bytes.subarray(position, position + count);
      target.set(part);
      return part.length;
    },
  };
}

/**
 * A window that slides over a source, so that a file of any size is read in bounded memory. `need(n)` puts the next
 * `n` bytes at `reader.offset`; the window grows only as far as the largest `n` that the source can really fill.
 */
export class ByteWindow {
  reader: ByteReader;
  /** Where in the source the window begins. */
  private base = 0;
  private readonly source: ByteSource;
  private readonly onPassed: ((bytes: Buffer, start: number, end: number) => void) | undefined;

  /** `onPassed` sees every byte once, in order, as the window leaves it behind or when `pass` is called. */
  constructor(source: ByteSource, windowBytes: number, onPassed?: (bytes: Buffer, start: number, end: number) => void) {
    this.source = source;
    this.onPassed = onPassed;
    this.reader = new ByteReader(Buffer.allocUnsafeSlow(windowBytes), 0, 0, source.sizeBytes);
  }

  /** How much of the current window `onPassed` has seen. */
  private passedTo = 0;

  get position(): number {
    return this.base + this.reader.offset;
  }

  get remaining(): number {
    return this.source.sizeBytes - this.position;
  }

  /** Throws `MalformedBytesError` if the source ends before. */
  need(count: number): void {
    const reader = this.reader;
    if (reader.remaining >= count) return;
    if (count > this.remaining) {
      throw new MalformedBytesError(`needed ${count} bytes at offset ${this.position}, ${this.remaining} are left`);
    }
    this.pass();
    const kept = reader.remaining;
    const capacity = Math.max(reader.bytes.length, count);
    // A grown window is a new buffer, because views of the old one may still be in use by whoever reads.
    const bytes = capacity > reader.bytes.length ? Buffer.allocUnsafeSlow(capacity) : reader.bytes;
    bytes.set(reader.bytes.subarray(reader.offset, reader.end));
    this.base += reader.offset;
    this.passedTo = 0;
    const wanted = Math.min(capacity - kept, this.source.sizeBytes - this.base - kept);
    const got = this.source.read(this.base + kept, bytes.subarray(kept), wanted);
    this.reader = new ByteReader(bytes, 0, kept + got, this.source.sizeBytes);
    if (this.reader.remaining < count) {
      throw new MalformedBytesError(`the source ended at ${this.base + kept + got} of ${this.source.sizeBytes} bytes`);
    }
  }

  /** Hands what was consumed so far to `onPassed`. */
  pass(): void {
    if (this.onPassed !== undefined && this.reader.offset > this.passedTo) {
      this.onPassed(this.reader.bytes, this.passedTo, this.reader.offset);
    }
    this.passedTo = this.reader.offset;
  }
}
