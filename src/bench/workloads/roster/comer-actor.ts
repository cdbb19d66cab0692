import { AssertionError } from "../../../base/assert.js";
import { randomBelow, randomFraction } from "../../../base/random.js";
import type { RecipeSessions } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { type Announcement, allTold } from "../announcement.js";
import { CastWords } from "../cast-words.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, stepOf, timed } from "../steps.js";
import { nameOf, ofSubject, subjectOf } from "./names.js";
import type { RosterPlan } from "./roster-plan.js";

/** After an announcement of which it is not known whether it happened, before the next one. */
const UNCERTAIN_QUIET_MS = 200;
const LOAD_MAX = 100;

/** Comes, stays for a while, goes, and comes again; each time it waits until all observers know. */
export class ComerActor implements Actor {
  private readonly stage: Stage;
  private readonly plan: RosterPlan;
  private readonly comer: number;
  private readonly words: CastWords;
  private readonly announcement: Announcement;
  private readonly delivery: Tally;
  private readonly held: HeldSession<RosterPlan["recipe"]>;
  /** The session whose losses are told of. */
  private heeded: RecipeSessions[RosterPlan["recipe"]] | undefined;
  /** Not all have learnt what is announced. */
  private waiting = false;

  constructor(stage: Stage, plan: RosterPlan) {
    this.stage = stage;
    this.plan = plan;
    this.comer = stage.index - plan.observers;
    this.words = new CastWords(stage.region, { announcers: plan.comers, listeners: plan.observers });
    this.announcement = this.words.announcement(this.comer);
    this.delivery = stage.tally(plan.checks.delivery);
    this.held = new HeldSession(stage, plan.recipe);
  }

  async open(): Promise<void> {
    await this.held.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    try {
      await this.words.allReady();
      // The first life has begun some time ago, as it were: lives of all end at different times.
      for (let generation = 0, share = randomFraction(this.stage.random); !turns.over; generation++) {
        if (!(await this.live(turns, generation, share))) return;
        await turns.pause(this.plan.awayMicros / 1_000);
        share = 0.5 + randomFraction(this.stage.random);
      }
    } finally {
      this.words.finish();
    }
  }

  settle(): Promise<void> {
    const { plan, announcement } = this;
    const missing = plan.observers - announcement.arrived;
    if (!this.waiting || this.words.doubtful || missing <= 0) return Promise.resolve();
    const { generation, entered } = ofSubject(announcement.subject);
    this.delivery.unjudged(
      `${missing} of ${plan.observers} ${plan.observer}s had not learnt that ${plan.comer} ` +
        `${nameOf({ comer: this.comer, generation })} had ${entered ? "come" : "gone"} when the round was given up`,
    );
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.held.close();
  }

  /** False where not all learnt of it. */
  private async live(turns: ActorTurns, generation: number, share: number): Promise<boolean> {
    const { plan, held } = this;
    const { enter, leave } = plan.operations;
    try {
      const session = await stepOf(turns, enter, () => held.open());
      this.heed(session);
      const name = nameOf({ comer: this.comer, generation });
      if (!(await this.announce(turns, enter, subjectOf(generation, true), () => session.enter(name)))) return false;
      await this.stay(turns, session, nowMicros() + share * plan.lifeMicros);
      // In the end some are there and some are not, however short the round was.
      if (turns.over && this.comer % 2 === 1) return true;
      const go = (): Promise<void> => (plan.goesWithSession ? held.end() : session.leave());
      return await this.announce(turns, leave, subjectOf(generation, false), go);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      // What it left behind goes with its session, whenever that goes.
      this.doubt();
      await held.end();
      await turns.pause(UNCERTAIN_QUIET_MS);
      return true;
    }
  }

  private heed(session: RecipeSessions[RosterPlan["recipe"]]): void {
    if (session === this.heeded) return;
    this.heeded = session;
    session.onLoss?.(
      () => this.doubt(),
      () => this.announcement.comeBack(),
    );
  }

  private doubt(): void {
    this.announcement.doubt();
    this.words.doubt();
  }

  private async announce(
    turns: ActorTurns,
    operation: string,
    subject: number,
    act: () => Promise<void>,
  ): Promise<boolean> {
    this.announcement.begin(subject, nowMicros());
    try {
      await timed(turns, operation, act);
    } catch (error) {
      if (!(error instanceof AssertionError)) this.doubt();
      throw error;
    }
    this.announcement.acknowledge();
    this.waiting = true;
    const { allLearntEntered, allLearntLeft } = this.plan.operations;
    const all = ofSubject(subject).entered ? allLearntEntered : allLearntLeft;
    if (!(await allTold(this.announcement, turns, all))) return false;
    this.waiting = false;
    return true;
  }

  private async stay(
    turns: ActorTurns,
    session: RecipeSessions[RosterPlan["recipe"]],
    untilMicros: number,
  ): Promise<void> {
    const { reportMicros, operations } = this.plan;
    const { report } = operations;
    for (;;) {
      const leftMicros = untilMicros - nowMicros();
      if (leftMicros <= 0 || turns.over) return;
      await turns.pause(Math.min(leftMicros, reportMicros ?? leftMicros) / 1_000);
      if (report === undefined || !("report" in session) || turns.over) continue;
      await timed(turns, report, () => session.report(randomBelow(this.stage.random, LOAD_MAX)));
    }
  }
}
