import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import type { EventQueue } from "./event-queue.js";
import type { SimulatedNetwork } from "./simulated-network.js";
import type { SimulatedServer } from "./simulated-server.js";
import type { Trace } from "./trace.js";

const FAULT_MS_MIN = 4;
const FAULT_MS_MAX = 3_000;
const CLOCK_RATE_MIN = 0.6;
/** From the slowest to the fastest clock. */
const CLOCK_RATES = 0.8;

/** A fault that begins now; what it returns ends it. */
type Fault = () => () => void;

/** Makes faults, several at a time, until it is told to stop; then everything heals. */
export class Nemesis {
  private readonly servers: readonly SimulatedServer[];
  private readonly network: SimulatedNetwork;
  private readonly events: EventQueue;
  private readonly random: RandomSource;
  private readonly trace: Trace;
  /** The mean pause between two faults: some runs are calm, some wild. */
  private readonly pauseMs: number;
  private readonly faults: readonly Fault[];
  private readonly active = new Set<() => void>();
  private stopped = false;

  constructor(
    servers: readonly SimulatedServer[],
    network: SimulatedNetwork,
    events: EventQueue,
    random: RandomSource,
    trace: Trace,
  ) {
    this.servers = servers;
    this.network = network;
    this.events = events;
    this.random = random;
    this.trace = trace;
    this.pauseMs = 50 * 2 ** randomBelow(random, 6);
    const all: readonly Fault[] = [
      () => this.crash(),
      () => this.crash(),
      () => this.crashAll(),
      () => this.ambush(),
      () => this.pause(),
      () => this.freeze(),
      () => this.partition(),
      () => this.isolate(),
      () => this.bridge(),
      () => this.oneWay(),
      () => this.slowLink(),
      () => this.loseConnection(),
      () => this.slowDisk(),
      () => this.failDisk(),
      () => this.skewClock(),
    ];
    // Each run draws on some faults only, so that one kind does not always hide what another would show.
    this.faults = all.filter(() => randomBelow(random, 3) > 0);
  }

  start(): void {
    if (randomBelow(this.random, 2) === 0) {
      for (const server of this.servers)
        server.setClockRate(CLOCK_RATE_MIN + CLOCK_RATES * randomFraction(this.random));
    }
    if (this.faults.length > 0) this.plan();
  }

  private plan(): void {
    this.events.after(this.pauseMs * 2 * randomFraction(this.random), () => this.strike());
  }

  heal(): void {
    this.stopped = true;
    for (const end of [...this.active]) end();
    for (const server of this.servers) {
      server.resume();
      server.start();
    }
    this.note("everything is healed");
  }

  private strike(): void {
    if (this.stopped) return;
    const end = this.faults[randomBelow(this.random, this.faults.length)]!();
    const endOnce = (): void => {
      if (this.active.delete(endOnce)) end();
    };
    this.active.add(endOnce);
    // Short faults are as likely as long ones.
    const durationMs = FAULT_MS_MIN * (FAULT_MS_MAX / FAULT_MS_MIN) ** randomFraction(this.random);
    this.events.after(durationMs, endOnce);
    this.plan();
  }

  /** The leader more often than others, since that is where it hurts. */
  private one(): SimulatedServer {
    const leader = this.servers.find((server) => server.serving && server.machine?.stateName === "leading");
    if (leader !== undefined && randomBelow(this.random, 3) === 0) return leader;
    return this.servers[randomBelow(this.random, this.servers.length)]!;
  }

  private crash(): () => void {
    const server = this.one();
    server.crash();
    return () => server.start();
  }

  private crashAll(): () => void {
    for (const server of this.servers) server.crash();
    return () => {
      const withinMs = 10 * 100 ** randomFraction(this.random);
      for (const server of this.servers)
        this.events.after(withinMs * randomFraction(this.random), () => server.start());
    };
  }

  /** Crashes servers around the moment at which they enter or accept an epoch, where the order of writes matters. */
  private ambush(): () => void {
    this.note("an ambush on whoever writes an epoch");
    for (const server of this.servers) {
      server.onEpoch = () => {
        if (randomBelow(this.random, 3) > 0) return;
        this.events.after(5 * randomFraction(this.random), () => server.crash());
        this.events.after(5 + 200 * randomFraction(this.random) ** 2, () => server.start());
      };
    }
    return () => {
      for (const server of this.servers) server.onEpoch = undefined;
    };
  }

