import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import { epochOf, type Zxid } from "../../base/zxid.js";
import type { CommandRunner, CommandTarget, MemberStorage } from "../../core/command-runner.js";
import { contentOf, type LoadedDatabase } from "../../core/database.js";
import { EnsembleMember, type PendingSnapshot } from "../../core/ensemble-member.js";
import { encodeImage, encodeSnapshot } from "../../core/log/snapshot-format.js";
import { SnapshotPolicy } from "../../core/log/snapshot-policy.js";
import type { Broadcast, MemberCore } from "../../core/member-core.js";
import { ClientConnection } from "../../core/request/client-connection.js";
import type { ServiceOptions } from "../../core/service.js";
import { firstSessionId } from "../../core/session/session-id.js";
import type { Command, CommandBody, Transmission, ZabMessage } from "../../core/zab/effects.js";
import type { RecoveredState } from "../../core/zab/journal.js";
import type { ZabOptions } from "../../core/zab/options.js";
import type { ZabServer } from "../../core/zab/zab-server.js";
import { QUORUM } from "../../jute/quorum.js";
import type { Arenas } from "./arenas.js";
import type { ClientLink, LinkEnd } from "./client-link.js";
import type { CommittedHistory } from "./committed-history.js";
import { encoded, type SimulatedDisk } from "./simulated-disk.js";
import type { SimulatedNetwork } from "./simulated-network.js";
import { SimulatedQuorumPort } from "./simulated-quorum-port.js";
import { SimulatedTree } from "./simulated-tree.js";
import { describeCommand, describeTransmission, type Trace } from "./trace.js";

export interface ServerParts {
  createMachine(options: ZabOptions, recovered: RecoveredState, nowMs: number): ZabServer;
  createCore(...args: ConstructorParameters<typeof MemberCore>): MemberCore;
  createRunner(...args: ConstructorParameters<typeof CommandRunner>): CommandRunner;
}

/** Where a server is, and what its disk and its parts are made of. */
export interface ServerWorld {
  readonly network: SimulatedNetwork;
  readonly history: CommittedHistory;
  readonly trace: Trace;
  readonly arenas: Arenas;
  readonly parts: ServerParts;
}

/** How long a server's turns are, and how often it takes snapshots. */
export interface ServerHabits {
  /** The longest turn of its event loop, in milliseconds; every other has one message only, with 0 each. */
  readonly turnMsMax: number;
  readonly snapshotTransactionsMax: number;
  /** Of the pieces in which images and snapshots are made while the tree changes. */
  readonly chunkBytes: number;
  /** The mean pause between two pieces. */
  readonly chunkPauseMs: number;
}

/** What runs between a start and a crash. */
interface Process {
  readonly machine: ZabServer;
  readonly core: MemberCore;
  readonly runner: CommandRunner;
  readonly member: EnsembleMember;
  readonly snapshots: SnapshotPolicy;
  takingSnapshot: boolean;
}

const TICK_MS = 20;
/** Sessions are looked at this often for expiry. */
const EXPIRY_CHECKS_PER_TICK = 2;
/** How much of its log a server loads into memory when it starts. */
const RECENT_ENTRIES = 20;
const SESSION_TICKS_MIN = 2;
const SESSION_TICKS_MAX = 20;

/** A process: a real member of an ensemble on simulated disk and network, which can crash or pause. */
export class SimulatedServer implements LinkEnd {
  readonly id: number;
  readonly disk: SimulatedDisk;
  /** What the tree was made of. */
  tree = new SimulatedTree();
  /** The tree was loaded with something of transactions up to this one. */
  private shownZxid: Zxid = 0;
  serving = false;
  private process: Process | undefined;
  /** How fast its clock runs. */
  private clockRate = 1;
  private clockOffsetMs = 0;
  private clockReadMs = 0;
  /** Set while the process is stopped: what it would have heard. */
  private backlog: (() => void)[] | undefined;
  /** Messages were heard that the end of the turn has to follow. */
  private inTurn = false;
  private incarnation = 0;
  private readonly port: SimulatedQuorumPort;
  private readonly clients = new Map<ClientLink, ClientConnection>();
  private readonly linkOf = new Map<ClientConnection, ClientLink>();
  private readonly options: ZabOptions;
  private readonly habits: ServerHabits;
  private readonly world: ServerWorld;
  private readonly random: RandomSource;
  peers: readonly SimulatedServer[] = [];
  /** Called as a command is carried out: where the order of writes matters. */
  onCommand: ((kind: Command["kind"]) => void) | undefined;

