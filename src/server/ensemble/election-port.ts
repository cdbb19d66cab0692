import { connect, createServer, type Socket } from "node:net";
import { ByteReader, ByteWriter, MalformedBytesError } from "../../base/bytes.js";
import {
  ELECTION_MESSAGE_BYTES_MAX,
  Notification,
  readElectionHandshake,
  writeElectionHandshake,
} from "../../jute/election.js";
import { beginFrame, endFrame, FrameSplitter } from "../../jute/framing.js";
import type { ServerSpecification } from "../configuration/server-line.js";
import { listenOn } from "../listen.js";
import type { Logger } from "../log.js";
import { Strangers } from "./strangers.js";

export interface ElectionListener {
  notification(from: number, notification: Notification): void;
  /** The peer can be reached, or cannot: refused, or its connection closed. */
  peerUp(peer: number): void;
  peerDown(peer: number): void;
}

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;
const DIAL_TIMEOUT_MS = 2_000;
const HANDSHAKE_VERSION = 2;

interface Link {
  readonly peer: ServerSpecification;
  socket: Socket | undefined;
  /** When `socket` became the connection, by `performance.now()`. */
  adoptedAtMs: number;
  /** Being dialled. */
  dialling: Socket | undefined;
  /** The newest notification that could not be sent. */
  unsent: Notification | undefined;
  retryMs: number;
  retry: NodeJS.Timeout | undefined;
}

/**
 * The connections on which servers vote (upstream: QuorumCnxManager). There is one between any two, dialled by the
 * server with the larger id: one with a smaller id that dials only asks to be called back.
 */
export class ElectionPort {
  private readonly own: ServerSpecification;
  private readonly links = new Map<number, Link>();
  private readonly listener: ElectionListener;
  private readonly log: Logger;
  private readonly server = createServer({ noDelay: true }, (socket) => this.accept(socket));
  private readonly strangers = new Strangers();
  private readonly writer = new ByteWriter(1_024);
  private closed = false;

  constructor(
    own: ServerSpecification,
    servers: readonly ServerSpecification[],
    listener: ElectionListener,
    log: Logger,
  ) {
    this.own = own;
    this.listener = listener;
    this.log = log;
    for (const peer of servers) {
      if (peer.id === own.id) continue;
      const link = { peer, socket: undefined, dialling: undefined, unsent: undefined, retry: undefined };
      this.links.set(peer.id, { ...link, adoptedAtMs: 0, retryMs: RETRY_MIN_MS });
    }
  }

  /** Throws UserError `portInUse`. */
  async listen(): Promise<void> {
    await listenOn(this.server, { host: this.own.host, port: this.own.electionPort, key: `server.${this.own.id}` });
  }

  send(to: number, notification: Notification): void {
    const link = this.links.get(to);
    if (link === undefined || this.closed) return;
    if (link.socket !== undefined) {
      this.write(link.socket, notification);
      return;
    }
    link.unsent = notification;
    if (link.dialling !== undefined) return;
    // Votes are few, and whoever sends one wants to know now whether that peer will answer.
    clearTimeout(link.retry);
    link.retry = undefined;
    this.dial(link);
  }

