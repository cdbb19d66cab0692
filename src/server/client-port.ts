import { createServer, type Server, type Socket } from "node:net";
import { MalformedBytesError } from "../base/bytes.js";
import { ClientConnection } from "../core/request/client-connection.js";
import type { ServiceCore } from "../core/service.js";
import { DirectWriter, readInto } from "../jute/direct-socket.js";
import { FrameSplitter } from "../jute/framing.js";
import { listenOn } from "./listen.js";

export interface ClientPortOptions {
  readonly port: number;
  readonly host: string | undefined;
  readonly backlog: number | undefined;
  /** Per client address; 0 is no limit. */
  readonly connectionsPerAddressMax: number;
  readonly maxBufferBytes: number;
  /** While more writes than this are in flight, connections that already have some are not read from. */
  readonly outstandingMax: number;
  /** The answer to a four-letter word; undefined where the four bytes are none. */
  fourLetterWord(word: string): string | undefined;
  /** Called before the core is given something: brings its clock up to date, and sees to the end of the turn. */
  enterTurn(): void;
}

/** Sockets without a session are closed after this long (upstream: zookeeper.nio.sessionlessCnxnTimeout). */
const SESSIONLESS_TIMEOUT_MS = 10_000;
/** A client that does not read its replies is not read from once this much waits for it. */
const UNSENT_BYTES_MAX = 1 << 20;
/** What a connection keeps of its output's memory once it is sent: enough for the replies of a turn, not for large values. */
const OUTPUT_KEPT_BYTES_MAX = 1 << 18;
/** Closes quietly: what telnet sends for an interrupt. */
const TELNET_INTERRUPT = 0xfff4fffd | 0;
/** What one read of a socket takes at the most. */
const READ_BUFFER_BYTES = 65_536;
const EMPTY = Buffer.alloc(0);

interface Client {
  readonly socket: Socket;
  readonly writer: DirectWriter;
  readonly splitter: FrameSplitter;
  /** Goes on with the frames that were held back when replies had become too many, or with reading. */
  readonly proceed: () => void;
}

/** The sockets of the client port: bytes in, frames to the core; output of the core out, one write a turn for each. */
export class ClientPort {
  private readonly server: Server;
  private readonly clients = new Map<ClientConnection, Client>();
  /** Every socket is read into this one, and done with before the next is read. */
  private readonly readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  private readonly perAddress = new Map<string, number>();
  private readonly throttled = new Set<Client>();
  private readonly core: ServiceCore;
  private readonly options: ClientPortOptions;

  constructor(core: ServiceCore, options: ClientPortOptions) {
    this.core = core;
    this.options = options;
    this.server = createServer({ noDelay: true }, (socket) => this.accept(socket));
  }

  /** Returns the port, which was the system's choice where 0 was asked for. Throws UserError `portInUse`. */
  async listen(): Promise<number> {
    const { host, port, backlog } = this.options;
    return listenOn(this.server, { host, port, backlog, key: "clientPort" });
  }

  get connectionCount(): number {
    return this.clients.size;
  }

  /** Sends what the core wrote for these connections, and closes those that it is done with. */
  flush(dirty: readonly ClientConnection[]): void {
    for (const connection of dirty) {
      const client = this.clients.get(connection);
      const { output } = connection;
      if (client === undefined) {
        output.reset();
        continue;
      }
      const { socket, writer, splitter } = client;
      if (output.offset > 0) {
        writer.write(output.bytes, output.offset);
        output.resetKeeping(OUTPUT_KEPT_BYTES_MAX);
        if (socket.writableLength > UNSENT_BYTES_MAX) {
          socket.pause();
          if (socket.listenerCount("drain") === 0) socket.once("drain", client.proceed);
        } else if (splitter.held) {
          // In a turn of its own, so that a client that asks for much at once does not keep the others waiting.
          setImmediate(client.proceed);
        }
      }
      if (connection.phase === "closing") this.end(connection, socket);
    }
    if (this.throttled.size > 0 && this.core.outstandingCount <= this.options.outstandingMax) {
      for (const client of this.throttled) setImmediate(client.proceed);
      this.throttled.clear();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const { socket } of this.clients.values()) socket.destroy();
    await closed;
  }

