import type { WatchSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import type { Announcement } from "../announcement.js";
import { flushed } from "../flushed.js";
import { openStageSession } from "../stage-session.js";
import type { WatchPlan } from "./watch-plan.js";
import { WatchWords } from "./watch-words.js";

/**
 * Watches its groups of values. Two checks: what it is told of a value never goes back; and it is told of every change and
 * of nothing else: each change is told to all before the next of its changer, and in the end everybody knows the last. What
 * is not told by then is lost where the session is promised to know of it, see `flushed`; else it may be late.
 */
export class WatcherActor implements Actor {
  private readonly stage: Stage;
  private readonly plan: WatchPlan;
  private readonly words: WatchWords;
  private readonly announcements: readonly Announcement[];
  private readonly order: Tally;
  private readonly delivery: Tally;
  /** Where the change stands that it was told of last, by value; 0 before the first. */
  private readonly told = new Map<number, number>();
  private session: WatchSession | undefined;
  private turns: ActorTurns | undefined;

  constructor(stage: Stage, plan: WatchPlan) {
    this.stage = stage;
    this.plan = plan;
    this.words = new WatchWords(stage.region, plan);
    this.announcements = Array.from({ length: plan.changers }, (_, changer) => this.words.announcement(changer));
    this.order = stage.tally(plan.checks.order);
    this.delivery = stage.tally(plan.checks.delivery);
  }

  async open(): Promise<void> {
    const { plan } = this;
    const session = await openStageSession(this.stage, plan.recipe);
    this.session = session;
    const values = plan
      .groupsOf(this.stage.index)
      .flatMap((group) => Array.from({ length: plan.groupSize }, (_, at) => group * plan.groupSize + at));
    for (const value of values) this.told.set(value, 0);
    await Promise.all(values.map((value) => session.watch(value, (order) => this.hear(value, order))));
  }

  async act(turns: ActorTurns): Promise<void> {
    this.turns = turns;
    this.words.beReady();
    await this.words.finished();
  }

  async settle(): Promise<void> {
    const behind = [...this.told].flatMap(([value, order]) => {
      const standing = this.words.standing(Math.floor(value / this.plan.groupSize)).value;
      return order < standing ? [{ value, standing }] : [];
    });
    if (behind.length === 0) return;
    const conclusive = await flushed(this.session);
    for (const { value, standing } of behind) {
      const order = this.told.get(value) as number;
      const detail = `${this.name} was last told of ${order} of value ${value}, whose last change stands at ${standing}`;
      if (!conclusive) this.delivery.unjudged(detail);
      else if (order < standing) this.delivery.violated(detail);
    }
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private hear(value: number, order: number): void {
    const endedMicros = nowMicros();
    const before = this.told.get(value) as number;
    this.order.observations++;
    if (order < before) {
      this.order.violated(`${this.name} was told of ${order} of value ${value} after ${before}`);
    }
    // Told twice of one change: no change of its own, and no harm.
    if (order <= before) return;
    this.told.set(value, order);
    this.delivery.observations++;
    this.arrive(value, endedMicros);
  }

  private arrive(value: number, endedMicros: number): void {
    const { plan, turns, words } = this;
    const group = Math.floor(value / plan.groupSize);
    const announcement = this.announcements[group % plan.changers] as Announcement;
    if (announcement.subject !== group) {
      if (!words.doubtful)
        this.delivery.violated(`${this.name} was told of a change of value ${value} that nobody made`);
      return;
    }
    const { startedMicros } = announcement;
    const { first, median, each, last } = plan.operations;
    const all = plan.tellingsOf(group);
    const arrived = announcement.arrive();
    turns?.record(each, startedMicros, endedMicros);
    if (arrived === 1 && first !== undefined) turns?.record(first, startedMicros, endedMicros);
    if (arrived === Math.ceil(all / 2) && median !== undefined) turns?.record(median, startedMicros, endedMicros);
    if (arrived === all) {
      turns?.record(last, startedMicros, endedMicros);
      announcement.deliver();
    } else if (arrived > all && !words.doubtful) {
      this.delivery.violated(
        `${this.name} was the ${arrived}th to be told of a change that has ${all} ${plan.watcher}s`,
      );
    }
  }

  private get name(): string {
    return `${this.plan.watcher} ${this.stage.index}`;
  }
}
