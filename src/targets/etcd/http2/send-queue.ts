/** What one stream still has to send, held back by flow control. */
export class SendQueue {
  private bytes: Buffer;
  private start = 0;
  /** The stream ends after what is held. */
  endStream: boolean;

  constructor(bytes: Buffer, endStream: boolean) {
    this.bytes = bytes;
    this.endStream = endStream;
  }

  get length(): number {
    return this.bytes.length - this.start;
  }

  append(bytes: Buffer, endStream: boolean): void {
    this.bytes = Buffer.concat([this.bytes.subarray(this.start), bytes]);
    this.start = 0;
    this.endStream = endStream;
  }

  /** A view of the next `count` bytes, which are taken out of the queue. */
  take(count: number): Buffer {
    const start = this.start;
    this.start += count;
    return this.bytes.subarray(start, this.start);
  }
}