  private pause(): () => void {
    const server = this.one();
    server.pause();
    return () => server.resume();
  }

  /** Cut off and stopped; it goes on before it can be reached, and does not know what it missed. */
  private freeze(): () => void {
    const server = this.one();
    this.note(`server ${server.id} is cut off`);
    const reconnect = this.block((from, to) => from === server || to === server);
    server.pause();
    return () => {
      server.resume();
      this.events.after(200 * randomFraction(this.random), reconnect);
    };
  }

  private partition(): () => void {
    const sides = new Map(this.servers.map((server) => [server, randomBelow(this.random, 2)]));
    this.note(`a partition: ${[...sides].map(([server, side]) => `${server.id}${side ? "|" : ""}`).join(" ")}`);
    return this.block((from, to) => sides.get(from) !== sides.get(to));
  }

  private isolate(): () => void {
    const server = this.one();
    this.note(`server ${server.id} is cut off`);
    return this.block((from, to) => from === server || to === server);
  }

  /** Two sides that share one server. */
  private bridge(): () => void {
    const middle = this.one();
    const sides = new Map(this.servers.map((server) => [server, randomBelow(this.random, 2)]));
    this.note(`a bridge over server ${middle.id}`);
    return this.block((from, to) => from !== middle && to !== middle && sides.get(from) !== sides.get(to));
  }

  private oneWay(): () => void {
    const deaf = this.one();
    const mute = this.one();
    this.note(`nothing goes from ${mute.id} to ${deaf.id}`);
    return this.block((from, to) => from === mute && to === deaf);
  }

  private slowLink(): () => void {
    const from = this.one();
    const to = this.one();
    const link = this.network.link(from.id, to.id);
    const before = link.delayMs;
    link.delayMs = 10 ** (1.5 * randomFraction(this.random)) * 5;
    this.note(`from ${from.id} to ${to.id} takes ${link.delayMs.toFixed(0)} ms`);
    return () => {
      link.delayMs = Math.min(before, link.delayMs);
    };
  }

  private loseConnection(): () => void {
    const from = this.one();
    const to = this.one();
    this.note(`connections between ${from.id} and ${to.id} break`);
    from.loseConnections(to);
    return () => undefined;
  }

  private slowDisk(): () => void {
    const { health } = this.one().disk;
    const before = health.syncMs;
    health.syncMs = 10 ** (2.5 * randomFraction(this.random));
    return () => {
      health.syncMs = Math.min(before, health.syncMs);
    };
  }

  private failDisk(): () => void {
    const server = this.one();
    this.note(`the disk of server ${server.id} fails`);
    server.disk.health.failing = true;
    return () => {
      server.disk.health.failing = false;
      server.start();
    };
  }

  private skewClock(): () => void {
    const server = this.one();
    server.setClockRate(CLOCK_RATE_MIN + CLOCK_RATES * randomFraction(this.random));
    return () => server.setClockRate(1);
  }

  /** Blocks the links that `isCut` names, in the direction it names them; those that were blocked before stay so. */
  private block(isCut: (from: SimulatedServer, to: SimulatedServer) => boolean): () => void {
    const cut: [SimulatedServer, SimulatedServer][] = [];
    const refuses = randomBelow(this.random, 2) === 0;
    for (const from of this.servers) {
      for (const to of this.servers) {
        if (from === to || !isCut(from, to) || this.network.isBlocked(from.id, to.id)) continue;
        this.network.link(from.id, to.id).blocked = true;
        cut.push([from, to]);
        // Some networks drop packets silently, some refuse at once.
        if (refuses) to.step({ kind: "peerDown", peer: from.id });
      }
    }
    return () => {
      for (const [from, to] of cut) this.network.link(from.id, to.id).blocked = false;
      for (const [from, to] of cut) if (from.running) to.step({ kind: "peerUp", peer: from.id });
      this.network.resume();
    };
  }

  private note(what: string): void {
    this.trace.add(this.events.nowMs, "nemesis", what);
  }
}
