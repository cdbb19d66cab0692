import { connect, createServer, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ByteWriter, MalformedBytesError } from "../../base/bytes.js";
import type { ConnectionId } from "../../core/zab/effects.js";
import { QUORUM, QuorumPacket, type QuorumType, writeQuorumPacket } from "../../jute/quorum.js";
import { QuorumStreamDecoder } from "../../jute/quorum-stream.js";
import type { ServerSpecification } from "../configuration/server-line.js";
import { listenOn } from "../listen.js";
import type { Logger } from "../log.js";
import { Strangers } from "./strangers.js";

export interface QuorumListener {
  accepted(connection: ConnectionId): void;
  connected(connection: ConnectionId): void;
  disconnected(connection: ConnectionId): void;
  /** Byte fields are the receiver's. */
  packet(connection: ConnectionId, packet: QuorumPacket): void;
  /** A piece of an image, valid during the call. */
  imageBytes(connection: ConnectionId, bytes: Buffer): void;
  imageEnd(connection: ConnectionId): void;
  /** The other side has taken a piece of an image. */
  imageTaken(connection: ConnectionId): void;
}

const FIRST_PACKET_MS = 5_000;
/** It says who is there, in a few dozen bytes. */
const FIRST_PACKET_BYTES_MAX = 4_096;
/** For what was sent before a connection was dropped, such as a reason for the other side to go, to get out. */
const FAREWELL_MS = 1_000;
/** What a learner's packet may have beside a client's request: the client's ids, or all the sessions that were heard of. */
const LEARNER_OVERHEAD_BYTES = 16 * 2 ** 20;
/**
 * A transaction may be far larger than its request: one close deletes every ephemeral of a session, each part of a multi
 * gets an ACL list. Once proposed it stands in the leader's log, so whoever could not read it could never follow again.
 */
const LEADER_PACKET_BYTES_MAX = 2 ** 30;

const WRITER_BYTES = 4_096;
/** More than that, as when a learner is synchronized, is handed to the socket as it is, and not kept for the next time. */
const WRITER_KEPT_BYTES_MAX = 2 ** 20;

/** One end of a connection between a leader and a learner. */
interface Peer {
  readonly socket: Socket;
  writer: ByteWriter;
  /** An image is being sent; what is written meanwhile goes behind it. */
  sendingImage: boolean;
  dirty: boolean;
}

/** The connections between a leader and its learners: packets, and images of the tree. */
export class QuorumPort {
  private readonly own: ServerSpecification;
  private readonly requestBytesMax: number;
  private readonly listener: QuorumListener;
  private readonly log: Logger;
  private readonly server = createServer({ noDelay: true }, (socket) => this.accept(socket));
  private readonly peers = new Map<ConnectionId, Peer>();
  /** Dropped, and not closed yet: they would hold up the end of the server, and keep what their peers do not read. */
  private readonly leaving = new Set<Socket>();
  private readonly strangers = new Strangers();
  private dirty: Peer[] = [];
  private nextAccepted: ConnectionId = 0;

  constructor(own: ServerSpecification, requestBytesMax: number, listener: QuorumListener, log: Logger) {
    this.own = own;
    this.requestBytesMax = requestBytesMax;
    this.listener = listener;
    this.log = log;
  }

  /** Throws UserError `portInUse`. */
  async listen(): Promise<void> {
    await listenOn(this.server, { host: this.own.host, port: this.own.quorumPort, key: `server.${this.own.id}` });
  }

  connect(connection: ConnectionId, to: ServerSpecification): void {
    const socket = connect({ host: to.host, port: to.quorumPort, noDelay: true });
    socket.on("connect", () => {
      if (this.peers.get(connection)?.socket === socket) this.listener.connected(connection);
    });
    this.attach(connection, socket, new QuorumStreamDecoder(LEADER_PACKET_BYTES_MAX));
  }

  /** Leaves with the next `flush`. */
  send(connection: ConnectionId, packet: QuorumPacket): void {
    const peer = this.peers.get(connection);
    if (peer === undefined) return;
    if (packet.authinfo === null) {
      writeQuorumPacket(peer.writer, packet.type as QuorumType, packet.zxid, packet.data);
    } else {
      QuorumPacket.write(peer.writer, packet);
    }
    this.markDirty(peer);
  }

  /** Goes out piece by piece as the socket takes it; packets sent meanwhile follow it. */
  sendImage(connection: ConnectionId, image: Iterable<Buffer> | AsyncIterable<Buffer>): void {
    const peer = this.peers.get(connection);
    if (peer === undefined) return;
    this.flushPeer(peer);
    peer.sendingImage = true;
    this.pumpImage(connection, peer, image).catch((error: unknown) => {
      this.log.error({ error: String(error) }, "an image of the tree could not be sent");
      peer.socket.destroy();
    });
  }

