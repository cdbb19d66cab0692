import { AssertionError, assert } from "../../base/assert.js";
import { randomBelow, randomFraction, SeededRandom } from "../../base/random.js";
import { CommandRunner } from "../../core/command-runner.js";
import { treeSource } from "../../core/database.js";
import { memorySource } from "../../core/log/byte-source.js";
import { decodeSnapshot } from "../../core/log/snapshot-format.js";
import { MemberCore } from "../../core/member-core.js";
import { ZAB_DEFAULTS, type ZabOptions } from "../../core/zab/options.js";
import { MajorityQuorum } from "../../core/zab/quorum-verifier.js";
import { ZabServer } from "../../core/zab/zab-server.js";
import { Arenas } from "./arenas.js";
import { CommittedHistory } from "./committed-history.js";
import { EventQueue } from "./event-queue.js";
import { LAST_STRIKES, Nemesis } from "./nemesis.js";
import { type ClientTotals, type ClientWorld, SimulatedClient } from "./simulated-client.js";
import { encoded, SimulatedDisk } from "./simulated-disk.js";
import { SimulatedNetwork } from "./simulated-network.js";
import { type ServerParts, type ServerWorld, SimulatedServer } from "./simulated-server.js";
import { Trace } from "./trace.js";
import { Violation } from "./violation.js";

/** What a simulation is made of; tests put mutants in their place. */
export interface SimulationParts extends ServerParts {
  createDisk(...args: ConstructorParameters<typeof SimulatedDisk>): SimulatedDisk;
  createHistory(...args: ConstructorParameters<typeof CommittedHistory>): CommittedHistory;
}

/**
 * `faults`: everything that may go wrong, and every promise has to hold. `stalls`: 50 ms of jitter and stalls of 500 ms with the
 * default time limits, and nobody may be given up.
 */
export type SimulationProfile = "faults" | "stalls";

export interface SimulationOptions {
  readonly profile?: SimulationProfile;
  /** How many servers vote; drawn from the seed where it is not given. */
  readonly servers?: number;
  /** How many of the last lines to keep for a reader; none unless given. */
  readonly traceLines?: number;
  readonly parts?: SimulationParts;
}

export interface Verdict {
  readonly seed: number;
  readonly servers: number;
  readonly observers: number;
  /** What was broken; undefined where every promise held. */
  readonly violation: string | undefined;
  /** When the run ended, in simulated milliseconds. */
  readonly endedAtMs: number;
  readonly events: number;
  readonly committed: number;
  readonly totals: Readonly<ClientTotals>;
  readonly trace: readonly string[];
}

export const REAL_PARTS: SimulationParts = {
  createMachine: (options, recovered, nowMs) => new ZabServer(options, recovered, nowMs),
  createCore: (...args) => new MemberCore(...args),
  createRunner: (...args) => new CommandRunner(...args),
  createDisk: (...args) => new SimulatedDisk(...args),
  createHistory: (...args) => new CommittedHistory(...args),
};

/** Faults go on for this long; then everything heals, and has to work again within the other. */
const SAFETY_PHASE_MS = 5_000;
const LIVENESS_PHASE_MS = 15_000;
const STALLS_PHASE_MS = 8_000;
/** Short time limits, so that much happens in little time. */
const HASTY = { tickTimeMs: 200, peerTimeoutMs: 300, notificationIntervalMaxMs: 2_000 } as const;
const TURN_MS_MAX = 0.3;
const LAST_STRIKE_MS = 2_000;
const CONVERGENCE_CHECK_MS = 20;
const CLIENTS = 4;
/** Servers have the numbers below. */
const FIRST_CLIENT = 100;
const SESSION_TIMEOUT_MS_MIN = 1_000;

/**
 * Runs one ensemble, its clients and its nemesis from a seed, in simulated time: the same seed gives the same run. First
 * faults, in which nothing that was promised may break; then none, and every server has to come to serve the same history.
 */
export function simulate(seed: number, options: SimulationOptions = {}): Verdict {
  return new Simulation(seed, options).run();
}

class Simulation {
  private readonly seed: number;
  private readonly profile: SimulationProfile;
  private readonly voters: number;
  private readonly random: SeededRandom;
  private readonly events = new EventQueue();
  private readonly trace: Trace;
  private readonly servers: SimulatedServer[];
  private readonly history: CommittedHistory;
  private readonly nemesis: Nemesis;
  private readonly totals: ClientTotals = {
    writesAcknowledged: 0,
    readsAnswered: 0,
    syncsAnswered: 0,
    events: 0,
    reconnects: 0,
    sessionsExpired: 0,
    outcomesUnknown: 0,
  };
  private readonly clients: SimulatedClient[] = [];
  private readonly arenas = new Arenas();
  private eventCount = 0;