  async close(): Promise<void> {
    this.closed = true;
    const ended = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const link of this.links.values()) {
      clearTimeout(link.retry);
      link.dialling?.destroy();
      link.socket?.destroy();
    }
    this.strangers.destroy();
    await ended;
  }

  private write(socket: Socket, notification: Notification): void {
    const { writer } = this;
    writer.reset();
    const frame = beginFrame(writer);
    Notification.write(writer, notification);
    endFrame(writer, frame);
    socket.write(writer.copy());
  }

  private dial(link: Link): void {
    const { peer } = link;
    const socket = connect({ host: peer.host, port: peer.electionPort, noDelay: true });
    link.dialling = socket;
    socket.setTimeout(DIAL_TIMEOUT_MS, () => socket.destroy());
    let reached = false;
    socket.on("error", () => {});
    socket.on("connect", () => {
      reached = true;
      socket.setTimeout(0);
      const { writer, own } = this;
      writer.reset();
      const addresses = [`${own.host.includes(":") ? `[${own.host}]` : own.host}:${own.electionPort}`];
      writeElectionHandshake(writer, { version: HANDSHAKE_VERSION, serverId: own.id, addresses });
      socket.write(writer.copy());
      if (own.id < peer.id) return;
      link.dialling = undefined;
      this.adopt(link, socket);
    });
    socket.on("close", () => {
      if (link.dialling !== socket) return;
      link.dialling = undefined;
      if (!reached) this.listener.peerDown(peer.id);
      this.retryLater(link);
    });
  }

  private retryLater(link: Link): void {
    if (this.closed || link.unsent === undefined || link.socket !== undefined || link.retry !== undefined) return;
    link.retry = setTimeout(() => {
      link.retry = undefined;
      if (link.socket === undefined && link.dialling === undefined) this.dial(link);
    }, link.retryMs);
    link.retryMs = Math.min(link.retryMs * 2, RETRY_MAX_MS);
  }

  private accept(socket: Socket): void {
    this.strangers.add(socket);
    socket.setTimeout(DIAL_TIMEOUT_MS, () => socket.destroy());
    let prefix = Buffer.alloc(0);
    const onClose = (): void => {
      this.strangers.delete(socket);
    };
    const onData = (data: Buffer): void => {
      prefix = Buffer.concat([prefix, data]);
      const reader = new ByteReader(prefix);
      let id: number | undefined;
      try {
        const handshake = readElectionHandshake(reader);
        if (handshake === undefined) return;
        id = handshake.serverId;
      } catch (error) {
        if (!(error instanceof MalformedBytesError)) throw error;
        this.log.warn({ address: socket.remoteAddress, error: error.message }, "not a peer on the election port");
      }
      const link = id === undefined ? undefined : this.links.get(id);
      if (link === undefined) {
        socket.destroy();
        return;
      }
      this.strangers.delete(socket);
      if (link.peer.id < this.own.id) {
        socket.destroy();
        this.callBack(link);
        return;
      }
      socket.removeListener("data", onData);
      socket.setTimeout(0);
      link.dialling?.destroy();
      link.dialling = undefined;
      this.adopt(link, socket, prefix.subarray(reader.offset));
    };
    socket.on("error", () => {});
    socket.on("close", onClose);
    socket.on("data", onData);
  }

  /**
   * The peer asks to be dialled. If there is a connection already, it ends in a process that is gone without a word, as
   * after a loss of power, and nothing else would ever tell; unless it is so young that the two have crossed.
   */
  private callBack(link: Link): void {
    if (link.dialling !== undefined) return;
    const { socket } = link;
    if (socket !== undefined && performance.now() - link.adoptedAtMs < DIAL_TIMEOUT_MS) return;
    link.socket = undefined;
    socket?.destroy();
    clearTimeout(link.retry);
    link.retry = undefined;
    this.dial(link);
  }

  /** This is now the connection to the peer. */
  private adopt(link: Link, socket: Socket, rest: Buffer = Buffer.alloc(0)): void {
    const before = link.socket;
    link.socket = socket;
    link.adoptedAtMs = performance.now();
    before?.destroy();
    clearTimeout(link.retry);
    link.retry = undefined;
    link.retryMs = RETRY_MIN_MS;
    const { id } = link.peer;
    const splitter = new FrameSplitter(ELECTION_MESSAGE_BYTES_MAX);
    const onFrame = (bytes: Buffer, start: number, end: number): boolean => {
      // The configuration in it is a view of what will be overwritten.
      const body = Buffer.from(bytes.subarray(start, end));
      this.listener.notification(id, Notification.read(new ByteReader(body)));
      return link.socket === socket;
    };
    const onData = (data: Buffer): void => {
      try {
        splitter.push(data, onFrame);
      } catch (error) {
        if (!(error instanceof MalformedBytesError)) throw error;
        this.log.warn({ peer: id, error: error.message }, "malformed message on the election port");
        socket.destroy();
      }
    };
    socket.on("data", onData);
    socket.on("close", () => {
      if (link.socket !== socket) return;
      link.socket = undefined;
      if (!this.closed) this.listener.peerDown(id);
    });
    const { unsent } = link;
    link.unsent = undefined;
    if (unsent !== undefined) this.write(socket, unsent);
    this.listener.peerUp(id);
    if (rest.length > 0) onData(rest);
  }
}
