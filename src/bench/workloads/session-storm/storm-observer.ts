import { assert } from "../../../base/assert.js";
import type { LifecycleSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { SessionStormWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { StepFailed, stepOf } from "../steps.js";
import { heldName, phasesOf, StormWords } from "./storm-words.js";

/** A session is gone within this many times its timeout, and the grace. */
const TIMEOUTS_MAX = 2;
const GRACE_MS = 1_000;
/** While sessions expire that have been abandoned. */
const LOOK_MS = 20;

/**
 * Leads the waves, and sees from outside what is held. Checks: what a closed session held is gone when the close was
 * answered, what an abandoned one held is gone in time (ephemerals-gone), and not before its time (expiry-not-early).
 */
export class StormObserver implements Actor {
  private readonly stage: Stage;
  private readonly workload: SessionStormWorkload;
  private readonly words: StormWords;
  private readonly kept: Tally;
  private readonly gone: Tally;
  private readonly notEarly: Tally;
  /** What abandoned sessions hold: when each was heard last. Bounded by what is abandoned in one session timeout. */
  private readonly abandoned = new Map<string, number>();
  private readonly changed = { is: false };
  private session: LifecycleSession | undefined;

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "session-storm", "made for a session-storm workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new StormWords(stage.region);
    this.kept = stage.tally("ephemerals-kept");
    this.gone = stage.tally("ephemerals-gone");
    this.notEarly = stage.tally("expiry-not-early");
  }

  async open(): Promise<void> {
    const { job, index, driver } = this.stage;
    const { members, root } = job;
    // Its timeout is theirs, so that it knows what the server grants.
    this.session = await driver.openSession("lifecycle", {
      members,
      index,
      root,
      sessionTimeoutMs: this.workload.timeoutMs,
    });
  }

  async act(turns: ActorTurns): Promise<void> {
    try {
      await turns.leadIn();
      for (let wave = 1; !turns.over; wave++) {
        const startedMicros = nowMicros();
        if (!(await this.wave(turns, wave))) break;
        const untilMicros = startedMicros + this.workload.intervalMicros;
        while (!turns.over && nowMicros() < untilMicros) {
          await turns.pause(Math.min(LOOK_MS, Math.max(1, (untilMicros - nowMicros()) / 1_000)));
          await this.look(turns);
        }
      }
    } finally {
      this.words.phases.end();
    }
    while (this.abandoned.size > 0 && !turns.givenUp) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      this.changed.is = true;
      await this.look(turns);
    }
  }

  settle(): Promise<void> {
    this.findOverdue();
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  /** False where the connections did not keep up. */
  private async wave(turns: ActorTurns, wave: number): Promise<boolean> {
    const { phases } = this.words;
    const { connections, sessionTimeoutMs } = this.stage.job;
    for (const phase of Object.values(phasesOf(wave))) {
      phases.begin(phase, nowMicros());
      if (!(await phases.arrived(connections * phase, sessionTimeoutMs))) {
        if (!turns.givenUp) {
          this.gone.violated(
            `${connections * phase - phases.arrivals} of ${connections} sessions were not done within ${sessionTimeoutMs} ms`,
          );
        }
        return false;
      }
    }
    await this.judge(turns, wave);
    return true;
  }

  /** After all have parted from their sessions. */
  private async judge(turns: ActorTurns, wave: number): Promise<void> {
    const held = await this.names(turns);
    if (held === undefined) return;
    for (let connection = 0; connection < this.stage.job.connections; connection++) {
      const name = heldName(connection, wave);
      const heardMicros = this.words.lastHeard(connection).value;
      if (heardMicros > 0) {
        this.abandoned.set(name, heardMicros);
        this.kept.observations++;
        if (!held.has(name) && nowMicros() < heardMicros + this.timeoutMs * 1_000) {
          this.kept.violated(`what session ${name} held was gone right after it had lost its connection`);
        }
      } else {
        this.gone.observations++;
        if (held.has(name)) this.gone.violated(`what session ${name} held was still there after it was closed`);
      }
    }
    this.changed.is = true;
    await this.look(turns);
  }

  /** Finds out which of the abandoned sessions have expired. */
  private async look(turns: ActorTurns): Promise<void> {
    if (!this.changed.is || this.abandoned.size === 0) {
      this.findOverdue();
      return;
    }
    const held = await this.names(turns);
    if (held === undefined) return;
    const now = nowMicros();
    for (const [name, heardMicros] of this.abandoned) {
      if (held.has(name)) continue;
      this.abandoned.delete(name);
      this.gone.observations++;
      this.notEarly.observations++;
      turns.record("expire", heardMicros, now);
      if (now < heardMicros + this.timeoutMs * 1_000) {
        this.notEarly.violated(
          `session ${name} was over ${Math.round((now - heardMicros) / 1_000)} ms after it was heard last; its timeout is ` +
            `${this.timeoutMs} ms`,
        );
      }
    }
    this.findOverdue();
  }

  private findOverdue(): void {
    const limitMs = this.timeoutMs * TIMEOUTS_MAX + GRACE_MS;
    const overdueMicros = nowMicros() - limitMs * 1_000;
    for (const [name, heardMicros] of this.abandoned) {
      if (heardMicros >= overdueMicros) continue;
      this.abandoned.delete(name);
      this.gone.violated(`what session ${name} held was still there ${limitMs} ms after it was heard last`);
    }
  }

  private async names(turns: ActorTurns): Promise<ReadonlySet<string> | undefined> {
    const session = this.session as LifecycleSession;
    const { changed } = this;
    changed.is = false;
    try {
      return await stepOf(turns, "expire", () =>
        session.names(() => {
          changed.is = true;
        }),
      );
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      changed.is = true;
      return undefined;
    }
  }

  /** As the server grants it. */
  private get timeoutMs(): number {
    return (this.session as LifecycleSession).timeoutMs;
  }
}
