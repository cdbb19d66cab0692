import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { ByteWriter } from "../../src/base/bytes.js";
import {
  CONNECTION_PREFACE,
  FLAG,
  FRAME,
  FRAME_PAYLOAD_BYTES_DEFAULT,
  FrameReader,
  type FrameSink,
  writeFrameHeader,
  writeSettings,
} from "../../src/targets/etcd/http2/frames.js";
import { type HeaderField, HpackDecoder, HpackEncoder } from "../../src/targets/etcd/http2/hpack.js";
import type { Address } from "../../src/targets/target.js";

export interface PeerFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** The server's end of one connection, which does nothing by itself: a test says what it sends, and awaits what comes. */
export class Http2Peer {
  readonly frames: PeerFrame[] = [];
  readonly encoder = new HpackEncoder();
  private readonly decoder = new HpackDecoder();
  private readonly socket: Socket;
  private prefaceLeft = CONNECTION_PREFACE.length;
  private wake: () => void = () => {};
  closed = false;

  constructor(socket: Socket, payloadBytesMax: number) {
    this.socket = socket;
    const sink: FrameSink = {
      frame: (type, flags, streamId, bytes, start, end) =>
        this.frames.push({ type, flags, streamId, payload: Buffer.from(bytes.subarray(start, end)) }),
    };
    const reader = new FrameReader(sink, payloadBytesMax);
    socket.on("data", (chunk: Buffer) => {
      const skipped = Math.min(this.prefaceLeft, chunk.length);
      this.prefaceLeft -= skipped;
      reader.push(chunk, skipped, chunk.length);
      this.wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
      this.wake();
    });
  }

  /** Waits until `condition` holds of what came so far. */
  async until(condition: (frames: readonly PeerFrame[]) => boolean, what: string): Promise<void> {
    while (!condition(this.frames)) {
      if (this.closed) throw new Error(`the connection closed before ${what}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  of(type: number, streamId?: number): PeerFrame[] {
    return this.frames.filter(
      (frame) => frame.type === type && (streamId === undefined || frame.streamId === streamId),
    );
  }

  async frame(type: number, streamId?: number): Promise<PeerFrame> {
    await this.until(() => this.of(type, streamId).length > 0, `a frame of type ${type}`);
    return this.of(type, streamId)[0] as PeerFrame;
  }

  /** What came of a stream's body so far. */
  body(streamId: number): Buffer {
    return Buffer.concat(this.of(FRAME.data, streamId).map((frame) => frame.payload));
  }

  fields(frame: PeerFrame): HeaderField[] {
    const fields: HeaderField[] = [];
    const sink = { field: (_: undefined, name: string, value: string) => fields.push([name, value]) };
    this.decoder.decode(frame.payload, 0, frame.payload.length, sink, undefined);
    return fields;
  }

  send(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): void {
    const writer = new ByteWriter();
    writeFrameHeader(writer, payload.length, type, flags, streamId);
    writer.raw(payload);
    this.socket.write(writer.copy());
  }

  sendSettings(settings: readonly (readonly [number, number])[] = []): void {
    const writer = new ByteWriter();
    writeSettings(writer, settings);
    this.socket.write(writer.copy());
  }

  sendHeaders(streamId: number, fields: readonly HeaderField[], flags = 0): void {
    this.send(FRAME.headers, FLAG.endHeaders | flags, streamId, this.block(fields));
  }

  sendWindowUpdate(streamId: number, increment: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(increment);
    this.send(FRAME.windowUpdate, 0, streamId, payload);
  }

  block(fields: readonly HeaderField[]): Buffer {
    const writer = new ByteWriter();
    this.encoder.encode(fields, writer);
    return writer.copy();
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Listens on an ephemeral port of loopback. */
export class Http2PeerServer {
  readonly peers: Http2Peer[] = [];
  private readonly server: Server;
  private wake: () => void = () => {};

  private constructor(payloadBytesMax: number) {
    this.server = createServer({ noDelay: true }, (socket) => {
      this.peers.push(new Http2Peer(socket, payloadBytesMax));
      this.wake();
    });
  }

  static async start(payloadBytesMax: number = FRAME_PAYLOAD_BYTES_DEFAULT): Promise<Http2PeerServer> {
    const peers = new Http2PeerServer(payloadBytesMax);
    peers.server.listen(0, "127.0.0.1");
    await once(peers.server, "listening");
    return peers;
  }

  get address(): Address {
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return { host: "127.0.0.1", port: address.port };
  }

  /** The connection that came as number `index`, from 0. */
  async peer(index: number): Promise<Http2Peer> {
    while (this.peers.length <= index) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.peers[index] as Http2Peer;
  }

  stop(): void {
    this.server.close();
    for (const peer of this.peers) peer.destroy();
  }
}