  constructor(
    options: ZabOptions,
    disk: SimulatedDisk,
    habits: ServerHabits,
    random: RandomSource,
    world: ServerWorld,
  ) {
    this.id = options.serverId;
    this.options = options;
    this.disk = disk;
    this.habits = habits;
    this.random = random;
    this.world = world;
    const hear = (message: ZabMessage): void => this.step(message);
    const server = this;
    this.port = new SimulatedQuorumPort(
      {
        id: this.id,
        get running() {
          return server.running;
        },
        accepted: (connection) => hear({ kind: "accepted", connection }),
        connected: (connection) => hear({ kind: "connected", connection }),
        disconnected: (connection) => hear({ kind: "disconnected", connection }),
        packet: (connection, packet) => hear({ kind: "packet", connection, packet }),
        imageBytes: (connection, bytes) =>
          this.hear(({ member }) => {
            disk.imageBytes(connection, bytes);
            member.hear({ kind: "imageProgress", connection });
          }),
        imageTaken: (connection) => hear({ kind: "imageProgress", connection }),
        imageEnd: (connection, meaning) =>
          this.hear(({ member }) => {
            disk.imageEnded(connection, meaning);
            member.hear({ kind: "image", connection });
          }),
      },
      world.network,
    );
  }

  get machine(): ZabServer | undefined {
    return this.process?.machine;
  }

  get core(): MemberCore | undefined {
    return this.process?.core;
  }

  get votes(): boolean {
    return this.options.verifier.isVoter(this.id);
  }

  get running(): boolean {
    return this.process !== undefined;
  }

  get paused(): boolean {
    return this.backlog !== undefined;
  }

  private get clockMs(): number {
    // Rounding must not make it run backwards where its rate changes.
    const nowMs = this.world.network.events.nowMs * this.clockRate + this.clockOffsetMs;
    this.clockReadMs = Math.max(this.clockReadMs, nowMs);
    return this.clockReadMs;
  }

  /** From now on the clock runs at another rate, without a jump. */
  setClockRate(rate: number): void {
    const now = this.clockMs;
    this.clockRate = rate;
    this.clockOffsetMs = now - this.world.network.events.nowMs * rate;
  }

  start(): void {
    if (this.process !== undefined) return;
    const database = this.disk.recover(RECENT_ENTRIES);
    this.tree = this.disk.durableHistory;
    this.shownZxid = this.disk.shownZxid;
    this.incarnation++;
    this.process = this.createProcess(database);
    const { member } = this.process;
    this.disk.open({
      hear: (run) => this.hear(run),
      synced: (zxid) => this.process?.runner.synced(zxid),
      failed: () => this.crash(),
    });
    // A server begins with a snapshot of what it has recovered, and is heard of only then.
    const { source } = member.beginSnapshot();
    this.disk.addSnapshot({ bytes: encoded(source), history: this.tree, shownZxid: this.shownZxid });
    this.hear(() => member.start());
    this.scheduleTicks(this.incarnation);
    for (const peer of this.peers) {
      if (peer === this || !peer.running) continue;
      this.step({ kind: "peerUp", peer: peer.id });
      this.world.network.send(this.id, peer.id, () => peer.step({ kind: "peerUp", peer: this.id }));
    }
  }

  crash(): void {
    const { process, world } = this;
    if (process === undefined) return;
    this.note("crashes");
    this.process = undefined;
    this.incarnation++;
    this.serving = false;
    this.backlog = undefined;
    this.inTurn = false;
    for (const link of [...this.clients.keys()]) this.dropClient(link);
    this.disk.crash();
    this.port.crash();
    world.arenas.release(process.core.store);
    for (const peer of this.peers) {
      if (peer !== this) world.network.send(this.id, peer.id, () => peer.step({ kind: "peerDown", peer: this.id }));
    }
  }

