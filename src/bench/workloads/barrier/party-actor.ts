import { assert } from "../../../base/assert.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { BarrierWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, stepOf, timed } from "../steps.js";
import { BarrierWords } from "./barrier-words.js";

const RETRY_MS = 20;

/**
 * One of the parties, which are all connections. `barrier-entry`: nobody is let in before all have come; `barrier-exit`:
 * nobody is let out before all want to leave.
 */
export class PartyActor implements Actor {
  private readonly stage: Stage;
  private readonly workload: BarrierWorkload;
  private readonly words: BarrierWords;
  private readonly entry: Tally;
  private readonly exit: Tally;
  private readonly held: HeldSession<"barrier">;

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "barrier", "a party needs a barrier workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new BarrierWords(stage.region);
    this.entry = stage.tally("barrier-entry");
    this.exit = stage.tally("barrier-exit");
    this.held = new HeldSession(stage, "barrier");
  }

  async open(): Promise<void> {
    await this.held.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    for (let round = 1; !turns.givenUp; round++) {
      if (turns.over) this.words.endWith(round);
      if (this.words.isBeyondLast(round)) return;
      await this.enter(turns, round);
      if (turns.givenUp) return;
      await turns.pause(this.workload.insideMicros / 1_000);
      await this.leave(turns, round);
    }
  }

  async close(): Promise<void> {
    await this.held.close();
  }

  private async enter(turns: ActorTurns, round: number): Promise<void> {
    const { words } = this;
    const parties = this.stage.job.connections;
    words.lastArrivedAt.raise(nowMicros());
    words.arrived.add(1);
    await this.insisting(turns, async () => {
      const session = await stepOf(turns, "enter", () => this.held.open());
      await timed(turns, "enter", () => session.enter(parties));
    });
    if (turns.givenUp) return;
    const arrived = words.arrived.value;
    this.entry.observations++;
    if (arrived < round * parties) {
      this.entry.violated(
        `party ${this.stage.index} was let in in round ${round}, when ${this.inRound(arrived, round)}`,
      );
    }
    turns.add("entries", 1);
    if (words.released.add(1) === round * parties) turns.record("release", words.lastArrivedAt.value);
  }

  private async leave(turns: ActorTurns, round: number): Promise<void> {
    const parties = this.stage.job.connections;
    this.words.leaving.add(1);
    try {
      const session = await stepOf(turns, "leave", () => this.held.open());
      await timed(turns, "leave", () => session.leave());
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      // Its session goes, and its node with it.
      await this.held.end();
      return;
    }
    if (turns.givenUp) return;
    const leaving = this.words.leaving.value;
    this.exit.observations++;
    if (leaving >= round * parties) return;
    this.exit.violated(`party ${this.stage.index} was let out in round ${round}, when ${this.inRound(leaving, round)}`);
  }

  private inRound(count: number, round: number): string {
    const parties = this.stage.job.connections;
    return `${count - (round - 1) * parties} of ${parties} had asked`;
  }

  /** The others wait for this party: it tries until it works, or the round is given up. */
  private async insisting(turns: ActorTurns, act: () => Promise<void>): Promise<void> {
    while (!turns.givenUp) {
      try {
        await act();
        return;
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
      }
      await this.held.end();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
