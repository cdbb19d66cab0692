import { assert } from "../../base/assert.js";
import type { TargetDriver } from "../../targets/driver.js";
import { LoadShared, type WorkerCounters } from "../../workers/load-shared.js";
import { nowMicros } from "../load/clock.js";
import { failureName } from "../load/failure.js";
import type { Load, LoadJob, LoadReport, LoadWindow } from "../load/load.js";
import { openAll, ownConnections, sleepUntil } from "../load/opening.js";
import { SessionWindow } from "../load/session-window.js";
import { operationSource } from "../load/streams.js";
import { Tally } from "../load/tally.js";
import type { Actor, ActorTurns, Attempt, Stage } from "./actor.js";

/** Nearer than this to the end, a pause is not worth a timer of its own. */
const PAUSE_MS_MAX = 50;

/** Runs one actor per connection. */
export class ActorLoad implements Load {
  private readonly job: LoadJob;
  private readonly driver: TargetDriver;
  private readonly worker: number;
  private readonly makeActor: (stage: Stage) => Actor;
  private readonly shared: LoadShared;
  private readonly counters: WorkerCounters;
  private readonly counted: readonly boolean[];
  private readonly tallies = new Map<string, Tally>();
  private readonly actors: { readonly index: number; readonly actor: Actor }[] = [];
  private window: SessionWindow | undefined;

  constructor(job: LoadJob, driver: TargetDriver, worker: number, makeActor: (stage: Stage) => Actor) {
    this.job = job;
    this.driver = driver;
    this.worker = worker;
    this.makeActor = makeActor;
    this.shared = new LoadShared(job.workers, 0, job.shared);
    this.counters = this.shared.counters(worker);
    this.counted = job.operations.map((name) => job.counted.includes(name));
  }

  async open(): Promise<void> {
    const { workers } = this.job;
    const connections = this.job.connections + this.job.extraConnections;
    await openAll(ownConnections({ connections, workers }, this.worker), async (index) => {
      const actor = this.makeActor({
        job: this.job,
        index,
        driver: this.driver,
        random: operationSource(this.job.seed, index),
        region: this.shared.region,
        tally: (name) => this.tally(name),
      });
      this.actors.push({ index, actor });
      await actor.open();
      this.counters.addConnected(1);
    });
    this.actors.sort((a, b) => a.index - b.index);
  }

  async run(range: LoadWindow): Promise<LoadReport> {
    const window = new SessionWindow(this.job.operations, range);
    this.window = window;
    await sleepUntil(range.startMicros);
    const turns = this.actors.map(() => new Turns(window, this.job.operations, this.counted, this.counters));
    const acting = Promise.all(this.actors.map(({ actor }, at) => actor.act(turns[at] as Turns)));
    const used = await window.drained(acting.then(() => undefined));
    for (const each of turns) each.giveUp();
    await Promise.all(this.actors.map(({ actor }) => actor.settle?.()));
    this.window = undefined;
    return {
      operations: window.finish(),
      sendLag: undefined,
      ...used,
      checks: [...this.tallies.values()].map((tally) => tally.report()),
      figures: joinFigures(turns.map((each) => each.figures)),
      disconnects: undefined,
      sessionsLost: undefined,
    };
  }

  endNow(drainMs: number): void {
    this.window?.endNow(drainMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.actors.map(({ actor }) => actor.close()));
  }

  private tally(name: string): Tally {
    let tally = this.tallies.get(name);
    if (tally === undefined) {
      tally = new Tally(name);
      this.tallies.set(name, tally);
    }
    return tally;
  }
}

class Turns implements ActorTurns {
  readonly figures = new Map<string, number>();
  givenUp = false;
  private readonly window: SessionWindow;
  private readonly operations: readonly string[];
  private readonly counted: readonly boolean[];
  private readonly counters: WorkerCounters;
  private readonly outstanding = new Set<Attempt>();

  constructor(
    window: SessionWindow,
    operations: readonly string[],
    counted: readonly boolean[],
    counters: WorkerCounters,
  ) {
    this.window = window;
    this.operations = operations;
    this.counted = counted;
    this.counters = counters;
  }

  get over(): boolean {
    return this.window.over;
  }

  begin(operation: string): Attempt {
    const attempt = { operation, startedMicros: nowMicros() };
    if (!this.givenUp) this.outstanding.add(attempt);
    return attempt;
  }

  succeeded(attempt: Attempt): number {
    const now = nowMicros();
    if (this.outstanding.delete(attempt)) this.record(attempt.operation, attempt.startedMicros, now);
    return now - attempt.startedMicros;
  }

  failed(attempt: Attempt, error: unknown): void {
    if (!this.outstanding.delete(attempt)) return;
    this.counters.fail();
    this.window.recorder.failed(this.at(attempt.operation), failureName(error), attempt.startedMicros, nowMicros());
  }

  dropped(attempt: Attempt): void {
    this.outstanding.delete(attempt);
  }

  record(operation: string, startedMicros: number, endedMicros = nowMicros()): void {
    if (this.givenUp) return;
    const at = this.at(operation);
    if (this.counted[at]) this.counters.complete(endedMicros - startedMicros);
    this.window.recorder.succeeded(at, startedMicros, startedMicros, endedMicros);
  }

  add(figure: string, amount: number): void {
    if (this.givenUp || nowMicros() < this.window.recordMicros) return;
    this.figures.set(figure, (this.figures.get(figure) ?? 0) + amount);
  }

  async leadIn(): Promise<void> {
    const { isWarmUp, recordMicros } = this.window;
    if (!isWarmUp) await this.pause((recordMicros - nowMicros()) / 1_000);
  }

  async pause(millis: number): Promise<void> {
    const untilMicros = nowMicros() + millis * 1_000;
    for (let left = millis; left > 0 && !this.over; left = (untilMicros - nowMicros()) / 1_000) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, PAUSE_MS_MAX)));
    }
  }

  giveUp(): void {
    const now = nowMicros();
    for (const { operation, startedMicros } of this.outstanding) {
      this.window.recorder.failed(this.at(operation), "UNANSWERED", startedMicros, now);
    }
    this.outstanding.clear();
    this.givenUp = true;
  }

  private at(operation: string): number {
    const at = this.operations.indexOf(operation);
    assert(at !== -1, `the workload reports ${operation}`);
    return at;
  }
}

/** One figure's values in the order of the actors, 0 for those that added none; so that fairness sees who had nothing. */
function joinFigures(each: readonly ReadonlyMap<string, number>[]): Readonly<Record<string, readonly number[]>> {
  const names = new Set(each.flatMap((figures) => [...figures.keys()]));
  return Object.fromEntries([...names].map((name) => [name, each.map((figures) => figures.get(name) ?? 0)]));
}
