import type { RecipeSessions } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import type { Announcement } from "../announcement.js";
import { CastWords } from "../cast-words.js";
import { flushed } from "../flushed.js";
import { openStageSession } from "../stage-session.js";
import { lifeOf, nameOf, observerName, ofSubject } from "./names.js";
import type { RosterPlan } from "./roster-plan.js";

const LOOKUP_INTERVAL_MS = 10;

/**
 * Keeps a list of those who are there, and chooses from it. Checks: the list never shows again who was gone (order); it
 * shows every coming and going, and in the end who is there (delivery); and nobody is chosen who is known to be gone.
 */
export class ObserverActor implements Actor {
  private readonly stage: Stage;
  private readonly plan: RosterPlan;
  private readonly words: CastWords;
  private readonly announcements: readonly Announcement[];
  private readonly order: Tally;
  private readonly delivery: Tally;
  private readonly choice: Tally | undefined;
  /** By comer: the generation that is on the list; -1 for none. */
  private readonly present: Int32Array;
  /** By comer: the last generation known to be gone; -1 for none. */
  private readonly gone: Int32Array;
  /** By comer: how often it has come back with another session, as far as this observer has seen it do so. */
  private readonly returns: Int32Array;
  /** By comer: the last subject that this observer has learnt. */
  private readonly learnt: Float64Array;
  /** By comer, while a list is read. */
  private readonly shown: Int32Array;
  private observersShown = 0;
  private session: RecipeSessions[RosterPlan["recipe"]] | undefined;
  private turns: ActorTurns | undefined;

  constructor(stage: Stage, plan: RosterPlan) {
    this.stage = stage;
    this.plan = plan;
    this.words = new CastWords(stage.region, { announcers: plan.comers, listeners: plan.observers });
    this.announcements = this.words.announcements();
    this.order = stage.tally(plan.checks.order);
    this.delivery = stage.tally(plan.checks.delivery);
    this.choice = plan.checks.choice === undefined ? undefined : stage.tally(plan.checks.choice);
    this.present = new Int32Array(plan.comers).fill(-1);
    this.gone = new Int32Array(plan.comers).fill(-1);
    this.returns = new Int32Array(plan.comers);
    this.learnt = new Float64Array(plan.comers).fill(-1);
    this.shown = new Int32Array(plan.comers);
  }

  async open(): Promise<void> {
    const session = await openStageSession(this.stage, this.plan.recipe);
    this.session = session;
    if (this.plan.observersEnter) await session.enter(observerName(this.stage.index));
    await session.observe((names) => this.read(names));
  }

  async act(turns: ActorTurns): Promise<void> {
    this.turns = turns;
    this.words.beReady();
    const finished = this.words.finished();
    const { session } = this;
    if (session !== undefined && "pick" in session) await this.lookUp(turns, () => session.pick());
    await finished;
  }

