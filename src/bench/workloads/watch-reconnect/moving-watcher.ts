import { assert } from "../../../base/assert.js";
import type { MovingWatchSession } from "../../../targets/driver.js";
import { monotonicMicros, nowMicros } from "../../load/clock.js";
import { failureName } from "../../load/failure.js";
import type { Tally } from "../../load/tally.js";
import type { WatchReconnectWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { endedEarly, saysSessionOver } from "../early-loss.js";
import { flushed } from "../flushed.js";
import { openStageSession } from "../stage-session.js";
import { ownKeys, phasesOf, ReconnectWords } from "./reconnect-words.js";

interface Telling {
  order: number;
  atMicros: number;
}

/**
 * Watches its values, loses its connection when all others do, and comes back with all of its watches. Checks: it is told
 * of every change that was made while it was away, unasked (missed-changes); what it is told of a value never goes back
 * (watch-order); and its session is the one it had (sessions-resumed). What it was not told of by the end of the round is
 * lost where its session is promised to know of it, see `flushed`; else it may be late.
 */
export class MovingWatcher implements Actor {
  private readonly stage: Stage;
  private readonly workload: WatchReconnectWorkload;
  private readonly words: ReconnectWords;
  private readonly order: Tally;
  private readonly missed: Tally;
  private readonly resumed: Tally;
  /** What it was told last, by value. */
  private readonly told = new Map<number, Telling>();
  /** What it waits to be told of. */
  private awaited: { readonly key: number; readonly standing: number } | undefined;
  private wake: () => void = () => undefined;
  private session: MovingWatchSession | undefined;

  constructor(stage: Stage) {
    const { workload, keys } = stage.job;
    assert(workload.kind === "watch-reconnect", "made for a watch-reconnect workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new ReconnectWords(stage.region);
    this.order = stage.tally("watch-order");
    this.missed = stage.tally("missed-changes");
    this.resumed = stage.tally("sessions-resumed");
    for (const key of ownKeys(stage.index, keys, workload)) this.told.set(key, { order: 0, atMicros: 0 });
  }

  async open(): Promise<void> {
    const session = await openStageSession(this.stage, "movingWatch");
    this.session = session;
    await Promise.all([...this.told.keys()].map((key) => session.watch(key, (order) => this.hear(key, order))));
  }

  async act(turns: ActorTurns): Promise<void> {
    const { phases } = this.words;
    for (let storm = 1; await phases.begun(phasesOf(storm).go); storm++) {
      const returnMicros = phases.startedMicros + this.workload.awayMicros;
      const connectedMicros = await this.move(turns, returnMicros);
      if (connectedMicros === undefined) return;
      if (!(await phases.begun(phasesOf(storm).changed))) return;
      if (!(await this.catchUp(turns, returnMicros, connectedMicros))) return;
      phases.arrive();
    }
  }

  async settle(): Promise<void> {
    const { awaited } = this;
    if (awaited === undefined) return;
    const { key, standing } = awaited;
    const conclusive = await flushed(this.session);
    const { order } = this.told.get(key) as Telling;
    const detail =
      `${this.name} was not told of the change of value ${key} at ${standing}, made while it was away: it knows that ` +
      `at ${order}`;
    if (!conclusive) this.missed.unjudged(detail);
    else if (order < standing) this.missed.violated(detail);
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  /** When it was connected again; undefined where it was not. */
  private async move(turns: ActorTurns, returnMicros: number): Promise<number | undefined> {
    const session = this.session as MovingWatchSession;
    const attempt = turns.begin("restore");
    const awayMs = Math.max(0, returnMicros - nowMicros()) / 1_000;
    try {
      const { sameSession, connectedAtMs } = await session.move(awayMs, () => this.words.phases.arrive());
      const connectedMicros = monotonicMicros(connectedAtMs);
      turns.dropped(attempt);
      turns.record("reconnect", returnMicros, connectedMicros);
      turns.record("restore", returnMicros);
      if (sameSession) this.resumed.observations++;
      else this.judgeLoss((connectedMicros - attempt.startedMicros) / 1_000, "came back with a new session");
      return connectedMicros;
    } catch (error) {
      if (turns.givenUp) return undefined;
      turns.failed(attempt, error);
      const silentMs = (nowMicros() - attempt.startedMicros) / 1_000;
      this.judgeLoss(
        saysSessionOver(error) ? silentMs : Number.POSITIVE_INFINITY,
        `did not come back: ${failureName(error)}`,
      );
      return undefined;
    }
  }

  private judgeLoss(silentMs: number, what: string): void {
    const { timeoutMs } = this.session as MovingWatchSession;
    const detail = `${this.name} ${what}; its timeout is ${timeoutMs} ms`;
    if (endedEarly(silentMs, timeoutMs)) this.resumed.violated(detail);
    else this.resumed.unjudged(detail);
  }

  /** False where the round was given up before it was told of all that was changed while it was away. */
  private async catchUp(turns: ActorTurns, returnMicros: number, connectedMicros: number): Promise<boolean> {
    for (const [key, telling] of this.told) {
      const standing = this.words.standing(key).value;
      const changedMicros = this.words.changedAt(key).value;
      if (standing <= 0 || changedMicros < returnMicros - this.workload.awayMicros) continue;
      if (telling.order < standing && !(await this.await(turns, key, standing))) return false;
      // Else it was back before the change was made, and told in the usual way.
      if (changedMicros > connectedMicros) continue;
      this.missed.observations++;
      turns.record("deliver-missed", returnMicros, telling.atMicros);
    }
    return true;
  }

  private async await(turns: ActorTurns, key: number, standing: number): Promise<boolean> {
    const waiting = turns.begin("deliver-missed");
    this.awaited = { key, standing };
    while ((this.told.get(key) as Telling).order < standing) {
      if (turns.givenUp) return false;
      await this.nextTelling();
    }
    this.awaited = undefined;
    turns.dropped(waiting);
    return true;
  }

  private nextTelling(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private hear(key: number, order: number): void {
    const telling = this.told.get(key);
    assert(telling !== undefined, "it watches its own values only");
    this.order.observations++;
    if (order < telling.order) {
      this.order.violated(`${this.name} was told of ${order} of value ${key} after ${telling.order}`);
    }
    telling.order = Math.max(order, telling.order);
    telling.atMicros = nowMicros();
    this.wake();
  }

  private get name(): string {
    return `watcher ${this.stage.index}`;
  }
}

/** How often who waits for an event looks whether it has waited for too long. */
const LOOK_MS = 50;
