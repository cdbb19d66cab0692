import { assert } from "../../../base/assert.js";
import { randomFraction } from "../../../base/random.js";
import type { ElectionSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { LeaderElectionWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, stepOf, timed } from "../steps.js";
import { ElectionWords } from "./election-words.js";
import { LeaderLog } from "./leader-log.js";

/** Between a failed attempt and the next. */
const RETRY_MS = 20;

/**
 * A candidate, and beside it an observer of its own, whose session lasts while the candidate's comes and goes.
 * `one-leader`: at most one candidate leads at a time; `terms`: each leader's term, which is its fencing token, is larger
 * than the one before, and nobody is told of an earlier one after a later one.
 */
export class CandidateActor implements Actor {
  private readonly stage: Stage;
  private readonly workload: LeaderElectionWorkload;
  private readonly words: ElectionWords;
  private readonly oneLeader: Tally;
  private readonly terms: Tally;
  private readonly candidate: HeldSession<"election">;
  private readonly observer: HeldSession<"leader">;
  private readonly log: LeaderLog;

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "leader-election", "a candidate needs a leader-election workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new ElectionWords(stage.region);
    this.oneLeader = stage.tally("one-leader");
    this.terms = stage.tally("terms");
    this.candidate = new HeldSession(stage, "election");
    this.observer = new HeldSession(stage, "leader");
    this.log = new LeaderLog(stage, this.words, this.terms);
  }

  async open(): Promise<void> {
    await this.candidate.open();
    const observer = await this.observer.open();
    await observer.observe((term) => this.log.heard(term));
  }

  async act(turns: ActorTurns): Promise<void> {
    const logged = this.log.run(turns);
    while (!turns.over) {
      try {
        const session = await stepOf(turns, "elect", () => this.candidate.open());
        await this.campaign(session, turns);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        await this.candidate.end();
        await turns.pause(RETRY_MS);
      }
    }
    // So that the next one's wait ends with the round, too.
    await this.candidate.end();
    await logged;
  }

  async close(): Promise<void> {
    await Promise.all([this.candidate.close(), this.observer.close()]);
  }

  private async campaign(session: ElectionSession, turns: ActorTurns): Promise<void> {
    const { random } = this.stage;
    const { leadMicros, lostShare, cutShare } = this.workload;
    const { term } = await stepOf(turns, "elect", () => session.campaign());
    const electedMicros = nowMicros();
    if (turns.over) return;
    this.lead(turns, term, electedMicros);
    const fate = randomFraction(random);
    await turns.pause(leadMicros / 2_000);
    // The connection comes back, and the term lasts as long as the session does.
    if (fate < cutShare) session.cut();
    await turns.pause(leadMicros / 2_000);
    this.words.leaders.add(-1);
    this.words.endedAt.exchange(nowMicros());
    if (fate >= cutShare && fate < cutShare + lostShare) await this.candidate.end();
    else await timed(turns, "resign", () => session.resign());
  }

  private lead(turns: ActorTurns, term: number, electedMicros: number): void {
    const candidate = this.stage.index;
    const endedMicros = this.words.endedAt.exchange(0);
    turns.add("terms", 1);
    if (endedMicros > 0) turns.record("elect", endedMicros, electedMicros);
    this.oneLeader.observations++;
    const others = this.words.leaders.add(1) - 1;
    if (others > 0) this.oneLeader.violated(`candidate ${candidate} was elected for term ${term} while ${others} led`);
    this.terms.observations++;
    const before = this.words.term.raise(term);
    if (term <= before) this.terms.violated(`candidate ${candidate} was elected for term ${term} after term ${before}`);
    this.words.publish(term, endedMicros);
  }
}