  /** Drops what is unsent. Not answered by `disconnected`. */
  drop(connection: ConnectionId): void {
    const peer = this.peers.get(connection);
    if (peer === undefined) return;
    this.peers.delete(connection);
    const { socket } = peer;
    this.leaving.add(socket);
    const farewell = setTimeout(() => socket.destroy(), FAREWELL_MS);
    socket.once("close", () => {
      clearTimeout(farewell);
      this.leaving.delete(socket);
    });
    socket.destroySoon();
  }

  flush(): void {
    if (this.dirty.length === 0) return;
    const { dirty } = this;
    this.dirty = [];
    for (const peer of dirty) {
      peer.dirty = false;
      if (!peer.sendingImage) this.flushPeer(peer);
    }
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const { socket } of this.peers.values()) socket.destroy();
    for (const socket of this.leaving) socket.destroy();
    this.peers.clear();
    await ended;
  }

  private accept(socket: Socket): void {
    const connection = this.nextAccepted++;
    // Whoever connects and does not say who it is would be kept for good.
    const introduction = setTimeout(() => socket.destroy(), FIRST_PACKET_MS);
    const introduced = (): void => {
      clearTimeout(introduction);
      this.strangers.delete(socket);
    };
    this.strangers.add(socket);
    socket.once("close", introduced);
    const lengthMax = this.requestBytesMax + LEARNER_OVERHEAD_BYTES;
    const decoder = new QuorumStreamDecoder(lengthMax);
    decoder.lengthMax = FIRST_PACKET_BYTES_MAX;
    this.attach(connection, socket, decoder, ({ type }) => {
      introduced();
      decoder.lengthMax = lengthMax;
      // Images come from leaders, whom this side connects to; a stranger's would be written to disk as long as it sends.
      return type !== QUORUM.snap;
    });
    this.listener.accepted(connection);
  }

  private attach(
    connection: ConnectionId,
    socket: Socket,
    decoder: QuorumStreamDecoder,
    isWelcome: (packet: QuorumPacket) => boolean = () => true,
  ): void {
    const peer: Peer = { socket, writer: new ByteWriter(WRITER_BYTES), sendingImage: false, dirty: false };
    this.peers.set(connection, peer);
    const isCurrent = (): boolean => this.peers.get(connection) === peer;
    const sink = {
      packet: (packet: QuorumPacket): boolean => {
        if (!isWelcome(packet)) {
          this.log.warn({ address: socket.remoteAddress, type: packet.type }, "unwelcome packet on the quorum port");
          socket.destroy();
          return false;
        }
        const data = packet.data === null ? null : Buffer.from(packet.data);
        this.listener.packet(connection, { ...packet, data });
        return isCurrent();
      },
      image: (bytes: Buffer, start: number, end: number): void => {
        this.listener.imageBytes(connection, bytes.subarray(start, end));
      },
      imageEnd: (): void => this.listener.imageEnd(connection),
    };
    socket.on("data", (data) => {
      if (!isCurrent()) return;
      try {
        decoder.push(data, sink);
      } catch (error) {
        if (!(error instanceof MalformedBytesError)) throw error;
        this.log.warn({ address: socket.remoteAddress, error: error.message }, "malformed packet on the quorum port");
        socket.destroy();
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!isCurrent()) return;
      this.peers.delete(connection);
      this.listener.disconnected(connection);
    });
  }

  private markDirty(peer: Peer): void {
    if (peer.dirty) return;
    peer.dirty = true;
    this.dirty.push(peer);
  }

  private flushPeer(peer: Peer): void {
    const { socket, writer } = peer;
    if (writer.offset === 0) return;
    if (writer.offset > WRITER_KEPT_BYTES_MAX) {
      if (socket.writable) socket.write(writer.view());
      peer.writer = new ByteWriter(WRITER_BYTES);
      return;
    }
    if (socket.writable) socket.write(writer.copy());
    writer.reset();
  }

  /** A piece each time the socket has taken the one before. */
  private async pumpImage(
    connection: ConnectionId,
    peer: Peer,
    image: Iterable<Buffer> | AsyncIterable<Buffer>,
  ): Promise<void> {
    const { socket } = peer;
    for await (const chunk of image) {
      if (this.peers.get(connection) !== peer) return;
      if (!socket.write(Buffer.from(chunk))) await drained(socket);
      if (this.peers.get(connection) === peer) this.listener.imageTaken(connection);
    }
    peer.sendingImage = false;
    this.flushPeer(peer);
  }
}

/** In a turn of the event loop of its own: a peer that takes everything at once would leave no time for the others. */
async function drained(socket: Socket): Promise<void> {
  await nextTurn();
  if (!socket.writableNeedDrain || socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
