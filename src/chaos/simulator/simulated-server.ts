import { epochOf } from "../../base/zxid.js";
import type { Command, LogEntry, Transmission, ZabMessage } from "../../core/zab/effects.js";
import type { RecoveredState } from "../../core/zab/journal.js";
import type { ZabOptions } from "../../core/zab/options.js";
import type { ZabServer } from "../../core/zab/zab-server.js";
import { QUORUM } from "../../jute/quorum.js";
import type { ClientLink, LinkEnd } from "./client-link.js";
import type { CommittedHistory } from "./committed-history.js";
import { type Replica, ReplicaConnection, type ReplicaHost } from "./replica.js";
import type { DiskCommand, SimulatedDisk } from "./simulated-disk.js";
import type { SimulatedNetwork, Stream } from "./simulated-network.js";
import { SimulatedTree } from "./simulated-tree.js";
import { describeCommand, describeTransmission, type Trace } from "./trace.js";

/** One end of a connection between two servers. */
interface Socket {
  readonly peer: SimulatedServer;
  readonly out: Stream;
  /** The number of the other end, over there. */
  readonly peerConnection: number;
}

export interface ServerParts {
  createMachine(options: ZabOptions, recovered: RecoveredState, nowMs: number): ZabServer;
  createReplica(host: ReplicaHost): Replica;
}

/** A process: it carries out the effects of one state machine on simulated disk and network, and can crash or pause. */
export class SimulatedServer implements LinkEnd {
  readonly id: number;
  readonly disk: SimulatedDisk;
  machine: ZabServer | undefined;
  replica: Replica | undefined;
  /** What the replica has applied. */
  tree = new SimulatedTree();
  serving = false;
  /** How fast its clock runs. */
  private clockRate = 1;
  private clockOffsetMs = 0;
  private clockReadMs = 0;
  /** Set while the process is stopped: what it would have heard. */
  private backlog: (() => void)[] | undefined;
  private incarnation = 0;
  /** The tree is not what the replica has applied and more. */
  private reload = true;
  private readonly sockets = new Map<number, Socket>();
  private readonly images = new Map<number, SimulatedTree>();
  private nextConnection = 0;
  private readonly clients = new Map<ClientLink, ReplicaConnection>();
  private readonly linkOf = new Map<ReplicaConnection, ClientLink>();
  private readonly options: ZabOptions;
  private readonly network: SimulatedNetwork;
  private readonly history: CommittedHistory;
  private readonly trace: Trace;
  private readonly parts: ServerParts;
  peers: readonly SimulatedServer[] = [];
  /** Called as a command is given to the disk, or to the tree: where the order of writes matters. */
  onCommand: ((kind: Command["kind"]) => void) | undefined;

  constructor(
    options: ZabOptions,
    disk: SimulatedDisk,
    network: SimulatedNetwork,
    history: CommittedHistory,
    trace: Trace,
    parts: ServerParts,
  ) {
    this.id = options.serverId;
    this.options = options;
    this.disk = disk;
    this.network = network;
    this.history = history;
    this.trace = trace;
    this.parts = parts;
  }

  get votes(): boolean {
    return this.options.verifier.isVoter(this.id);
  }

  get running(): boolean {
    return this.machine !== undefined;
  }

  get paused(): boolean {
    return this.backlog !== undefined;
  }

  private get clockMs(): number {
    // Rounding must not make it run backwards where its rate changes.
    this.clockReadMs = Math.max(this.clockReadMs, this.network.events.nowMs * this.clockRate + this.clockOffsetMs);
    return this.clockReadMs;
  }

  /** From now on the clock runs at another rate, without a jump. */
  setClockRate(rate: number): void {
    const now = this.clockMs;
    this.clockRate = rate;
    this.clockOffsetMs = now - this.network.events.nowMs * rate;
  }