  private accept(socket: Socket): void {
    const address = normalizeAddress(socket.remoteAddress ?? "");
    const { connectionsPerAddressMax, maxBufferBytes } = this.options;
    const sameAddress = this.perAddress.get(address) ?? 0;
    if (connectionsPerAddressMax > 0 && sameAddress >= connectionsPerAddressMax) {
      socket.destroy();
      return;
    }
    this.perAddress.set(address, sameAddress + 1);
    const connection = new ClientConnection(address, socket.remotePort ?? 0, performance.now());
    const splitter = new FrameSplitter(maxBufferBytes);
    const client: Client = { socket, writer: new DirectWriter(socket), splitter, proceed: () => proceed() };
    this.clients.set(connection, client);
    this.core.connected(connection);
    const sessionless = setTimeout(() => {
      if (connection.session === undefined) socket.destroy();
    }, SESSIONLESS_TIMEOUT_MS);
    sessionless.unref();
    const onFrame = (bytes: Buffer, start: number, end: number): boolean => {
      if (!this.core.received(connection, bytes, start, end)) {
        socket.destroy();
        return false;
      }
      // A read of 64 KiB can ask for gigabytes: what follows waits until these replies have gone.
      if (connection.output.offset > UNSENT_BYTES_MAX) splitter.hold();
      return true;
    };
    let sniffed = false;
    let answered = false;
    let prefix: Buffer | undefined;
    const onData = (data: Buffer, length: number): void => {
      if (answered) return;
      let chunk = data;
      let chunkBytes = length;
      if (!sniffed) {
        chunk = Buffer.concat([prefix ?? EMPTY, data.subarray(0, length)]);
        chunkBytes = chunk.length;
        if (chunkBytes < 4) {
          prefix = chunk;
          return;
        }
        sniffed = true;
        prefix = undefined;
        answered = this.answerWord(socket, chunk);
        if (answered) return;
      }
      receive(chunk, chunkBytes);
    };
    const receive = (chunk: Buffer, chunkBytes: number): void => {
      this.options.enterTurn();
      try {
        splitter.push(chunk, onFrame, chunkBytes);
      } catch (error) {
        // Upstream closes without a reply as well: after a false length nothing on this connection can be trusted.
        if (!(error instanceof MalformedBytesError)) throw error;
        socket.destroy();
      }
      if (connection.queue.length > 0 && this.core.outstandingCount > this.options.outstandingMax) {
        socket.pause();
        this.throttled.add(client);
      } else if (splitter.held) {
        socket.pause();
      }
    };
    const proceed = (): void => {
      if (connection.phase === "closed") return;
      // Called again once they are sent.
      if (socket.writableLength > UNSENT_BYTES_MAX || connection.output.offset > UNSENT_BYTES_MAX) return;
      if (splitter.held) receive(EMPTY, 0);
      if (!splitter.held && !this.throttled.has(client)) socket.resume();
    };
    readInto(socket, this.readBuffer, onData);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(sessionless);
      this.throttled.delete(client);
      this.clients.delete(connection);
      this.core.disconnected(connection);
      const left = (this.perAddress.get(address) ?? 1) - 1;
      if (left === 0) this.perAddress.delete(address);
      else this.perAddress.set(address, left);
    });
  }

  /** Words are told from lengths by their first four bytes, before a connection's first frame. */
  private answerWord(socket: Socket, chunk: Buffer): boolean {
    if (chunk.readInt32BE(0) === TELNET_INTERRUPT) {
      socket.destroy();
      return true;
    }
    const answer = this.options.fourLetterWord(chunk.toString("latin1", 0, 4));
    if (answer === undefined) return false;
    socket.end(answer);
    return true;
  }

  private end(connection: ClientConnection, socket: Socket): void {
    this.core.disconnected(connection);
    socket.end();
    socket.setTimeout(SESSIONLESS_TIMEOUT_MS, () => socket.destroy());
  }
}

/** IPv4 peers of a dual-stack socket are named as IPv4, since ACLs and people do so. */
function normalizeAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