  pause(): void {
    if (this.process === undefined || this.backlog !== undefined) return;
    this.note("is stopped");
    this.backlog = [];
  }

  /** What has come meanwhile is heard in one turn or in many, before or after the clock is looked at. */
  resume(): void {
    const { backlog } = this;
    if (backlog === undefined) return;
    this.note("goes on");
    this.backlog = undefined;
    const how = this.habits.turnMsMax === 0 ? 0 : randomBelow(this.random, 4);
    if (how >= 2) this.tick();
    for (const run of backlog) {
      run();
      if (how % 2 === 0) this.endTurn();
    }
  }

  /** Breaks the connections to `peer`, with the loss of what is under way; both hear of it. */
  loseConnections(peer: SimulatedServer): void {
    this.port.loseConnections(peer.port);
  }

  /** Takes a client's connection; false where there is nobody to take it. */
  accept(link: ClientLink): boolean {
    if (this.process === undefined) return false;
    const connection = new ClientConnection("127.0.0.1", 0, this.clockMs);
    this.clients.set(link, connection);
    this.linkOf.set(connection, link);
    this.process.core.connected(connection);
    return true;
  }

  receive(link: ClientLink, frame: Buffer): void {
    this.hear(({ core }) => {
      const connection = this.clients.get(link);
      if (connection !== undefined && !core.received(connection, frame, 0, frame.length)) this.dropClient(link);
    });
  }

  lost(link: ClientLink): void {
    this.hear(() => this.forget(link));
  }

  step(message: ZabMessage): void {
    this.hear(({ member }) => member.hear(message));
  }

  private createProcess(database: LoadedDatabase): Process {
    const { options, random, world, disk } = this;
    const { parts } = world;
    const { store, sessions, lastZxid, recent, baseZxid, snapshotZxid: floorZxid } = database;
    const { acceptedEpoch, currentEpoch } = disk.epochs;
    this.note(`starts: epochs ${acceptedEpoch}/${currentEpoch}, last zxid 0x${lastZxid.toString(16)}`);
    const now = this.clockMs;
    const recovered = { acceptedEpoch, currentEpoch, lastZxid, recent, baseZxid, floorZxid };
    const machine = parts.createMachine(options, recovered, now);
    const service: ServiceOptions = {
      tickTimeMs: options.tickTimeMs,
      minSessionTimeoutMs: options.tickTimeMs * SESSION_TICKS_MIN,
      maxSessionTimeoutMs: options.tickTimeMs * SESSION_TICKS_MAX,
      maxBufferBytes: 2 ** 20,
      extendedTypesEnabled: false,
      skipAcl: false,
      firstSessionId: firstSessionId(this.id, now),
      lastZxid,
      authenticate: () => undefined,
    };
    const core = parts.createCore(store, sessions, service, this.watched(machine), now, Math.floor(now));
    const runner = parts.createRunner(this.observedStorage(), this.observedTarget(core), lastZxid, (sequence) =>
      this.step({ kind: "stored", sequence }),
    );
    const member = new EnsembleMember(machine, core, runner, (transmission) => this.transmit(transmission));
    const snapshots = new SnapshotPolicy(this.habits.snapshotTransactionsMax, random);
    return { machine, core, runner, member, snapshots, takingSnapshot: false };
  }

  /** What is proposed is written down on its way. */
  private watched(machine: ZabServer): Broadcast {
    const { history, network } = this.world;
    return {
      get isServing() {
        return machine.isServing;
      },
      get nextZxid() {
        return machine.nextZxid;
      },
      propose: (entry) => {
        history.proposed(this.id, entry, network.events.nowMs);
        machine.propose(entry);
      },
      forward: (request) => machine.forward(request),
      sync: (request) => machine.sync(request),
      touch: (sessionId, timeoutMs) => machine.touch(sessionId, timeoutMs),
      revalidate: (sessionId, timeoutMs) => machine.revalidate(sessionId, timeoutMs),
      answerRevalidation: (connection, sessionId, valid) => machine.answerRevalidation(connection, sessionId, valid),
    };
  }

