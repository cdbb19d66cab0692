import { connect, type Socket } from "node:net";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import { beginFrame, endFrame, FrameSplitter } from "../../src/jute/framing.js";
import { CREATE_MODE, OP, PERMISSION } from "../../src/jute/opcodes.js";
import * as records from "../../src/jute/records.js";

const OPEN_ACL = [{ perms: PERMISSION.all, id: { scheme: "world", id: "anyone" } }];
const FRAME_BYTES_MAX = 1 << 20;
const SESSION_TIMEOUT_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 3_000;

interface Reply {
  readonly err: number;
  readonly body: ByteReader;
}

interface Awaited {
  onReply(reply: Reply): void;
  /** Called instead if the connection ends first. */
  readonly onEnd: ((error: Error) => void) | undefined;
}

/** One session that sends what it is given and hands back replies in order. The least a client can be. */
export class RawSession {
  private readonly socket: Socket;
  private readonly splitter = new FrameSplitter(FRAME_BYTES_MAX);
  private readonly writer = new ByteWriter();
  private readonly awaited: Awaited[] = [];
  private xid = 0;
  readonly ended: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.ended = new Promise((resolve) => {
      socket.on("close", () => {
        for (const { onEnd } of this.awaited) onEnd?.(new Error("the connection was closed"));
        resolve();
      });
    });
  }

  /**
   * Rejects if the server closes the connection instead of answering the handshake, or does neither: a server that is
   * just starting may accept a connection and forget it.
   */
  static open(port: number): Promise<RawSession> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      const timer = setTimeout(() => socket.destroy(), HANDSHAKE_TIMEOUT_MS);
      socket.on("close", () => clearTimeout(timer));
      const session = new RawSession(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => session.receive(chunk));
      session.awaited.push({
        onReply: () => {
          clearTimeout(timer);
          resolve(session);
        },
        onEnd: reject,
      });
      socket.on("connect", () => {
        const start = beginFrame(session.writer);
        records.ConnectRequest.write(session.writer, {
          protocolVersion: 0,
          lastZxidSeen: 0n,
          timeOut: SESSION_TIMEOUT_MS,
          sessionId: 0n,
          passwd: Buffer.alloc(16),
          readOnly: false,
        });
        endFrame(session.writer, start);
        session.flush();
      });
    });
  }

  create(path: string, data: Uint8Array, onReply: (err: number) => void): void {
    this.send(
      OP.create,
      (writer) => records.CreateRequest.write(writer, { path, data, acl: OPEN_ACL, flags: CREATE_MODE.persistent }),
      ({ err }) => onReply(err),
    );
  }

  setData(path: string, data: Uint8Array, onReply: (err: number) => void): void {
    this.send(
      OP.setData,
      (writer) => records.SetDataRequest.write(writer, { path, data, version: -1 }),
      ({ err }) => onReply(err),
    );
  }

  /** The value and its version, or undefined if there is no such node. Rejects when the connection ends first. */
  getData(path: string): Promise<{ data: string; version: number } | undefined> {
    return new Promise((resolve, reject) => {
      this.send(
        OP.getData,
        (writer) => records.GetDataRequest.write(writer, { path, watch: false }),
        ({ err, body }) => {
          if (err !== 0) {
            resolve(undefined);
            return;
          }
          const { data, stat } = records.GetDataResponse.read(body);
          resolve({ data: Buffer.from(data ?? []).toString(), version: stat.version });
        },
        reject,
      );
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private send(
    type: number,
    write: (writer: ByteWriter) => void,
    onReply: (reply: Reply) => void,
    onEnd?: (error: Error) => void,
  ): void {
    const start = beginFrame(this.writer);
    records.RequestHeader.write(this.writer, { xid: ++this.xid, type });
    write(this.writer);
    endFrame(this.writer, start);
    this.awaited.push({ onReply, onEnd });
    // One write for everything sent in one turn.
    if (start === 0) setImmediate(() => this.flush());
  }

  private flush(): void {
    this.socket.write(this.writer.copy());
    this.writer.reset();
  }

  private receive(chunk: Buffer): void {
    this.splitter.push(chunk, (bytes, start, end) => {
      const body = new ByteReader(bytes, start, end);
      const handshake = this.xid === 0;
      const err = handshake ? 0 : records.ReplyHeader.read(body).err;
      this.awaited.shift()?.onReply({ err, body });
      return true;
    });
  }
}
