import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import type { EventQueue } from "./event-queue.js";
import type { SimulatedClient } from "./simulated-client.js";
import type { SimulatedNetwork } from "./simulated-network.js";
import type { SimulatedServer } from "./simulated-server.js";
import type { Trace } from "./trace.js";
import { CLOCK_RATE_MAX, CLOCK_RATE_MIN } from "./tree-model.js";

const FAULT_MS_MIN = 4;
const FAULT_MS_MAX = 2_000;
const STALL_JITTER_MS = 50;
const STALL_MS = 500;
/** What an ambush waits for. */
const MOMENTS = ["acceptedEpoch", "currentEpoch", "currentEpoch", "open", "truncate", "install", "append"] as const;

const FREEZE_AFTER_MS = 150;
/** Longer than it takes the others to agree on a leader. */
const FREEZE_MS_MIN = 700;

const RUSH_PAUSE_MS = 8;

export const LAST_STRIKES = ["power", "depose", "freeze", "leaveBehind", "outpace"] as const;

export type LastStrike = (typeof LAST_STRIKES)[number];

/** A fault that begins now; what it returns ends it. */
type Fault = () => () => void;

/** Whom the nemesis may harm. */
export interface Victims {
  readonly servers: readonly SimulatedServer[];
  readonly clients: readonly SimulatedClient[];
  readonly network: SimulatedNetwork;
}

/** Makes faults, several at a time, until it is told to stop; then everything heals. */
export class Nemesis {
  private readonly servers: readonly SimulatedServer[];
  private readonly clients: readonly SimulatedClient[];
  private readonly network: SimulatedNetwork;
  private readonly events: EventQueue;
  private readonly random: RandomSource;
  private readonly trace: Trace;
  /** The mean pause between two faults: some runs are calm, some wild. */
  private readonly pauseMs: number;
  private readonly faults: readonly Fault[];
  private readonly active = new Set<() => void>();
  private stopped = false;
  private healings = 0;

  constructor({ servers, clients, network }: Victims, random: RandomSource, trace: Trace) {
    this.servers = servers;
    this.clients = clients;
    this.network = network;
    this.events = network.events;
    this.random = random;
    this.trace = trace;
    this.pauseMs = 50 * 2 ** randomBelow(random, 6);
    const all: readonly Fault[] = [
      () => this.crash(),
      () => this.crashAll(),
      () => this.ambush(),
      () => this.ambush(),
      () => this.rotate(),
      () => this.rotate(),
      () => this.pause(),
      () => this.freeze(),
      () => this.partition(),
      () => this.isolate(),
      () => this.ring(),
      () => this.bridge(),
      () => this.oneWay(),
      () => this.slowLink(),
      () => this.jitter(),
      () => this.loseConnection(),
      () => this.slowDisk(),
      () => this.failDisk(),
      () => this.skewClock(),
      () => this.cutClient(),
      () => this.silenceClient(),
    ];
    // Each run draws on some faults only, so that one kind does not always hide what another would show.
    const oneIn = 2 + randomBelow(random, 3);
    this.faults = all.filter(() => randomBelow(random, oneIn) > 0);
  }

  start(): void {
    for (const server of this.servers) {
      server.disk.health.syncMs = 0.3 * 60 ** randomFraction(this.random);
    }
    if (randomBelow(this.random, 2) === 0) for (const server of this.servers) server.setClockRate(this.clockRate());
    if (this.faults.length > 0) this.plan();
  }

  /** Slow, and nothing else: every message up to 50 ms late, and now and then one process, or one disk, stalls for 500 ms. */
  stall(): void {
    this.jitterBy(STALL_JITTER_MS);
    const next = (): void => {
      if (this.stopped) return;
      const server = this.one();
      if (randomBelow(this.random, 2) === 0) {
        this.events.after(STALL_MS, this.stop(server));
      } else {
        server.disk.health.syncMs = STALL_MS;
        this.events.after(STALL_MS, () => {
          server.disk.health.syncMs = 1;
        });
      }
      // Two stalls in a row would be a longer one to whoever waits for both.
      this.events.after(2 * STALL_MS + 2 * STALL_MS * randomFraction(this.random), next);
    };
    this.events.after(2 * STALL_MS, next);
  }

  /** Ends every fault. */
  heal(): void {
    this.stopped = true;
    this.healings++;
    // What goes on as a fault ends is no occasion for the next one.
    for (const server of this.servers) server.onCommand = undefined;
    for (const end of [...this.active]) end();
    this.active.clear();
    for (const server of this.servers) {
      server.resume();
      server.setClockRate(1);
      server.start();
    }
    this.note("everything is healed");
  }