  private observedStorage(): MemberStorage {
    const { disk } = this;
    return {
      append: (entries) => {
        this.begins({ kind: "append", entries });
        disk.append(entries);
      },
      writeEpoch: (kind, epoch, done) => {
        this.begins({ kind, epoch });
        disk.writeEpoch(kind, epoch, done);
      },
      truncate: (zxid, reload, done) => {
        this.begins({ kind: "truncate", zxid });
        disk.truncate(zxid, reload, done);
      },
      install: (zxid, connection, done) => {
        this.begins({ kind: "install", zxid, connection });
        disk.install(zxid, connection, done);
      },
      dropImage: (connection) => disk.dropImage(connection),
    };
  }

  /** What clients may see is checked before they see it. */
  private observedTarget(core: MemberCore): CommandTarget {
    const { history, arenas } = this.world;
    return {
      get appliedZxid() {
        return core.appliedZxid;
      },
      apply: (entries) => {
        this.begins({ kind: "apply", entries });
        this.tree = this.tree.apply(entries);
        if (this.serving) history.shown(this.id, this.tree, entries.length);
        core.apply(entries);
      },
      load: (database) => {
        const { store } = core;
        this.tree = this.disk.durableHistory.through(database.lastZxid);
        this.shownZxid = this.disk.shownZxid;
        core.load(database);
        if (this.process?.takingSnapshot === false) arenas.release(store);
      },
      open: (role, leader, epoch) => {
        this.begins({ kind: "open", role, leader, epoch });
        this.serving = true;
        if (role === "leading") history.leads(this.id, epoch);
        history.opened(this.id, this.tree, this.shownZxid);
        core.open(role);
      },
      shut: () => {
        this.begins({ kind: "shut" });
        this.serving = false;
        history.gaveUp(this.id, this.process!.machine.lastReason);
        core.shut();
      },
    };
  }

  private begins(command: CommandBody): void {
    if (this.world.trace.enabled) this.note(describeCommand(command));
    this.onCommand?.(command.kind);
  }

  /** Lets the process hear something, which may begin a turn; later if it is stopped, never if it is gone. */
  private hear(run: (process: Process) => void): void {
    const { process, incarnation } = this;
    if (process === undefined) return;
    if (this.backlog !== undefined) {
      this.backlog.push(() => {
        if (incarnation === this.incarnation) this.hear(run);
      });
      return;
    }
    const begins = !this.inTurn;
    if (begins) {
      this.inTurn = true;
      process.member.advance(this.clockMs, Math.floor(this.clockMs));
    }
    run(process);
    if (begins) this.scheduleEndOfTurn(incarnation);
  }

  private scheduleEndOfTurn(incarnation: number): void {
    const { turnMsMax } = this.habits;
    if (turnMsMax === 0 || randomBelow(this.random, 2) === 0) {
      if (incarnation === this.incarnation) this.endTurn();
      return;
    }
    const end = (): void => {
      if (incarnation !== this.incarnation) return;
      if (this.backlog === undefined) this.endTurn();
      else this.backlog.push(end);
    };
    this.world.network.events.after(turnMsMax * randomFraction(this.random), end);
  }

  /** Carries out what the machine wants, then answers the clients. */
  private endTurn(): void {
    const { process } = this;
    if (process === undefined || !this.inTurn) return;
    const { core, member } = process;
    member.settle();
    this.answerClients(core);
    if (core.role !== undefined && !process.takingSnapshot && process.snapshots.isDue(core.transactionCount)) {
      this.takeSnapshot(process, member.beginSnapshot());
    }
    this.inTurn = false;
  }

  private scheduleTicks(incarnation: number): void {
    const { events } = this.world.network;
    const every = (intervalMs: number, tick: () => void): void => {
      events.after(intervalMs / this.clockRate, () => {
        if (incarnation !== this.incarnation) return;
        // A stopped process misses its ticks, it does not catch up on them.
        if (this.backlog === undefined) tick();
        every(intervalMs, tick);
      });
    };
    every(TICK_MS, () => this.hear(({ member }) => member.tick()));
    every(this.options.tickTimeMs / EXPIRY_CHECKS_PER_TICK, () => this.hear(({ core }) => core.tick()));
  }

