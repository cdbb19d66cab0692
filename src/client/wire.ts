import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { ByteWriter, MalformedBytesError } from "../base/bytes.js";
import { DirectWriter } from "../jute/direct-socket.js";
import { FrameSplitter } from "../jute/framing.js";
import type { HostAddress } from "./connection-string.js";
import { READ_CHUNK_BYTES, REPLY_BYTES_MAX, WRITE_BUFFER_KEPT_BYTES_MAX } from "./limits.js";

export interface WireListener {
  onOpen(): void;
  /** A frame's body, valid during the call only. False stops reading: the connection is over. */
  onFrame(bytes: Buffer, start: number, end: number): boolean;
  /** Called for everything that left in one write, right before it. */
  onFlush(): void;
  /** What was received is no frame, or none that `onFrame` takes; it threw that. The socket is being closed. */
  onMalformed(error: MalformedBytesError): void;
  /** Once, last. */
  onClosed(reason: Error): void;
}

/**
 * One socket that carries frames. What is written to `writer` leaves in one socket write: after the chunk of replies
 * that caused it, else at the end of the current callback. Times are by `performance.now`, in milliseconds.
 */
export class Wire {
  readonly writer = new ByteWriter(4096);
  /** When the chunk being handled, or the last one, was received. */
  receivedAtMs: number;
  sentAtMs: number;
  /** When the first bytes left since something was received; before `receivedAtMs` where none have. */
  askedAtMs: number;
  private readonly listener: WireListener;
  private readonly socket: Socket;
  private readonly splitter = new FrameSplitter(REPLY_BYTES_MAX);
  private reason: Error | undefined;
  /** Once the socket is connected, and until it is closed. */
  private direct: DirectWriter | undefined;
  private receiving = false;
  private flushScheduled = false;

  constructor(address: HostAddress, listener: WireListener) {
    this.listener = listener;
    this.receivedAtMs = performance.now();
    this.sentAtMs = this.receivedAtMs;
    this.askedAtMs = this.receivedAtMs;
    this.socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: { buffer: Buffer.allocUnsafeSlow(READ_CHUNK_BYTES), callback: this.receive },
    });
    this.socket.on("connect", () => {
      this.direct = new DirectWriter(this.socket);
      listener.onOpen();
    });
    this.socket.on("error", (error) => {
      this.reason ??= error;
    });
    this.socket.on("end", () => {
      this.reason ??= new Error("the server closed the connection");
    });
    this.socket.on("close", () => {
      this.direct = undefined;
      this.listener.onClosed(this.reason ?? new Error("the connection was closed"));
    });
  }

  /** To be called after a request was put into `writer`. */
  flushSoon(): void {
    if (this.receiving || this.flushScheduled) return;
    this.flushScheduled = true;
    process.nextTick(this.flushNow);
  }

  destroy(reason: Error): void {
    this.reason ??= reason;
    this.direct = undefined;
    this.socket.destroy();
  }

  /** Sends what is left, then closes. */
  end(): void {
    this.flush();
    this.direct = undefined;
    this.socket.end();
  }

  private readonly flushNow = (): void => {
    this.flushScheduled = false;
    this.flush();
  };

  private flush(): void {
    const { writer, direct } = this;
    if (writer.offset === 0 || direct === undefined) return;
    this.sentAtMs = performance.now();
    if (this.askedAtMs <= this.receivedAtMs) this.askedAtMs = this.sentAtMs;
    this.listener.onFlush();
    direct.write(writer.bytes, writer.offset);
    writer.reset();
    if (writer.bytes.length > WRITE_BUFFER_KEPT_BYTES_MAX) {
      writer.bytes = Buffer.allocUnsafeSlow(WRITE_BUFFER_KEPT_BYTES_MAX);
    }
  }

  private readonly receive = (count: number, buffer: Uint8Array): boolean => {
    this.receivedAtMs = performance.now();
    this.receiving = true;
    try {
      this.splitter.push(buffer as Buffer, this.onFrame, count);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      this.destroy(error);
      this.listener.onMalformed(error);
    } finally {
      this.receiving = false;
    }
    this.flush();
    return true;
  };

  private readonly onFrame = (bytes: Buffer, start: number, end: number): boolean =>
    this.direct !== undefined && this.listener.onFrame(bytes, start, end);
}