  /** One last harm to an ensemble that was healthy, for what random faults seldom bring about. Returns whether it is over. */
  strikeLast(how: LastStrike): () => boolean {
    const { leader } = this;
    if (how === "power" || leader === undefined) {
      this.powerCut();
      return () => true;
    }
    if (how === "depose") return this.depose(leader);
    if (how === "outpace") return this.outpace(leader);
    return how === "freeze" ? this.freezeLeader(leader) : this.leaveBehind(leader);
  }

  /** The leader is cut off with whatever its clients still write, and power is cut as soon as the next one serves. */
  private depose(leader: SimulatedServer): () => boolean {
    let over = false;
    let opened = false;
    this.active.add(this.cut(leader));
    for (const server of this.servers) {
      server.onCommand = (kind) => {
        if (kind !== "open" || server === leader || opened) return;
        opened = true;
        this.unlessHealed(5 * randomFraction(this.random), () => {
          this.powerCut();
          over = true;
        });
      };
    }
    return () => over;
  }

  /** The leader stops, and goes on later as if nothing had happened, asked by clients that wait there, while another leads. */
  private freezeLeader(leader: SimulatedServer): () => boolean {
    let over = false;
    const waiting = this.clients.slice(1, 3);
    for (const client of waiting) client.postAt(leader);
    this.unlessHealed(FREEZE_AFTER_MS, () => {
      this.active.add(this.cut(leader));
      const resume = this.stop(leader);
      this.unlessHealed(FREEZE_MS_MIN + 500 * randomFraction(this.random), () => {
        resume();
        for (const client of waiting) client.postAt(undefined);
        over = true;
      });
    });
    return () => over;
  }

  /**
   * As many as the ensemble can do without miss some writes, and are then all that the leader can find for its next epoch; they
   * crash as they enter it, and have to go on without that leader (the schedule of ZOOKEEPER-4643).
   */
  private leaveBehind(leader: SimulatedServer): () => boolean {
    let over = false;
    const voters = this.servers.filter(({ votes }) => votes);
    const behind = voters.filter((server) => server !== leader).slice(0, Math.floor(voters.length / 2));
    const reconnect = this.block((from, to) => behind.includes(from) !== behind.includes(to));
    this.active.add(reconnect);
    this.unlessHealed(100 + 300 * randomFraction(this.random), () => {
      this.powerCut();
      reconnect();
      let left = behind.length;
      for (const server of behind) {
        server.disk.health.syncMs = 20;
        server.onCommand = (kind) => {
          if (kind === "currentEpoch") this.unlessHealed(0, () => crash(server));
        };
        server.start();
      }
      leader.start();
      const crash = (server: SimulatedServer): void => {
        server.onCommand = undefined;
        server.crash();
        if (--left > 0) return;
        leader.crash();
        for (const other of this.servers) if (other !== leader) other.start();
        this.unlessHealed(1_000, () => {
          over = true;
        });
      };
    });
    return () => over;
  }

  /** One is away while the others write more than the leader remembers, and gets an image of a tree that goes on changing. */
  private outpace(leader: SimulatedServer): () => boolean {
    const others = this.servers.filter((server) => server !== leader);
    const behind = others[randomBelow(this.random, others.length)]!;
    const lastZxid = behind.disk.durableHistory.lastZxid;
    behind.crash();
    for (const client of this.clients) client.rush(RUSH_PAUSE_MS);
    this.active.add(() => {
      for (const client of this.clients) client.calm();
    });
    const isForgotten = (): boolean => (leader.machine?.journal.window.baseZxid ?? 0) > lastZxid;
    return () => {
      if (isForgotten()) behind.start();
      return behind.serving;
    };
  }

  /** A last harm whose time came while it was still to strike is over: nobody would start again whom it crashed then. */
  private unlessHealed(delayMs: number, harm: () => void): void {
    const { healings } = this;
    this.events.after(delayMs, () => {
      if (this.healings === healings) harm();
    });
  }

  private powerCut(): void {
    this.note("power is cut");
    for (const server of this.servers) server.crash();
  }

  private plan(): void {
    this.events.after(this.pauseMs * 2 * randomFraction(this.random), () => this.strike());
  }

  private strike(): void {
    if (this.stopped) return;
    this.inflict(this.faults[randomBelow(this.random, this.faults.length)]!);
    this.plan();
  }

  /** Short faults are as likely as long ones. */
  private inflict(fault: Fault): void {
    const end = fault();
    const endOnce = (): void => {
      if (this.active.delete(endOnce)) end();
    };
    this.active.add(endOnce);
    this.events.after(FAULT_MS_MIN * (FAULT_MS_MAX / FAULT_MS_MIN) ** randomFraction(this.random), endOnce);
  }

  private clockRate(): number {
    return CLOCK_RATE_MIN + (CLOCK_RATE_MAX - CLOCK_RATE_MIN) * randomFraction(this.random);
  }