  async settle(): Promise<void> {
    if (this.words.doubtful) return;
    const announced = this.announcements.map(({ acknowledged, subject }) => (acknowledged ? subject : -1));
    if (this.amiss(announced).length === 0) return;
    const conclusive = await flushed(this.session);
    for (const detail of this.amiss(announced)) {
      if (conclusive) this.delivery.violated(detail);
      else this.delivery.unjudged(detail);
    }
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  /** What the list shows otherwise than the last subject of each comer says; -1 where that says nothing. */
  private amiss(announced: readonly number[]): string[] {
    const { plan } = this;
    const found = announced.flatMap((subject, comer) => {
      if (subject === -1) return [];
      const { generation, entered } = ofSubject(subject);
      if ((this.present[comer] === generation) === entered) return [];
      const name = nameOf({ comer, generation });
      return [`in the end ${this.name} ${entered ? "missed" : "still listed"} ${plan.comer} ${name}`];
    });
    if (plan.observersEnter && this.observersShown !== plan.observers) {
      found.push(
        `in the end ${this.name} listed ${this.observersShown} of ${plan.observers} ${plan.observer}s that stayed`,
      );
    }
    return found;
  }

  private read(names: readonly string[]): void {
    const endedMicros = nowMicros();
    const { shown } = this;
    shown.fill(-1);
    this.observersShown = 0;
    for (const name of names) {
      const life = lifeOf(name);
      if (life === undefined) this.observersShown++;
      // Of two generations the later one: a session of the one before may still be on its way out.
      else shown[life.comer] = Math.max(shown[life.comer] as number, life.generation);
    }
    for (let comer = 0; comer < shown.length; comer++) {
      this.compare(comer, shown[comer] as number);
      this.learn(comer, shown[comer] as number, endedMicros);
    }
  }

  private compare(comer: number, shown: number): void {
    const before = this.present[comer] as number;
    this.order.observations++;
    if (shown !== -1 && (shown <= (this.gone[comer] as number) || shown < before)) {
      const name = nameOf({ comer, generation: shown });
      if (this.cameBack(comer, shown)) this.gone[comer] = shown - 1;
      else this.reproach(this.order, comer, `${this.name} listed ${this.plan.comer} ${name} again after it was gone`);
    }
    if (before !== -1 && shown !== before) this.gone[comer] = before;
    this.present[comer] = shown;
  }

  /** It is the comer's last life, whose session had expired: another one has entered the same name. */
  private cameBack(comer: number, shown: number): boolean {
    const { returns, subject } = this.announcements[comer] as Announcement;
    if (returns === this.returns[comer] || ofSubject(subject).generation !== shown) return false;
    this.returns[comer] = returns;
    return true;
  }

  private learn(comer: number, shown: number, endedMicros: number): void {
    const { plan, turns } = this;
    const announcement = this.announcements[comer] as Announcement;
    const { subject } = announcement;
    if (subject === -1 || this.learnt[comer] === subject) return;
    const { generation, entered } = ofSubject(subject);
    if ((shown === generation) !== entered) return;
    this.learnt[comer] = subject;
    this.delivery.observations++;
    const { startedMicros } = announcement;
    const { learnEntered, learnLeft, allLearntEntered, allLearntLeft } = plan.operations;
    turns?.record(entered ? learnEntered : learnLeft, startedMicros, endedMicros);
    if (announcement.arrive() !== plan.observers) return;
    turns?.record(entered ? allLearntEntered : allLearntLeft, startedMicros, endedMicros);
    announcement.deliver();
  }

  private async lookUp(turns: ActorTurns, pick: () => string | undefined): Promise<void> {
    const perMicro = (this.plan.lookupsPerSecond ?? 0) / 1e6;
    let due = 0;
    for (let last = nowMicros(); !turns.over; ) {
      await turns.pause(LOOKUP_INTERVAL_MS);
      const now = nowMicros();
      due += (now - last) * perMicro;
      last = now;
      const picks: (string | undefined)[] = new Array(Math.floor(due));
      due -= picks.length;
      const startedMicros = nowMicros();
      for (let at = 0; at < picks.length; at++) picks[at] = pick();
      turns.add("lookup-micros", nowMicros() - startedMicros);
      turns.add("lookups", picks.length);
      for (const name of picks) if (name !== undefined) this.judge(name);
    }
  }

  private judge(name: string): void {
    const life = lifeOf(name);
    const { choice } = this;
    if (choice === undefined || life === undefined) return;
    choice.observations++;
    if (life.generation <= (this.gone[life.comer] as number)) {
      this.reproach(choice, life.comer, `${this.name} chose ${this.plan.comer} ${name} after it knew that it was gone`);
    }
  }

  /** Of a comer that lost a connection, or left a step undone, a session that was given up may still be on its way out. */
  private reproach(check: Tally, comer: number, detail: string): void {
    if (this.announcements[comer]?.doubtful === true) check.unjudged(detail);
    else check.violated(detail);
  }

  private get name(): string {
    return `${this.plan.observer} ${this.stage.index}`;
  }
}
