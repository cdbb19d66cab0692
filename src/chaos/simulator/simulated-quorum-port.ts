import type { ConnectionId } from "../../core/zab/effects.js";
import type { ServerId } from "../../core/zab/quorum-verifier.js";
import type { QuorumPacket } from "../../jute/quorum.js";
import type { SnapshotMeaning } from "./simulated-disk.js";
import type { SimulatedNetwork, Stream } from "./simulated-network.js";

/** What a server does with what comes over its connections to others. */
export interface QuorumPortUser {
  readonly id: ServerId;
  /** The process is there, though it may be stopped. */
  readonly running: boolean;
  accepted(connection: ConnectionId): void;
  connected(connection: ConnectionId): void;
  disconnected(connection: ConnectionId): void;
  packet(connection: ConnectionId, packet: QuorumPacket): void;
  imageBytes(connection: ConnectionId, bytes: Buffer): void;
  /** The other side has taken a piece of the image. */
  imageTaken(connection: ConnectionId): void;
  imageEnd(connection: ConnectionId, meaning: SnapshotMeaning): void;
}

/** An image while it is made. */
export interface OutgoingImage {
  readonly chunks: Iterator<Buffer>;
  /** Asked for once the last chunk was made. */
  meaning(): SnapshotMeaning;
  /** Until the next chunk is made. */
  pauseMs(): number;
}

/** One end of a connection between two servers. */
interface Socket {
  readonly connection: ConnectionId;
  readonly peer: SimulatedQuorumPort;
  readonly out: Stream;
  /** The number of the other end, over there. */
  readonly peerConnection: ConnectionId;
  /** What waits for the image to be sent; undefined while none is. */
  behindImage: (() => void)[] | undefined;
}

const CONNECT_TIMEOUT_MS = 200;

/** The connections between a leader and its learners: packets, and images of the tree while it changes. */
export class SimulatedQuorumPort {
  private readonly user: QuorumPortUser;
  private readonly network: SimulatedNetwork;
  private readonly sockets = new Map<ConnectionId, Socket>();
  private nextAccepted: ConnectionId = 0;
  /** Distinguishes the connections of a process that is gone. */
  private incarnation = 0;

  constructor(user: QuorumPortUser, network: SimulatedNetwork) {
    this.user = user;
    this.network = network;
  }

  peerOf(connection: ConnectionId): ServerId | undefined {
    return this.sockets.get(connection)?.peer.user.id;
  }

  connect(connection: ConnectionId, peer: SimulatedQuorumPort): void {
    const { incarnation, network, user } = this;
    const [from, to] = [user.id, peer.user.id];
    const blocked = network.isBlocked(from, to) || network.isBlocked(to, from);
    network.events.after(blocked ? CONNECT_TIMEOUT_MS : network.delayMs(from, to), () => {
      if (incarnation !== this.incarnation) return;
      if (blocked || !peer.user.running) {
        user.disconnected(connection);
        return;
      }
      const accepted = peer.nextAccepted++;
      this.attach(connection, peer, accepted);
      peer.attach(accepted, this, connection);
      peer.user.accepted(accepted);
      user.connected(connection);
    });
  }

  send(connection: ConnectionId, packet: QuorumPacket): void {
    this.deliver(connection, (user, there) => user.packet(there, packet));
  }

  /** Goes out piece by piece, each made on the way; packets sent meanwhile follow it. */
  sendImage(connection: ConnectionId, { chunks, meaning, pauseMs }: OutgoingImage): void {
    const socket = this.sockets.get(connection);
    if (socket === undefined) return;
    const behind: (() => void)[] = [];
    socket.behindImage = behind;
    const pump = (): void => {
      if (this.sockets.get(connection) !== socket) return;
      const next = chunks.next();
      if (next.done !== true) {
        const bytes = Buffer.from(next.value);
        this.write(socket, (user, there) => user.imageBytes(there, bytes));
        this.network.events.after(pauseMs(), () => {
          if (this.sockets.get(connection) === socket) this.user.imageTaken(connection);
          pump();
        });
        return;
      }
      const whole = meaning();
      this.write(socket, (user, there) => user.imageEnd(there, whole));
      socket.behindImage = undefined;
      for (const send of behind) send();
    };
    pump();
  }

  /** Closes this end; the other one hears of it after what was sent before. */
  drop(connection: ConnectionId): void {
    const socket = this.sockets.get(connection);
    if (socket === undefined) return;
    const { peer, peerConnection, out } = socket;
    this.sockets.delete(connection);
    out.send(() => {
      this.network.forget(out);
      if (this.isJoined(socket)) peer.detach(peerConnection);
    });
  }

  /** The process is gone. */
  crash(): void {
    this.incarnation++;
    for (const connection of [...this.sockets.keys()]) this.drop(connection);
  }

  /** Breaks the connections to `peer`, with the loss of what is under way; both hear of it. */
  loseConnections(peer: SimulatedQuorumPort): void {
    for (const [connection, socket] of [...this.sockets]) {
      if (socket.peer !== peer) continue;
      const joined = this.isJoined(socket);
      this.detach(connection);
      if (joined) peer.detach(socket.peerConnection);
    }
  }

  private attach(connection: ConnectionId, peer: SimulatedQuorumPort, peerConnection: ConnectionId): void {
    const out = this.network.open(this.user.id, peer.user.id);
    this.sockets.set(connection, { connection, peer, out, peerConnection, behindImage: undefined });
  }

  private detach(connection: ConnectionId): void {
    const socket = this.sockets.get(connection);
    if (socket === undefined) return;
    this.network.forget(socket.out);
    this.sockets.delete(connection);
    this.user.disconnected(connection);
  }

  private deliver(connection: ConnectionId, run: (user: QuorumPortUser, connection: ConnectionId) => void): void {
    const socket = this.sockets.get(connection);
    if (socket === undefined) return;
    if (socket.behindImage === undefined) this.write(socket, run);
    else socket.behindImage.push(() => this.write(socket, run));
  }

  private write(socket: Socket, run: (user: QuorumPortUser, there: ConnectionId) => void): void {
    const { peer, peerConnection, out } = socket;
    out.send(() => {
      if (this.isJoined(socket)) run(peer.user, peerConnection);
    });
  }

  /**
   * Whether the other end is still that of this connection: a process that began again counts its connections from the
   * start, and what was sent to the one before is not for it.
   */
  private isJoined({ connection, peer, peerConnection }: Socket): boolean {
    const there = peer.sockets.get(peerConnection);
    return there?.peer === this && there.peerConnection === connection;
  }
}
