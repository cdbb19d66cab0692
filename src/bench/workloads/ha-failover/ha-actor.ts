import { assert } from "../../../base/assert.js";
import { randomFraction } from "../../../base/random.js";
import type { HaSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { HaFailoverWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, stepOf, timed } from "../steps.js";
import { HaWords } from "./ha-words.js";

/** After a failure. */
const RETRY_MS = 20;

/**
 * A node that stands by, takes over, fences who was before it, writes for a while, and is lost: it loses its lock and does
 * not know, so it goes on writing until it is refused. `fencing`: nothing that an active writes stands in history after
 * the next one's fence; `epochs`: those grow; `acknowledged-writes`: who takes over finds all of them.
 */
export class HaActor implements Actor {
  private readonly stage: Stage;
  private readonly workload: HaFailoverWorkload;
  private readonly words: HaWords;
  private readonly fencing: Tally;
  private readonly epochs: Tally;
  private readonly acknowledgedWrites: Tally;
  private readonly held: HeldSession<"ha">;
  private readonly data: Buffer;

  constructor(stage: Stage) {
    const { workload, valueBytes } = stage.job;
    assert(workload.kind === "ha-failover", "a node needs an ha-failover workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new HaWords(stage.region);
    this.fencing = stage.tally("fencing");
    this.epochs = stage.tally("epochs");
    this.acknowledgedWrites = stage.tally("acknowledged-writes");
    this.held = new HeldSession(stage, "ha");
    this.data = Buffer.alloc(valueBytes, "a");
  }

  async open(): Promise<void> {
    await this.held.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    while (!turns.over) {
      try {
        const session = await stepOf(turns, "take-over", () => this.held.open());
        await this.serve(session, turns);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        await this.held.end();
        await turns.pause(RETRY_MS);
      }
    }
    // Without it nobody's wait for the lock would end with the round.
    await this.held.end();
  }

  async close(): Promise<void> {
    await this.held.close();
  }

  private async serve(session: HaSession, turns: ActorTurns): Promise<void> {
    const { random, index } = this.stage;
    await stepOf(turns, "take-over", () => session.acquireLock(index));
    if (turns.over) return;
    const epoch = await this.takeOver(session, turns);
    const untilMicros = nowMicros() + (0.5 + randomFraction(random)) * this.workload.activeMicros;
    let fenced = false;
    while (!fenced && !turns.over && nowMicros() < untilMicros) fenced = !(await this.write(session, turns, epoch));
    if (!fenced && randomFraction(random) < this.workload.gracefulShare) {
      this.words.lostAt.exchange(nowMicros());
      await timed(turns, "step-down", () => session.stepDown());
      return;
    }
    turns.add("losses", 1);
    this.words.lostAt.exchange(nowMicros());
    await stepOf(turns, "take-over", () => session.loseLock());
    while (!fenced && !turns.over) {
      fenced = !(await this.write(session, turns, epoch));
      if (!fenced) turns.add("late-writes", 1);
    }
  }

  private async takeOver(session: HaSession, turns: ActorTurns): Promise<number> {
    const { index } = this.stage;
    const epochBefore = this.words.epoch.value;
    const writesBefore = this.words.writes.value;
    const { epoch, fenced, writes } = await timed(turns, "fence", () => session.fence(index));
    const lostMicros = this.words.lostAt.exchange(0);
    if (lostMicros > 0) {
      turns.record("take-over", lostMicros);
      turns.add("take-overs", 1);
      if (fenced) turns.add("fenced", 1);
    }
    this.epochs.observations++;
    if (epoch <= epochBefore) this.epochs.violated(`node ${index} took over with epoch ${epoch} after ${epochBefore}`);
    this.words.epoch.raise(epoch);
    this.acknowledgedWrites.observations++;
    if (writes < writesBefore) {
      this.acknowledgedWrites.violated(`node ${index} took over and found ${writes} writes of ${writesBefore}`);
    }
    return epoch;
  }

  /** False where it was refused: another has fenced this node. */
  private async write(session: HaSession, turns: ActorTurns, epoch: number): Promise<boolean> {
    const startedMicros = nowMicros();
    const written = await stepOf(turns, "write", () => session.write(this.data));
    if (written === undefined) {
      turns.record("refused-write", startedMicros);
      return false;
    }
    turns.record("write", startedMicros);
    this.words.writes.raise(written.writes);
    this.fencing.observations++;
    const newest = this.words.epoch.value;
    if (newest > epoch && written.order > newest) {
      this.fencing.violated(
        `node ${this.stage.index} of epoch ${epoch} wrote at ${written.order}, after it was fenced at ${newest}`,
      );
    }
    return true;
  }
}
