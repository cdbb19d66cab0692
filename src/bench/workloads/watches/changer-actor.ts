import { randomBelow } from "../../../base/random.js";
import type { WatchSession } from "../../../targets/driver.js";
import type { Tally } from "../../load/tally.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { type Announcement, allTold } from "../announcement.js";
import { openStageSession } from "../stage-session.js";
import type { WatchPlan } from "./watch-plan.js";
import { WatchWords } from "./watch-words.js";

/** After a change of which it is not known whether it happened, before the next one. */
const UNCERTAIN_QUIET_MS = 200;

/**
 * Changes one group of values after the other, each when all have been told of the one before. Whether what was not told
 * by the end of the round is lost or late, only the watchers can find out.
 */
export class ChangerActor implements Actor {
  private readonly stage: Stage;
  private readonly plan: WatchPlan;
  private readonly changer: number;
  private readonly words: WatchWords;
  private readonly announcement: Announcement;
  private readonly delivery: Tally;
  private session: WatchSession | undefined;
  /** The group whose change not all have been told of yet; -1 for none. */
  private announced = -1;

  constructor(stage: Stage, plan: WatchPlan) {
    this.stage = stage;
    this.plan = plan;
    this.changer = stage.index - plan.watchers;
    this.words = new WatchWords(stage.region, plan);
    this.announcement = this.words.announcement(this.changer);
    this.delivery = stage.tally(plan.checks.delivery);
  }

  async open(): Promise<void> {
    this.session = await openStageSession(this.stage, this.plan.recipe);
  }

  async act(turns: ActorTurns): Promise<void> {
    const { groups, changers } = this.plan;
    const own = Math.floor((groups - 1 - this.changer) / changers) + 1;
    try {
      await this.words.allReady();
      while (own > 0 && !turns.over) {
        const group = this.changer + randomBelow(this.stage.random, own) * changers;
        if (!(await this.change(group, turns))) return;
      }
    } finally {
      this.words.finish();
    }
  }

  settle(): Promise<void> {
    const { plan, announcement, announced } = this;
    if (announced === -1) return Promise.resolve();
    const all = plan.tellingsOf(announced);
    const { arrived } = announcement;
    if (arrived < all) {
      this.delivery.unjudged(
        `${all - arrived} of ${all} ${plan.watcher}s had not been told of a change of value ` +
          `${announced * plan.groupSize} when the round was given up`,
      );
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  /** False where not all were told. */
  private async change(group: number, turns: ActorTurns): Promise<boolean> {
    const { plan, announcement } = this;
    const session = this.session as WatchSession;
    const attempt = turns.begin(plan.operations.change);
    announcement.begin(group, attempt.startedMicros);
    try {
      const order = await session.change(group * plan.groupSize, plan.groupSize);
      this.words.standing(group).exchange(order);
    } catch (error) {
      this.words.doubt();
      this.words.standing(group).exchange(-1);
      turns.failed(attempt, error);
      await turns.pause(UNCERTAIN_QUIET_MS);
      return true;
    }
    turns.succeeded(attempt);
    this.announced = group;
    if (!(await allTold(announcement, turns, plan.operations.last))) return false;
    this.announced = -1;
    return true;
  }
}
