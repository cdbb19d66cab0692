import type { LifecycleSession } from "../../../targets/driver.js";
import { failureName } from "../../load/failure.js";
import type { Tally } from "../../load/tally.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { CastWords } from "../cast-words.js";
import { openStageSession } from "../stage-session.js";

/**
 * Does nothing but keep its session alive, until the end of the round: then it must have it still, with what it holds
 * (sessions-kept).
 */
export class IdleSession implements Actor {
  private readonly stage: Stage;
  private readonly words: CastWords;
  private readonly kept: Tally;
  private session: LifecycleSession | undefined;
  private waking = false;

  constructor(stage: Stage) {
    this.stage = stage;
    this.words = new CastWords(stage.region, { announcers: 1, listeners: stage.job.connections });
    this.kept = stage.tally("sessions-kept");
  }

  async open(): Promise<void> {
    this.session = await openStageSession(this.stage, "lifecycle");
    await this.session.hold(String(this.stage.index));
  }

  async act(turns: ActorTurns): Promise<void> {
    const session = this.session as LifecycleSession;
    this.words.beReady();
    await this.words.finished();
    turns.add("disconnects", session.disconnects);
    const attempt = turns.begin("wake");
    this.waking = true;
    try {
      const holds = await session.holds();
      this.waking = false;
      turns.succeeded(attempt);
      if (turns.givenUp) return;
      this.kept.observations++;
      if (!holds) this.kept.violated(`what idle session ${this.stage.index} held was gone, and the session was not`);
    } catch (error) {
      this.waking = false;
      turns.failed(attempt, error);
      // A client too busy to be heard loses its session by rights, and one without an answer knows nothing.
      if (!turns.givenUp) this.kept.unjudged(`idle session ${this.stage.index} failed with ${failureName(error)}`);
    }
  }

  settle(): Promise<void> {
    if (this.waking) this.kept.unjudged(`idle session ${this.stage.index} had no answer when the round was given up`);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.session?.close();
  }
}
