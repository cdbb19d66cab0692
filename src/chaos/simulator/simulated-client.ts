import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import type { CommittedHistory } from "./committed-history.js";
import type { EventQueue } from "./event-queue.js";
import type { SimulatedServer } from "./simulated-server.js";
import { Violation } from "./violation.js";

/** How long a client waits for an answer before it takes the outcome for unknown and goes to another server. */
const PATIENCE_MS = 1_500;

/** What all clients were told, and what they did not hear back of. */
export interface ClientTotals {
  writesAcknowledged: number;
  syncsAnswered: number;
  outcomesUnknown: number;
}

/** Writes and syncs, a few at a time, at one server until that does not answer; then at another. */
export class SimulatedClient {
  readonly sessionId: bigint;
  private readonly servers: readonly SimulatedServer[];
  private readonly events: EventQueue;
  private readonly random: RandomSource;
  private readonly history: CommittedHistory;
  private readonly totals: ClientTotals;
  private server: SimulatedServer;
  private cxid = 0;
  private readonly pauseMs: number;
  /** How many of its operations are syncs. */
  private readonly syncShare: number;
  private stopped = false;

  constructor(
    sessionId: bigint,
    servers: readonly SimulatedServer[],
    events: EventQueue,
    random: RandomSource,
    history: CommittedHistory,
    totals: ClientTotals,
    syncShare: number,
  ) {
    this.sessionId = sessionId;
    this.servers = servers;
    this.events = events;
    this.random = random;
    this.history = history;
    this.totals = totals;
    this.syncShare = syncShare;
    this.server = servers[randomBelow(random, servers.length)]!;
    // From eager to idle, so that some epochs pass without a write.
    this.pauseMs = 20 * 100 ** randomFraction(random);
  }

  start(): void {
    this.events.after(this.pauseMs * randomFraction(this.random), () => this.act());
  }

  stop(): void {
    this.stopped = true;
  }

  private act(): void {
    if (this.stopped) return;
    const burst = 1 + (randomBelow(this.random, 4) === 0 ? randomBelow(this.random, 8) : 0);
    let accepted = false;
    for (let count = 0; count < burst; count++) {
      accepted = randomFraction(this.random) < this.syncShare ? this.sync() : this.write();
      if (!accepted) break;
    }
    if (!accepted) this.server = this.servers[randomBelow(this.random, this.servers.length)]!;
    this.events.after(this.pauseMs * (0.5 + randomFraction(this.random)), () => this.act());
  }

  private write(): boolean {
    let answered = false;
    const { server } = this;
    const waiter = {
      sessionId: this.sessionId,
      cxid: ++this.cxid,
      done: () => {
        answered = true;
        this.totals.writesAcknowledged++;
      },
    };
    const accepted = server.write(waiter, randomBelow(this.random, 48));
    if (accepted) this.giveUpUnless(() => answered);
    return accepted;
  }

  /** A sync that is answered proves that its server shows every write that was acknowledged before it was asked for. */
  private sync(): boolean {
    let answered = false;
    const { server } = this;
    const shownBefore = this.history.lastZxid;
    const waiter = {
      sessionId: this.sessionId,
      cxid: ++this.cxid,
      done: () => {
        answered = true;
        this.totals.syncsAnswered++;
        if (server.tree.lastZxid < shownBefore) {
          const shows = `0x${server.tree.lastZxid.toString(16)}`;
          throw new Violation(`server ${server.id} answered a sync at ${shows}, after 0x${shownBefore.toString(16)}`);
        }
      },
    };
    const accepted = server.sync(waiter);
    if (accepted) this.giveUpUnless(() => answered);
    return accepted;
  }

  private giveUpUnless(answered: () => boolean): void {
    const { server } = this;
    this.events.after(PATIENCE_MS, () => {
      if (answered()) return;
      this.totals.outcomesUnknown++;
      if (this.server === server) this.server = this.servers[randomBelow(this.random, this.servers.length)]!;
    });
  }
}
