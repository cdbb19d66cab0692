import { assert } from "../../../base/assert.js";
import type { LifecycleSession } from "../../../targets/driver.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { CastWords } from "../cast-words.js";
import { openStageSession } from "../stage-session.js";
import { StepFailed, timed } from "../steps.js";

/** The one session that is not idle: asks for something now and then, to see what the idle ones cost the others. */
export class IdleProber implements Actor {
  private readonly stage: Stage;
  private readonly words: CastWords;
  private readonly intervalMs: number;
  private session: LifecycleSession | undefined;

  constructor(stage: Stage) {
    const { workload, connections } = stage.job;
    assert(workload.kind === "session-idle", "made for a session-idle workload");
    this.stage = stage;
    this.intervalMs = workload.probeIntervalMicros / 1_000;
    this.words = new CastWords(stage.region, { announcers: 1, listeners: connections });
  }

  async open(): Promise<void> {
    this.session = await openStageSession(this.stage, "lifecycle");
    await this.session.hold(String(this.stage.index));
  }

  async act(turns: ActorTurns): Promise<void> {
    const session = this.session as LifecycleSession;
    try {
      await this.words.allReady();
      while (!turns.over) {
        try {
          await timed(turns, "probe", () => session.holds());
        } catch (error) {
          if (!(error instanceof StepFailed)) throw error;
        }
        await turns.pause(this.intervalMs);
      }
    } finally {
      this.words.finish();
    }
  }

  async close(): Promise<void> {
    await this.session?.close();
  }
}