  start(): void {
    if (this.machine !== undefined) return;
    const { state, tree } = this.disk.recover(RECENT_ENTRIES);
    this.tree = tree;
    this.incarnation++;
    this.note(
      `starts: epochs ${state.acceptedEpoch}/${state.currentEpoch}, last zxid 0x${state.lastZxid.toString(16)}`,
    );
    this.machine = this.parts.createMachine(this.options, state, this.clockMs);
    this.replica = this.parts.createReplica(this.replicaHost(this.machine));
    this.reload = true;
    this.machine.start();
    this.settle();
    this.scheduleTick(this.incarnation);
    for (const peer of this.peers) {
      if (peer === this || !peer.running) continue;
      this.step({ kind: "peerUp", peer: peer.id });
      this.network.send(this.id, peer.id, () => peer.step({ kind: "peerUp", peer: this.id }));
    }
  }

  crash(): void {
    if (this.machine === undefined) return;
    this.note("crashes");
    this.machine = undefined;
    this.replica = undefined;
    this.serving = false;
    this.backlog = undefined;
    for (const link of [...this.clients.keys()]) this.dropClient(link);
    this.disk.crash();
    for (const connection of [...this.sockets.keys()]) this.hangUp(connection);
    for (const peer of this.peers) {
      if (peer !== this) this.network.send(this.id, peer.id, () => peer.step({ kind: "peerDown", peer: this.id }));
    }
  }

  pause(): void {
    if (this.machine === undefined || this.backlog !== undefined) return;
    this.note("is stopped");
    this.backlog = [];
  }

  resume(): void {
    const { backlog } = this;
    if (backlog === undefined) return;
    this.note("goes on");
    this.backlog = undefined;
    for (const run of backlog) run();
  }

  /** Breaks the connections to `peer`, with the loss of what is under way; both hear of it. */
  loseConnections(peer: SimulatedServer): void {
    for (const [connection, socket] of [...this.sockets]) {
      if (socket.peer !== peer) continue;
      this.network.forget(socket.out);
      const other = peer.sockets.get(socket.peerConnection);
      if (other !== undefined) this.network.forget(other.out);
      this.sockets.delete(connection);
      peer.sockets.delete(socket.peerConnection);
      this.step({ kind: "disconnected", connection });
      peer.step({ kind: "disconnected", connection: socket.peerConnection });
    }
  }

  /** Takes a client's connection; false where this server serves nobody. */
  accept(link: ClientLink): boolean {
    if (this.machine === undefined || !this.serving) return false;
    const connection = new ReplicaConnection("127.0.0.1", 0, 0);
    this.clients.set(link, connection);
    this.linkOf.set(connection, link);
    this.replica!.connected(connection);
    return true;
  }

  receive(link: ClientLink, frame: Buffer): void {
    this.hear(() => {
      const connection = this.clients.get(link);
      if (connection === undefined) return;
      this.machine!.advance(this.clockMs);
      if (!this.machine!.isServing || !this.replica!.received(connection, frame)) this.dropClient(link);
    });
  }

  lost(link: ClientLink): void {
    this.hear(() => {
      const connection = this.clients.get(link);
      if (connection === undefined) return;
      this.clients.delete(link);
      this.linkOf.delete(connection);
      this.replica!.disconnected(connection);
    });
  }

  private dropClient(link: ClientLink): void {
    const connection = this.clients.get(link);
    if (connection === undefined) return;
    this.clients.delete(link);
    this.linkOf.delete(connection);
    this.replica?.disconnected(connection);
    link.closeByServer();
  }

  private replicaHost(machine: ZabServer): ReplicaHost {
    const server = this;
    return {
      serverId: this.id,
      machine,
      get clockMs() {
        return server.clockMs;
      },
      proposed: (entry) => this.history.proposed(entry, this.network.events.nowMs),
    };
  }

  step(message: ZabMessage): void {
    this.hear(() => {
      this.machine!.advance(this.clockMs);
      this.machine!.step(message);
    });
  }

