import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import { epochOf, type Zxid } from "../../base/zxid.js";
import type { CommandRunner, CommandTarget } from "../../core/command-runner.js";
import { contentOf, type LoadedDatabase } from "../../core/database.js";
import { EnsembleMember, type PendingSnapshot } from "../../core/ensemble-member.js";
import { encodeImage, encodeSnapshot } from "../../core/log/snapshot-format.js";
import { SnapshotPolicy } from "../../core/log/snapshot-policy.js";
import type { MemberCore } from "../../core/member-core.js";
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
import { observedBroadcast, observedStorage } from "./observed.js";
import { SimulatedClientPort } from "./simulated-client-port.js";
import { SimulatedClock } from "./simulated-clock.js";
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
  readonly clients: SimulatedClientPort;
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
  private readonly clock: SimulatedClock;
  /** Set while the process is stopped: what it would have heard. */
  private backlog: (() => void)[] | undefined;
  /** Messages were heard that the end of the turn has to follow. */
  private inTurn = false;
  private incarnation = 0;
  private readonly port: SimulatedQuorumPort;
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
    this.clock = new SimulatedClock(world.network.events);
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

  /** From now on its clock runs at another rate. */
  setClockRate(rate: number): void {
    this.clock.rate = rate;
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
    process.clients.crash();
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
    this.process.clients.accept(link, this.clock.nowMs);
    return true;
  }

  receive(link: ClientLink, frame: Buffer): void {
    this.hear(({ clients }) => clients.receive(link, frame));
  }

  lost(link: ClientLink): void {
    this.hear(({ clients }) => clients.forget(link));
  }

  step(message: ZabMessage): void {
    this.hear(({ member }) => member.hear(message));
  }

  private createProcess(database: LoadedDatabase): Process {
    const { options, random, world, disk } = this;
    const { parts } = world;
    const { store, sessions, lastZxid, recent, baseZxid, floorZxid } = database;
    const { acceptedEpoch, currentEpoch } = disk.epochs;
    this.note(`starts: epochs ${acceptedEpoch}/${currentEpoch}, last zxid 0x${lastZxid.toString(16)}`);
    const now = this.clock.nowMs;
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
    // What is proposed is written down on its way.
    const broadcast = observedBroadcast(machine, (entry) =>
      world.history.proposed(this.id, entry, world.network.events.nowMs),
    );
    const storage = observedStorage(disk, (command) => this.begins(command));
    const core = parts.createCore(store, sessions, service, broadcast, now, Math.floor(now));
    const runner = parts.createRunner(storage, this.observedTarget(core), lastZxid, (sequence) =>
      this.step({ kind: "stored", sequence }),
    );
    const member = new EnsembleMember(machine, core, runner, (transmission) => this.transmit(transmission));
    const snapshots = new SnapshotPolicy(this.habits.snapshotTransactionsMax, random);
    const clients = new SimulatedClientPort(core);
    return { machine, core, runner, member, clients, snapshots, takingSnapshot: false };
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
      process.member.advance(this.clock.nowMs, Math.floor(this.clock.nowMs));
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
    process.clients.flush();
    if (core.role !== undefined && !process.takingSnapshot && process.snapshots.isDue(core.transactionCount)) {
      this.takeSnapshot(process, member.beginSnapshot());
    }
    this.inTurn = false;
  }

  private scheduleTicks(incarnation: number): void {
    const { events } = this.world.network;
    const every = (intervalMs: number, tick: () => void): void => {
      events.after(intervalMs / this.clock.rate, () => {
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
