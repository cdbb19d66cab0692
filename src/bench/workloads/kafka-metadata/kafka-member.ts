import { assert } from "../../../base/assert.js";
import { randomFraction } from "../../../base/random.js";
import type { KafkaSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { KafkaMetadataWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, stepOf } from "../steps.js";
import { KafkaWords } from "./kafka-words.js";

/** A broker or a consumer: lives in a session of its own, which ends with it, is away for a while, and comes again. */
export abstract class KafkaMember implements Actor {
  protected readonly stage: Stage;
  protected readonly workload: KafkaMetadataWorkload;
  protected readonly words: KafkaWords;
  private readonly held: HeldSession<"kafka">;

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "kafka-metadata", "brokers and consumers need a kafka-metadata workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new KafkaWords(stage.region, workload);
    this.held = new HeldSession(stage, "kafka");
  }

  async open(): Promise<void> {
    await this.held.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    while (!turns.over) {
      try {
        const session = await stepOf(turns, this.arrival, () => this.held.open());
        const untilMicros = nowMicros() + (0.5 + randomFraction(this.stage.random)) * this.lifeMicros;
        await this.live(session, turns, untilMicros);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
      }
      this.left();
      await this.held.end();
      await turns.pause(this.workload.awayMicros / 1_000);
    }
  }

  async close(): Promise<void> {
    await this.held.close();
  }

  /** The operation that a session which cannot be opened fails. */
  protected abstract readonly arrival: string;
  /** On average. */
  protected abstract readonly lifeMicros: number;
  /** Until `untilMicros` of the monotonic clock, or until a step fails. */
  protected abstract live(session: KafkaSession, turns: ActorTurns, untilMicros: number): Promise<void>;
  /** Before the session ends, and all that lasts as long as it does. */
  protected left(): void {}
}
