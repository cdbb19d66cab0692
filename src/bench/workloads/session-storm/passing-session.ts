import { AssertionError, assert } from "../../../base/assert.js";
import { randomFraction } from "../../../base/random.js";
import type { LifecycleSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { SessionStormWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { endedEarly, SessionReplaced, saysSessionOver } from "../early-loss.js";
import { StepFailed, timed } from "../steps.js";
import { CLOSED, heldName, phasesOf, StormWords, UNCERTAIN } from "./storm-words.js";

/**
 * In every wave: a session that is begun and holds an ephemeral, moves to another connection, and is closed or abandoned.
 * Checks: a session that moved is the same one (sessions-resumed) and holds what it held (ephemerals-kept).
 */
export class PassingSession implements Actor {
  private readonly stage: Stage;
  private readonly workload: SessionStormWorkload;
  private readonly words: StormWords;
  private readonly resumed: Tally;
  private readonly kept: Tally;
  private session: LifecycleSession | undefined;
  private heardMicros = 0;
  private closed = false;

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "session-storm", "made for a session-storm workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new StormWords(stage.region);
    this.resumed = stage.tally("sessions-resumed");
    this.kept = stage.tally("ephemerals-kept");
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  async act(turns: ActorTurns): Promise<void> {
    const { phases } = this.words;
    for (let wave = 1; await phases.begun(phasesOf(wave).connect); wave++) {
      await this.step(() => this.begin(turns, wave));
      if (!(await phases.begun(phasesOf(wave).resume))) return;
      await this.step(() => this.move(turns, wave));
      if (!(await phases.begun(phasesOf(wave).part))) return;
      await this.step(() => this.part(turns));
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.session?.close();
  }

  /** A session that failed takes no further part in its wave. */
  private async step(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      const { session } = this;
      this.session = undefined;
      await session?.close();
    }
    this.words.phases.arrive();
  }

  private async begin(turns: ActorTurns, wave: number): Promise<void> {
    const { job, index, driver } = this.stage;
    const { members, root } = job;
    this.words.lastHeard(index).exchange(UNCERTAIN);
    const sessionTimeoutMs = this.workload.timeoutMs;
    const session = await timed(turns, "connect", () =>
      driver.openSession("lifecycle", { members, index, root, sessionTimeoutMs }),
    );
    this.session = session;
    if (this.closed) await session.close();
    await timed(turns, "hold", () => session.hold(heldName(index, wave)));
  }

  private async move(turns: ActorTurns, wave: number): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    const name = heldName(this.stage.index, wave);
    const leftMicros = nowMicros();
    if (!(await this.resumes(turns, session))) {
      this.session = undefined;
      const silentMs = (nowMicros() - leftMicros) / 1_000;
      const detail = `session ${name} was over when its connection was back after ${Math.round(silentMs)} ms`;
      if (!turns.givenUp) {
        if (endedEarly(silentMs, session.timeoutMs)) this.resumed.violated(detail);
        else this.resumed.unjudged(detail);
      }
      await session.close();
      return;
    }
    this.resumed.observations++;
    this.heardMicros = nowMicros();
    const holds = await timed(turns, "verify", () => session.holds());
    this.kept.observations++;
    if (!holds) this.kept.violated(`session ${name} has lost its ephemeral by changing its connection`);
  }

  /** False where the session is over, which is recorded as a failure. */
  private async resumes(turns: ActorTurns, session: LifecycleSession): Promise<boolean> {
    const attempt = turns.begin("resume");
    try {
      const same = await session.resume();
      if (same) turns.succeeded(attempt);
      else turns.failed(attempt, new SessionReplaced("another session came back"));
      return same;
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      turns.failed(attempt, error);
      if (saysSessionOver(error)) return false;
      throw new StepFailed("resume failed", { cause: error });
    }
  }

  private async part(turns: ActorTurns): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    this.session = undefined;
    if (randomFraction(this.stage.random) < this.workload.expiring) {
      this.words.lastHeard(this.stage.index).exchange(this.heardMicros);
      await session.abandon();
    } else {
      await timed(turns, "close", () => session.close());
      this.words.lastHeard(this.stage.index).exchange(CLOSED);
    }
  }
}
