import { assert } from "../../../base/assert.js";
import type { LifecycleSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { SessionStormWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { StepFailed, stepOf } from "../steps.js";
import { CLOSED, heldName, phasesOf, StormWords, UNCERTAIN } from "./storm-words.js";

/** A session is gone within this many times its timeout, and the grace. */
const TIMEOUTS_MAX = 2;
const GRACE_MS = 1_000;

/** What an abandoned session holds. */
interface Abandoned {
  readonly heardMicros: number;
  /** When a read that began beyond its time first showed it; 0 before. */
  overdueMicros: number;
}
/** While sessions expire that have been abandoned. */
const LOOK_MS = 20;

/**
 * Leads the waves, and sees from outside what is held. Checks: what a closed session held is gone when the close was
 * answered, what an abandoned one held is gone in time (ephemerals-gone), and not before its time (expiry-not-early).
 * Overdue is only what two reads have shown beyond its time, a grace apart: a server that stood still in between is slow.
 */
export class StormObserver implements Actor {
  private readonly stage: Stage;
  private readonly workload: SessionStormWorkload;
  private readonly words: StormWords;
  private readonly kept: Tally;
  private readonly gone: Tally;
  private readonly notEarly: Tally;
  /** By name. Bounded by what is abandoned in one session timeout. */
  private readonly abandoned = new Map<string, Abandoned>();
  /** The wave that not all sessions have come to the end of; 0 for none. */
  private unfinished = 0;
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
    if (this.unfinished > 0) {
      this.gone.unjudged(`not all sessions were done with wave ${this.unfinished} when the round was given up`);
    }
    const beyondMicros = nowMicros() - this.limitMicros;
    for (const [name, { heardMicros }] of this.abandoned) {
      if (heardMicros < beyondMicros) this.gone.unjudged(`it was not seen what became of session ${name}`);
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  /** False where the round was given up before its end. */
  private async wave(turns: ActorTurns, wave: number): Promise<boolean> {
    const { phases } = this.words;
    this.unfinished = wave;
    for (const phase of Object.values(phasesOf(wave))) {
      phases.begin(phase, nowMicros());
      if (!(await phases.arrived(this.stage.job.connections * phase, turns))) return false;
    }
    await this.judge(turns, wave);
    this.unfinished = 0;
    return true;
  }

  /** After all have parted from their sessions. */
  private async judge(turns: ActorTurns, wave: number): Promise<void> {
    const held = await this.names(turns);
    if (held === undefined) {
      if (!turns.givenUp) this.gone.unjudged(`what sessions held could not be read after wave ${wave}`);
      return;
    }
    for (let connection = 0; connection < this.stage.job.connections; connection++) {
      const name = heldName(connection, wave);
      const heardMicros = this.words.lastHeard(connection).value;
      if (heardMicros === UNCERTAIN) continue;
      if (heardMicros !== CLOSED) {
        this.abandoned.set(name, { heardMicros, overdueMicros: 0 });
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
    const beganMicros = nowMicros();
    const beyondMicros = beganMicros - this.limitMicros;
    const overdue = [...this.abandoned.values()].some(({ heardMicros }) => heardMicros < beyondMicros);
    if (this.abandoned.size === 0 || !(this.changed.is || overdue)) return;
    const held = await this.names(turns);
    if (held === undefined) return;
    const now = nowMicros();
    for (const [name, each] of this.abandoned) {
      const { heardMicros } = each;
      if (held.has(name)) {
        if (heardMicros < beyondMicros) this.overdue(name, each, beganMicros);
        continue;
      }
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
  }

  /** A read that began at `beganMicros` showed what should have been gone by then. */
  private overdue(name: string, each: Abandoned, beganMicros: number): void {
    if (each.overdueMicros === 0) {
      each.overdueMicros = nowMicros();
    } else if (beganMicros >= each.overdueMicros + GRACE_MS * 1_000) {
      this.abandoned.delete(name);
      this.gone.violated(
        `what session ${name} held was still there ${Math.round((beganMicros - each.heardMicros) / 1_000)} ms after it was heard last`,
      );
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

  private get limitMicros(): number {
    return (this.timeoutMs * TIMEOUTS_MAX + GRACE_MS) * 1_000;
  }

  /** As the server grants it. */
  private get timeoutMs(): number {
    return (this.session as LifecycleSession).timeoutMs;
  }
}
