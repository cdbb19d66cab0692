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
    try {
      const holds = await session.holds();
      turns.succeeded(attempt);
      this.judge(holds, "what it held was gone");
    } catch (error) {
      turns.failed(attempt, error);
      if (!turns.givenUp) this.judge(false, failureName(error));
    }
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private judge(holds: boolean, otherwise: string): void {
    this.kept.observations++;
    if (!holds) this.kept.violated(`idle session ${this.stage.index} did not last: ${otherwise}`);
  }
}
