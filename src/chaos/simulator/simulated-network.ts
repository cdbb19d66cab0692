import { type RandomSource, randomFraction } from "../../base/random.js";
import type { EventQueue } from "./event-queue.js";

export type NodeId = number;

/** One direction of a link. */
export interface LinkHealth {
  blocked: boolean;
  delayMs: number;
  /** How much longer it may take at times. */
  jitterMs: number;
}

interface Letter {
  readonly atMs: number;
  readonly deliver: () => void;
}

/** One direction of a connection: what is sent arrives in order, or not at all once it is broken. */
export class Stream {
  readonly from: NodeId;
  readonly to: NodeId;
  private readonly network: SimulatedNetwork;
  private readonly letters: Letter[] = [];
  private lastMs = 0;
  private broken = false;

  constructor(network: SimulatedNetwork, from: NodeId, to: NodeId) {
    this.network = network;
    this.from = from;
    this.to = to;
  }

  send(deliver: () => void): void {
    if (this.broken) return;
    const { events } = this.network;
    const atMs = Math.max(events.nowMs + this.network.delayMs(this.from, this.to), this.lastMs);
    this.lastMs = atMs;
    this.letters.push({ atMs, deliver });
    events.at(atMs, () => this.pump());
  }

  /** Loses what is under way. */
  break(): void {
    this.broken = true;
    this.letters.length = 0;
  }

  /** Delivers what is due, unless the link is blocked; called again when it no longer is. */
  pump(): void {
    while (!this.broken && !this.network.isBlocked(this.from, this.to)) {
      const next = this.letters[0];
      if (next === undefined || next.atMs > this.network.events.nowMs) return;
      this.letters.shift();
      next.deliver();
    }
  }
}

const NODES_MAX = 1_000;

/** Links between nodes, each direction for itself: slow, blocked, or fine. */
export class SimulatedNetwork {
  readonly events: EventQueue;
  private readonly random: RandomSource;
  private readonly links = new Map<number, LinkHealth>();
  private readonly streams = new Set<Stream>();

  constructor(events: EventQueue, random: RandomSource) {
    this.events = events;
    this.random = random;
  }

  link(from: NodeId, to: NodeId): LinkHealth {
    const key = from * NODES_MAX + to;
    let link = this.links.get(key);
    if (link === undefined) {
      link = { blocked: false, delayMs: 0.3, jitterMs: 0 };
      this.links.set(key, link);
    }
    return link;
  }

  isBlocked(from: NodeId, to: NodeId): boolean {
    return this.link(from, to).blocked;
  }

  delayMs(from: NodeId, to: NodeId): number {
    const { delayMs, jitterMs } = this.link(from, to);
    const fraction = randomFraction(this.random);
    return delayMs * (0.5 + fraction) + (jitterMs === 0 ? 0 : jitterMs * randomFraction(this.random));
  }

  open(from: NodeId, to: NodeId): Stream {
    const stream = new Stream(this, from, to);
    this.streams.add(stream);
    return stream;
  }

  forget(stream: Stream): void {
    stream.break();
    this.streams.delete(stream);
  }

  /** A single message that is lost if its link is blocked. */
  send(from: NodeId, to: NodeId, deliver: () => void): void {
    if (this.isBlocked(from, to)) return;
    this.events.after(this.delayMs(from, to), deliver);
  }

  /** Lets what waited behind a block go on. */
  resume(): void {
    for (const stream of [...this.streams]) stream.pump();
  }
}