  /** Lets the process do something and carries out what comes of it; later if it is stopped, never if it is gone. */
  private hear(run: () => void): void {
    if (this.machine === undefined) return;
    const { incarnation } = this;
    if (this.backlog !== undefined) {
      this.backlog.push(() => {
        if (incarnation === this.incarnation) this.hear(run);
      });
      return;
    }
    run();
    this.settle();
  }

  private scheduleTick(incarnation: number): void {
    this.network.events.after(TICK_MS / this.clockRate, () => {
      if (incarnation !== this.incarnation || this.machine === undefined) return;
      // A stopped process misses its ticks, it does not catch up on them.
      if (this.backlog === undefined) {
        this.hear(() => {
          this.machine!.advance(this.clockMs);
          this.machine!.tick();
          if (this.machine!.isServing && this.serving) this.replica!.tick();
        });
      }
      this.scheduleTick(incarnation);
    });
  }

  /** Carries out what the machine wants until it wants nothing more, then answers the clients. */
  private settle(): void {
    for (;;) {
      const { machine, replica } = this;
      if (machine === undefined || replica === undefined) return;
      const effects = machine.takeEffects();
      this.carryOut(effects.commands);
      for (const transmission of effects.transmissions) this.transmit(transmission);
      replica.syncsDone(effects.syncsDone);
      for (const event of effects.sessionEvents) replica.sessionEvent(event);
      for (const request of effects.requests) replica.decide(request, request.connection);
      this.answerClients(replica);
      if (effects.requests.length === 0 && effects.sessionEvents.length === 0 && effects.commands.length === 0) return;
    }
  }

  private answerClients(replica: Replica): void {
    for (const connection of replica.takeDirty()) {
      const link = this.linkOf.get(connection);
      if (link === undefined) continue;
      if (connection.output.offset > 0) {
        link.respond(connection.output.copy());
        connection.output.reset();
      }
      if (connection.phase === "closing") this.dropClient(link);
    }
  }

  private carryOut(commands: readonly Command[]): void {
    if (commands.length === 0) return;
    const resolved: DiskCommand[] = [];
    for (const command of commands) {
      if (this.trace.enabled) this.note(describeCommand(command));
      this.onCommand?.(command.kind);
      resolved.push(command.kind === "install" ? { ...command, image: this.images.get(command.connection)! } : command);
      this.changeTree(command);
    }
    const { incarnation } = this;
    this.disk.submit(
      resolved,
      (sequence) => {
        if (incarnation === this.incarnation) this.step({ kind: "stored", sequence });
      },
      () => this.crash(),
    );
  }

  private changeTree(command: Command): void {
    switch (command.kind) {
      case "apply":
        this.apply(command.entries);
        return;
      case "truncate":
        this.replace(this.tree.through(command.zxid));
        return;
      case "install":
        this.replace(this.images.get(command.connection)!);
        this.images.delete(command.connection);
        return;
      case "open":
        this.serving = true;
        if (command.role === "leading") this.history.leads(this.id, command.epoch);
        this.history.shown(this.id, this.tree, this.tree.count);
        this.replica!.open(command.role, this.tree, this.reload);
        this.reload = false;
        return;
      case "shut":
        this.serving = false;
        this.history.gaveUp(this.id, this.machine!.lastReason);
        this.replica!.shut();
        for (const link of [...this.clients.keys()]) this.dropClient(link);
        return;
      default:
        return;
    }
  }

  /** What clients may see is checked before they see it. */
  private apply(entries: readonly LogEntry[]): void {
    this.tree = this.tree.apply(entries);
    if (this.serving) this.history.shown(this.id, this.tree, entries.length);
    if (this.serving) for (const entry of entries) this.replica!.apply(entry);
  }

  private replace(tree: SimulatedTree): void {
    if (tree === this.tree) return;
    this.tree = tree;
    this.reload = true;
  }

