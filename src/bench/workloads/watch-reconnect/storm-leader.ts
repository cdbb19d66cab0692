import { assert } from "../../../base/assert.js";
import { randomBelow } from "../../../base/random.js";
import type { WatchSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { WatchReconnectWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { openStageSession } from "../stage-session.js";
import { StepFailed, timed } from "../steps.js";
import { phasesOf, ReconnectWords } from "./reconnect-words.js";

/** Cuts all connections at once, changes values while they are away, and waits until all know of it; then again. */
export class StormLeader implements Actor {
  private readonly stage: Stage;
  private readonly workload: WatchReconnectWorkload;
  private readonly words: ReconnectWords;
  private readonly missed: Tally;
  private session: WatchSession | undefined;
  private storming = false;

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "watch-reconnect", "made for a watch-reconnect workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new ReconnectWords(stage.region);
    this.missed = stage.tally("missed-changes");
  }

  async open(): Promise<void> {
    this.session = await openStageSession(this.stage, "watch");
  }

  async act(turns: ActorTurns): Promise<void> {
    try {
      await turns.leadIn();
      for (let storm = 1; !turns.over; storm++) {
        if (!(await this.storm(turns, storm))) return;
        await turns.pause(this.workload.intervalMicros / 1_000);
      }
    } finally {
      this.words.phases.end();
    }
  }

  settle(): Promise<void> {
    if (this.storming) {
      const { connections } = this.stage.job;
      this.missed.unjudged(`not all of ${connections} watchers were back and up to date when the round was given up`);
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private async storm(turns: ActorTurns, storm: number): Promise<boolean> {
    const { phases } = this.words;
    const { connections } = this.stage.job;
    const { go, changed } = phasesOf(storm);
    const startedMicros = nowMicros();
    this.storming = true;
    phases.begin(go, startedMicros);
    if (!(await phases.arrived(connections * go, turns))) return false;
    await this.change(turns);
    phases.begin(changed, startedMicros);
    if (!(await phases.arrived(connections * changed, turns))) return false;
    turns.record("storm", startedMicros + this.workload.awayMicros);
    this.storming = false;
    return true;
  }

  /** All at once. */
  private async change(turns: ActorTurns): Promise<void> {
    const { keys } = this.stage.job;
    const drawn = new Set<number>();
    for (let draw = 0; draw < this.workload.changes; draw++) drawn.add(randomBelow(this.stage.random, keys));
    await Promise.all([...drawn].map((key) => this.changeOne(turns, key)));
  }

  private async changeOne(turns: ActorTurns, key: number): Promise<void> {
    const session = this.session as WatchSession;
    try {
      const order = await timed(turns, "change", () => session.change(key));
      this.words.changedAt(key).exchange(nowMicros());
      this.words.standing(key).exchange(order);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      this.words.standing(key).exchange(-1);
    }
  }
}