  constructor(
    seed: number,
    { profile = "faults", servers: voters, traceLines = 0, parts = REAL_PARTS }: SimulationOptions,
  ) {
    this.seed = seed;
    this.profile = profile;
    const random = new SeededRandom(seed);
    this.random = random;
    this.voters = voters ?? (randomBelow(random, 4) === 0 ? 5 : 3);
    const observers = randomBelow(random, 4) === 0 ? 1 : 0;
    this.trace = new Trace(traceLines);
    const verifier = new MajorityQuorum(Array.from({ length: this.voters }, (_, index) => index + 1));
    const network = new SimulatedNetwork(this.events, new SeededRandom(seed, 1));
    this.history = parts.createHistory(verifier, (voter) => this.servers[voter - 1]!.disk.durableHistory);
    // An ensemble may hold servers that do not know the extension. A sync is linearizable only where all do.
    const mixed = randomBelow(random, 4) === 0;
    const windowEntriesMin = 2 + randomBelow(random, 30);
    const windowBytesMax = 2_000 + randomBelow(random, 20_000);
    // More than is written while any image goes out: who took longer than that would begin again for ever.
    const windowHeldBytesMax = 2 ** 20;
    const inFlightBytesMax = Math.min(1_000 + randomBelow(random, 4_000), windowBytesMax - 1);
    const { arenas, history, trace } = this;
    const serverWorld: ServerWorld = { network, history, trace, arenas, parts };
    const chunkBytes = 100 * 30 ** randomFraction(random);
    const chunkPauseMs = 0.2 * 400 ** randomFraction(random);
    this.servers = Array.from({ length: this.voters + observers }, (_, index) => {
      const zabOptions: ZabOptions = {
        ...ZAB_DEFAULTS,
        serverId: index + 1,
        verifier,
        configText: Buffer.from("version=0"),
        configVersion: 0,
        ...(profile === "faults" ? HASTY : {}),
        batched: profile === "stalls" || !(mixed && randomBelow(random, 2) === 0),
        ...(profile === "faults" ? { windowEntriesMin, windowBytesMax, windowHeldBytesMax, inFlightBytesMax } : {}),
      };
      const disk = parts.createDisk(this.events, new SeededRandom(seed, 100 + index), arenas);
      const snapshotTransactionsMax = 10 * 20 ** randomFraction(random);
      const habits = { turnMsMax: TURN_MS_MAX, snapshotTransactionsMax, chunkBytes, chunkPauseMs };
      return new SimulatedServer(zabOptions, disk, habits, new SeededRandom(seed, 300 + index), serverWorld);
    });
    for (const server of this.servers) server.peers = this.servers;
    const world: ClientWorld = {
      servers: this.servers,
      network,
      history: this.history,
      totals: this.totals,
      trace: this.trace,
    };
    for (let index = 0; index < CLIENTS; index++) {
      const syncShare = [0, 0.1, 0.5][randomBelow(random, 3)]!;
      this.clients.push(
        new SimulatedClient(FIRST_CLIENT + index, world, new SeededRandom(seed, 200 + index), {
          // From eager to idle, so that some epochs pass without a write.
          pauseMs: 20 * 100 ** randomFraction(random),
          // Whoever does not write is not held up by writes that a cut-off leader never commits.
          writeShare: index === 0 ? 0.5 : randomBelow(random, 3) === 0 ? 0 : (1 - syncShare) * randomFraction(random),
          syncShare,
          syncsByRound: !mixed,
          timeoutMs: (profile === "stalls" ? 4 : 1) * (SESSION_TIMEOUT_MS_MIN + randomBelow(random, 2_000)),
        }),
      );
    }
    const victims = { servers: this.servers, clients: this.clients, network };
    this.nemesis = new Nemesis(victims, new SeededRandom(seed, 2), this.trace);
  }

  run(): Verdict {
    let violation: string | undefined;
    try {
      this.runPhases();
    } catch (error) {
      violation = describe(error);
      this.trace.add(this.events.nowMs, "VIOLATED", violation);
    } finally {
      this.arenas.releaseAll();
    }
    return {
      seed: this.seed,
      servers: this.voters,
      observers: this.servers.length - this.voters,
      violation,
      endedAtMs: this.events.nowMs,
      events: this.eventCount,
      committed: this.history.entries.length,
      totals: this.totals,
      trace: this.trace.end(),
    };
  }