  private transmit(transmission: Transmission): void {
    if (this.trace.enabled) {
      this.note(describeTransmission(transmission, (connection) => this.sockets.get(connection)?.peer.id));
    }
    switch (transmission.kind) {
      case "notification": {
        const peer = this.peerOf(transmission.to);
        const { notification } = transmission;
        const { state, leader, zxid, peerEpoch: epoch } = notification;
        if (state === "looking" && this.options.verifier.isVoter(this.id) && leader >= 0) {
          const { currentEpoch, lastZxid } = this.machine!.journal;
          this.history.votes(this.id, { epoch: currentEpoch, zxid: lastZxid }, { epoch, zxid });
        }
        this.network.send(this.id, peer.id, () => peer.step({ kind: "notification", from: this.id, notification }));
        return;
      }
      case "connect":
        this.connect(transmission.connection, this.peerOf(transmission.to));
        return;
      case "close":
        this.hangUp(transmission.connection);
        return;
      case "packet": {
        const { packet } = transmission;
        if (packet.type === QUORUM.ackEpoch) this.history.accepts(this.id, this.machine!.journal.acceptedEpoch);
        if (packet.type === QUORUM.followerInfo) this.history.reports(this.id, epochOf(packet.zxid));
        this.deliver(transmission.connection, (peer, connection) => peer.step({ kind: "packet", connection, packet }));
        return;
      }
      case "image": {
        const { tree } = this;
        this.deliver(transmission.connection, (peer, connection) => peer.receiveImage(connection, tree));
        return;
      }
    }
  }

  private receiveImage(connection: number, image: SimulatedTree): void {
    this.hear(() => {
      this.images.set(connection, image);
      this.machine!.advance(this.clockMs);
      this.machine!.step({ kind: "image", connection });
    });
  }

  private connect(connection: number, peer: SimulatedServer): void {
    const { incarnation } = this;
    const refused = (): void => {
      if (incarnation === this.incarnation) this.step({ kind: "disconnected", connection });
    };
    const blocked = this.network.isBlocked(this.id, peer.id) || this.network.isBlocked(peer.id, this.id);
    this.network.events.after(blocked ? CONNECT_TIMEOUT_MS : this.network.delayMs(this.id, peer.id), () => {
      if (incarnation !== this.incarnation) return;
      if (blocked || peer.machine === undefined) {
        refused();
        return;
      }
      const peerConnection = peer.nextConnection++;
      this.sockets.set(connection, { peer, out: this.network.open(this.id, peer.id), peerConnection });
      peer.sockets.set(peerConnection, {
        peer: this,
        out: this.network.open(peer.id, this.id),
        peerConnection: connection,
      });
      peer.step({ kind: "accepted", connection: peerConnection });
      this.step({ kind: "connected", connection });
    });
  }

  private deliver(connection: number, run: (peer: SimulatedServer, connection: number) => void): void {
    const socket = this.sockets.get(connection);
    if (socket === undefined) return;
    const { peer, peerConnection } = socket;
    socket.out.send(() => {
      if (peer.sockets.get(peerConnection)?.peer === this) run(peer, peerConnection);
    });
  }

  /** Closes this end; the other one hears of it after what was sent before. */
  private hangUp(connection: number): void {
    const socket = this.sockets.get(connection);
    if (socket === undefined) return;
    const { peer, peerConnection, out } = socket;
    this.sockets.delete(connection);
    this.images.delete(connection);
    out.send(() => {
      this.network.forget(out);
      const other = peer.sockets.get(peerConnection);
      if (other === undefined) return;
      this.network.forget(other.out);
      peer.sockets.delete(peerConnection);
      peer.step({ kind: "disconnected", connection: peerConnection });
    });
  }

  private peerOf(id: number): SimulatedServer {
    return this.peers.find((peer) => peer.id === id)!;
  }

  private note(what: string): void {
    this.trace.add(this.network.events.nowMs, `server ${this.id}`, what);
  }
}

const TICK_MS = 20;
const CONNECT_TIMEOUT_MS = 200;
/** How much of its log a server loads into memory when it starts. */
const RECENT_ENTRIES = 20;