  private tick(): void {
    this.hear(({ core, member }) => {
      member.tick();
      core.tick();
    });
  }

  private answerClients(core: MemberCore): void {
    for (const connection of core.takeDirty()) {
      const link = this.linkOf.get(connection);
      if (link === undefined) continue;
      if (connection.output.offset > 0) {
        link.respond(connection.output.copy());
        connection.output.reset();
      }
      if (connection.phase === "closing") this.dropClient(link);
    }
  }

  private dropClient(link: ClientLink): void {
    this.forget(link);
    link.closeByServer();
  }

  private forget(link: ClientLink): void {
    const connection = this.clients.get(link);
    if (connection === undefined) return;
    this.clients.delete(link);
    this.linkOf.delete(connection);
    this.process?.core.disconnected(connection);
  }

  /** Piece by piece, while the tree changes. */
  private takeSnapshot(process: Process, { zxid, source, confirm }: PendingSnapshot): void {
    const { disk, tree, incarnation } = this;
    const { events } = this.world.network;
    const chunks = encodeSnapshot(contentOf(source), this.habits.chunkBytes);
    const written: Buffer[] = [];
    const { store } = process.core;
    process.takingSnapshot = true;
    const goOn = (): void => {
      const next = chunks.next();
      if (next.done !== true) {
        written.push(Buffer.from(next.value));
        later();
        return;
      }
      const shownZxid = Math.max(this.shownZxid, process.core.appliedZxid);
      confirm((refusal) => {
        process.takingSnapshot = false;
        if (process.core.store !== store) this.world.arenas.release(store);
        if (refusal === undefined) disk.addSnapshot({ bytes: Buffer.concat(written), history: tree, shownZxid });
        else this.note(`drops a snapshot of 0x${zxid.toString(16)}: ${refusal}`);
      });
    };
    const later = (): void =>
      events.after(this.pauseMs(), () => {
        if (incarnation === this.incarnation) this.hear(goOn);
      });
    later();
  }

  private transmit(transmission: Transmission): void {
    if (this.world.trace.enabled) {
      this.note(describeTransmission(transmission, (connection) => this.port.peerOf(connection)));
    }
    const { history, network } = this.world;
    const { journal } = this.process!.machine;
    switch (transmission.kind) {
      case "notification": {
        const peer = this.peerOf(transmission.to);
        const { notification } = transmission;
        const { state, leader, zxid, peerEpoch: epoch } = notification;
        if (state === "looking" && this.options.verifier.isVoter(this.id) && leader >= 0) {
          const { currentEpoch, lastZxid } = journal;
          history.votes(this.id, { epoch: currentEpoch, zxid: lastZxid }, { epoch, zxid });
        }
        network.send(this.id, peer.id, () => peer.step({ kind: "notification", from: this.id, notification }));
        return;
      }
      case "connect":
        this.port.connect(transmission.connection, this.peerOf(transmission.to).port);
        return;
      case "close":
        this.port.drop(transmission.connection);
        return;
      case "packet": {
        const { packet } = transmission;
        if (packet.type === QUORUM.ackEpoch) history.accepts(this.id, journal.acceptedEpoch);
        if (packet.type === QUORUM.followerInfo) history.reports(this.id, epochOf(packet.zxid));
        this.port.send(transmission.connection, packet);
        return;
      }
      case "image": {
        const { core, member } = this.process!;
        const history = this.tree.through(transmission.zxid);
        this.port.sendImage(transmission.connection, {
          chunks: encodeImage(contentOf(member.source), this.habits.chunkBytes),
          meaning: () => ({ history, shownZxid: core.appliedZxid }),
          pauseMs: () => this.pauseMs(),
        });
        return;
      }
    }
  }

  private pauseMs(): number {
    return this.habits.chunkPauseMs * 2 * randomFraction(this.random);
  }

  private peerOf(id: number): SimulatedServer {
    return this.peers.find((peer) => peer.id === id)!;
  }

  private note(what: string): void {
    this.world.trace.add(this.world.network.events.nowMs, `server ${this.id}`, what);
  }
}