  private runPhases(): void {
    for (const server of this.servers) server.start();
    for (const client of this.clients) client.start();
    if (this.profile === "stalls") this.runStalls();
    else this.runFaults();
    this.clients[0]!.hurry();
    const acknowledged = this.totals.writesAcknowledged;
    // Writes have to go on first; then the clients fall silent, and the replicas have to become the same.
    const writesAgain = (): boolean =>
      this.totals.writesAcknowledged > acknowledged && this.servers.every((server) => server.serving);
    if (!this.runUntil(this.events.nowMs + LIVENESS_PHASE_MS, writesAgain)) throw new Violation(this.describeStall());
    for (const client of this.clients) client.stop();
    const converged = (): boolean =>
      this.servers.every((server) => server.serving && server.tree.lastZxid === this.history.lastZxid) &&
      this.history.model.openSessions.every((id) =>
        this.clients.some((client) => !client.dead && client.sessionId === id),
      );
    if (!this.runUntil(this.events.nowMs + LIVENESS_PHASE_MS, converged)) throw new Violation(this.describeStall());
    this.checkReplicas();
  }

  private runFaults(): void {
    this.nemesis.start();
    this.runUntil(SAFETY_PHASE_MS, () => false);
    this.nemesis.heal();
    this.strikeLast();
  }

  private runStalls(): void {
    this.runUntil(LIVENESS_PHASE_MS, () => this.servers.every((server) => server.serving));
    this.history.steadfast = true;
    this.nemesis.stall();
    this.runUntil(this.events.nowMs + STALLS_PHASE_MS, () => false);
    this.nemesis.heal();
    if (this.totals.sessionsExpired > 0) throw new Violation(`${this.totals.sessionsExpired} sessions have expired`);
  }

  private strikeLast(): void {
    const last = LAST_STRIKES[randomBelow(this.random, LAST_STRIKES.length + 1)];
    if (last === undefined) return;
    // An ensemble that does not come back here will be found out in the liveness phase.
    this.runUntil(this.events.nowMs + LAST_STRIKE_MS, () => this.servers.every((server) => server.serving));
    this.runUntil(this.events.nowMs + LAST_STRIKE_MS, this.nemesis.strikeLast(last));
    this.nemesis.heal();
  }

  /** Runs until `done`, looked at from time to time; false if the time comes first. */
  private runUntil(endMs: number, done: () => boolean): boolean {
    let checkAtMs = this.events.nowMs;
    while (this.events.runNext(endMs)) {
      this.eventCount++;
      if (this.events.nowMs < checkAtMs) continue;
      checkAtMs = this.events.nowMs + CONVERGENCE_CHECK_MS;
      if (done()) return true;
    }
    return done();
  }

  /** The replicas are the same: log, znodes with all that belongs to them, and sessions. Nothing is left over. */
  private checkReplicas(): void {
    const [first, ...others] = this.servers.map(({ core }) => databaseLines(core!));
    for (const { id, disk, tree } of this.servers) {
      assert(tree.count === this.history.entries.length, "replicas that ended at one zxid hold as many entries");
      this.history.shown(id, tree, tree.count);
      if (disk.imageCount > 0) throw new Violation(`server ${id} keeps images that nobody wants`);
    }
    for (const [index, lines] of others.entries()) {
      const own = lines.filter((line) => !first!.includes(line));
      const due = first!.filter((line) => !lines.includes(line));
      if (own.length + due.length > 0)
        throw new Violation(`server ${index + 2} holds ${own} where server 1 holds ${due}`);
    }
  }

  private describeStall(): string {
    const states = this.servers.map(
      ({ id, machine, serving, tree }) =>
        `${id} ${machine?.stateName ?? "down"}${serving ? "" : " (shut)"} at 0x${tree.lastZxid.toString(16)}`,
    );
    return `no convergence after everything healed: ${states.join(", ")}`;
  }
}

/** Everything that has to be the same in every server: the digest, each znode in a line, and each session. */
function databaseLines({ store, sessionTable, appliedZxid }: MemberCore): string[] {
  const lines = [`digest ${store.treeDigest}`];
  decodeSnapshot(memorySource(encoded(treeSource(store, sessionTable, () => appliedZxid))), {
    session: (id, timeoutMs) => lines.push(`session ${id} of ${timeoutMs} ms`),
    acl: () => {},
    load: (path, data, aclId, stat) => {
      const text = data === null ? null : Buffer.from(data).toString("latin1");
      const ephemeralOwner = String(stat.ephemeralOwner);
      lines.push(JSON.stringify({ path, data: text, acl: store.acls.get(aclId), ...stat, ephemeralOwner }));
    },
  });
  return lines;
}

/** Anything that is thrown is the finding of a seed; what nobody meant to throw is shown with its place. */
function describe(error: unknown): string {
  if (error instanceof Violation || error instanceof AssertionError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