  private get leader(): SimulatedServer | undefined {
    return this.servers.find((server) => server.serving && server.machine?.stateName === "leading");
  }

  /** The leader more often than others, since that is where it hurts. */
  private one(): SimulatedServer {
    const { leader } = this;
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

  /** Waits for a server to come to a moment where the order of writes matters, and strikes then. */
  private ambush(): () => void {
    const moment = MOMENTS[randomBelow(this.random, MOMENTS.length)]!;
    const whom = randomBelow(this.random, 4);
    let left = 1 + randomBelow(this.random, 3);
    this.note(`an ambush on ${moment}`);
    for (const server of this.servers) {
      server.onCommand = (kind) => {
        if (kind !== moment || left === 0 || randomBelow(this.random, 2) === 0) return;
        left--;
        const withinMs = 2 * server.disk.health.syncMs * randomFraction(this.random) ** 2;
        this.events.after(withinMs, () => this.spring(server, whom));
      };
    }
    return () => {
      for (const server of this.servers) server.onCommand = undefined;
    };
  }

  private spring(server: SimulatedServer, whom: number): void {
    if (this.stopped) return;
    const { leader } = this;
    const elected = this.servers.find(({ machine }) => machine?.stateName === "leading");
    if (whom === 0) {
      this.inflict(() => this.crashAll());
      return;
    }
    this.crashShortly(server);
    if (whom === 1) return;
    // Who was left out has to make a quorum with whom was struck.
    const other = leader ?? elected;
    if (other === undefined || other === server) return;
    if (whom === 2) this.inflict(() => this.cut(other));
    else this.crashShortly(other);
  }

  private crashShortly(server: SimulatedServer): void {
    server.crash();
    this.events.after(2 + 300 * randomFraction(this.random) ** 2, () => server.start());
  }

  /** Each in turn is taken out as the one before comes back, so that every quorum has a member that missed something. */
  private rotate(): () => void {
    const stepMs = 20 * 40 ** randomFraction(this.random);
    const how = randomBelow(this.random, 3);
    let restore = (): void => undefined;
    let ended = false;
    let last: SimulatedServer | undefined;
    const step = (): void => {
      if (ended) return;
      const others = this.servers.filter((server) => server !== last);
      const { leader } = this;
      const victim =
        leader !== undefined && leader !== last && randomBelow(this.random, 2) === 0
          ? leader
          : others[randomBelow(this.random, others.length)]!;
      restore();
      last = victim;
      if (how === 0) {
        victim.crash();
        restore = () => victim.start();
      } else {
        restore = how === 1 ? this.cut(victim) : this.stop(victim);
      }
      this.events.after(stepMs * (0.5 + randomFraction(this.random)), step);
    };
    this.note("each in turn is taken out");
    step();
    return () => {
      ended = true;
      restore();
    };
  }

  private pause(): () => void {
    return this.stop(this.one());
  }

  private stop(server: SimulatedServer): () => void {
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
    return this.cut(this.one());
  }

  private cut(server: SimulatedServer): () => void {
    this.note(`server ${server.id} is cut off`);
    return this.block((from, to) => from === server || to === server);
  }

  /** Every server reaches its two neighbours only. */
  private ring(): () => void {
    const count = this.servers.length;
    const gap = (from: SimulatedServer, to: SimulatedServer): number => (from.id - to.id + count) % count;
    this.note("a ring");
    return this.block((from, to) => gap(from, to) !== 1 && gap(from, to) !== count - 1);
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

  private jitter(): () => void {
    return this.jitterBy(10 * 8 ** randomFraction(this.random));
  }

  private jitterBy(jitterMs: number): () => void {
    const links = this.servers.flatMap((from) => this.servers.map((to) => this.network.link(from.id, to.id)));
    this.note(`messages take up to ${jitterMs.toFixed(0)} ms longer`);
    for (const link of links) link.jitterMs = jitterMs;
    return () => {
      for (const link of links) link.jitterMs = 0;
    };
  }

  private cutClient(): () => void {
    const client = this.clients[randomBelow(this.random, this.clients.length)]!;
    const server = this.one();
    this.note(`client ${client.id} and server ${server.id} do not reach each other`);
    const links = [this.network.link(client.id, server.id), this.network.link(server.id, client.id)];
    for (const link of links) link.blocked = true;
    return () => {
      for (const link of links) link.blocked = false;
      this.network.resume();
    };
  }

  /** The first client stays, so that there are writes to the end. */
  private silenceClient(): () => void {
    const client = this.clients[1 + randomBelow(this.random, this.clients.length - 1)]!;
    const silent = this.clients.filter(({ dead }) => dead).length;
    if (!client.dead && silent * 2 < this.clients.length) client.die();
    return () => undefined;
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
    server.setClockRate(this.clockRate());
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
