import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import type { Codec } from "../../src/jute/codec.js";
import { beginFrame, endFrame, FrameSplitter } from "../../src/jute/framing.js";
import { XID } from "../../src/jute/opcodes.js";
import { ConnectRequest, ConnectResponse, ReplyHeader, WatcherEvent } from "../../src/jute/records.js";

export interface RawReply {
  readonly xid: number;
  readonly zxid: number;
  readonly err: number;
  readonly body: Buffer;
}

export interface RawEvent {
  readonly zxid: number;
  readonly event: WatcherEvent;
  /** How many replies had come before it. */
  readonly afterReplies: number;
}

/**
 * A session spoken by hand, with nothing of src/client in between: what goes out and what comes in are as on the wire.
 * Replies must come in request order, which it checks.
 */
export class RawSession {
  readonly events: RawEvent[] = [];
  replies = 0;
  connectResponse!: ConnectResponse;
  private readonly waiting: { xid: number; resolve: (reply: RawReply) => void; reject: (error: Error) => void }[] = [];
  private readonly splitter = new FrameSplitter(64 << 20);
  private nextXid = 1;
  private onConnect: ((response: ConnectResponse) => void) | undefined;
  closed = false;
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.splitter.push(chunk as Buffer, (bytes, start, end) => {
        this.frame(Buffer.from(bytes.subarray(start, end)));
        return true;
      });
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.closed = true;
      for (const { reject } of this.waiting.splice(0)) reject(new Error("connection closed"));
    });
  }

  static async open(port: number, options: Partial<ConnectRequest> = {}): Promise<RawSession> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const session = new RawSession(socket);
    const established = new Promise<ConnectResponse>((resolve, reject) => {
      session.onConnect = resolve;
      socket.once("close", () => reject(new Error("closed during the handshake")));
    });
    established.catch(() => undefined);
    const writer = new ByteWriter();
    const frame = beginFrame(writer);
    ConnectRequest.write(writer, {
      protocolVersion: 0,
      lastZxidSeen: 0n,
      timeOut: 30_000,
      sessionId: 0n,
      passwd: Buffer.alloc(16),
      readOnly: false,
      ...options,
    });
    endFrame(writer, frame);
    socket.write(writer.copy());
    session.connectResponse = await established;
    return session;
  }

  /** Sends one request; `body` is written by `codec`. */
  send<T>(op: number, codec: Codec<T>, body: T, xid = this.nextXid++): Promise<RawReply> {
    const writer = new ByteWriter();
    codec.write(writer, body);
    return this.sendBytes(op, writer.copy(), xid);
  }

  sendBytes(op: number, body: Buffer, xid = this.nextXid++): Promise<RawReply> {
    const writer = new ByteWriter();
    const frame = beginFrame(writer);
    writer.int32(xid);
    writer.int32(op);
    writer.raw(body);
    endFrame(writer, frame);
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(new Error("connection closed"));
        return;
      }
      this.waiting.push({ xid, resolve, reject });
      this.socket.write(writer.copy());
    });
  }

  /** Drops the connection without closing the session. */
  destroy(): void {
    this.socket.destroy();
  }

  private frame(bytes: Buffer): void {
    const reader = new ByteReader(bytes);
    if (this.onConnect !== undefined) {
      const resolve = this.onConnect;
      this.onConnect = undefined;
      resolve(ConnectResponse.read(reader));
      return;
    }
    const { xid, zxid, err } = ReplyHeader.read(reader);
    if (xid === XID.notification) {
      this.events.push({ zxid, event: WatcherEvent.read(reader), afterReplies: this.replies });
      return;
    }
    this.replies++;
    const next = this.waiting.shift();
    if (next === undefined) throw new Error(`a reply to xid ${xid} that nobody asked for`);
    if (next.xid !== xid) next.reject(new Error(`reply to xid ${xid} where ${next.xid} was due`));
    else next.resolve({ xid, zxid, err, body: bytes.subarray(reader.offset) });
  }
}
