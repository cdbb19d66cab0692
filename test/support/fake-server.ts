import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import { type Codec, empty } from "../../src/jute/codec.js";
import { beginFrame, endFrame, FrameSplitter } from "../../src/jute/framing.js";
import { opName } from "../../src/jute/opcodes.js";
import { ConnectRequest, ConnectResponse, ReplyHeader, RequestHeader, WatcherEvent } from "../../src/jute/records.js";

// A server that says exactly what a test tells it to, right or wrong.

export interface FakeRequest {
  readonly xid: number;
  /** Of the opcode; "op77" for one without a name. */
  readonly name: string;
  readonly body: Buffer;
  read<T>(codec: Codec<T>): T;
}

/** Values one side hands over and the other waits for, in order. */
class Mailbox<T> {
  private readonly values: T[] = [];
  private readonly waiting: ((value: T) => void)[] = [];

  put(value: T): void {
    const waiter = this.waiting.shift();
    if (waiter === undefined) this.values.push(value);
    else waiter(value);
  }

  async take(): Promise<T> {
    if (this.values.length > 0) return this.values.shift() as T;
    return await new Promise((resolve) => this.waiting.push(resolve));
  }

  get size(): number {
    return this.values.length;
  }
}

export class FakeConnection {
  readonly closed: Promise<void>;
  /** The bytes of each chunk as it came: one per write of the client, on loopback and for small ones. */
  readonly chunks: number[] = [];
  private readonly socket: Socket;
  private readonly frames = new Mailbox<Buffer>();
  private readonly writer = new ByteWriter();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    const splitter = new FrameSplitter(1 << 24);
    socket.on("data", (chunk: Buffer) => {
      this.chunks.push(chunk.length);
      splitter.push(chunk, (bytes, start, end) => {
        this.frames.put(Buffer.from(bytes.subarray(start, end)));
        return true;
      });
    });
  }

  get unread(): number {
    return this.frames.size;
  }

  async nextConnect(): Promise<ConnectRequest> {
    return ConnectRequest.read(new ByteReader(await this.frames.take()));
  }

  async next(): Promise<FakeRequest> {
    const body = await this.frames.take();
    const header = RequestHeader.read(new ByteReader(body));
    return {
      xid: header.xid,
      name: opName(header.type) ?? `op${header.type}`,
      body,
      read: (codec) => codec.read(new ByteReader(body, 8)),
    };
  }

  /** As `next`, past pings, which are answered. */
  async nextRequest(zxid = 1): Promise<FakeRequest> {
    for (;;) {
      const request = await this.next();
      if (request.name !== "ping") return request;
      this.reply(request.xid, zxid);
    }
  }

  grant(response: { readonly sessionId?: bigint; readonly timeoutMs?: number } = {}): void {
    this.frame((writer) =>
      ConnectResponse.write(writer, {
        protocolVersion: 0,
        timeOut: response.timeoutMs ?? 10_000,
        sessionId: response.sessionId ?? 0x1234n,
        passwd: Buffer.alloc(16, 7),
        readOnly: false,
      }),
    );
  }

  /** As a server that knows the session no more: refuses it and closes. */
  expire(): void {
    this.grant({ sessionId: 0n, timeoutMs: 0 });
    this.socket.end();
  }

  reply<T = null>(xid: number, zxid: number, err = 0, codec: Codec<T> = empty as Codec<T>, value: T = null as T): void {
    this.frame((writer) => {
      ReplyHeader.write(writer, { xid, zxid, err });
      if (err === 0) codec.write(writer, value);
    });
  }

  event(type: number, path: string, zxid = -1): void {
    this.frame((writer) => {
      ReplyHeader.write(writer, { xid: -1, zxid, err: 0 });
      WatcherEvent.write(writer, { type, state: 3, path });
    });
  }

  raw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** What `say` sends leaves in one chunk. */
  atOnce(say: () => void): void {
    this.socket.cork();
    say();
    this.socket.uncork();
  }

  /** Takes nothing from the network until `resume`. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private frame(write: (writer: ByteWriter) => void): void {
    this.writer.reset();
    const start = beginFrame(this.writer);
    write(this.writer);
    endFrame(this.writer, start);
    this.socket.write(this.writer.copy());
  }
}

export class FakeServer {
  port = 0;
  private readonly server: Server;
  private readonly connections = new Mailbox<FakeConnection>();
  private readonly sockets = new Set<Socket>();

  constructor() {
    this.server = createServer({ noDelay: true }, (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
      this.connections.put(new FakeConnection(socket));
    });
  }

  static async start(): Promise<FakeServer> {
    const server = new FakeServer();
    server.server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    server.port = (server.server.address() as AddressInfo).port;
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async accept(): Promise<FakeConnection> {
    return await this.connections.take();
  }

  /** Accepts, takes the ConnectRequest and grants the session. */
  async establish(response?: Parameters<FakeConnection["grant"]>[0]): Promise<FakeConnection> {
    const connection = await this.accept();
    await connection.nextConnect();
    connection.grant(response);
    return connection;
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
