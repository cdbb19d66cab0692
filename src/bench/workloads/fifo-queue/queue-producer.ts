import { nowMicros } from "../../load/clock.js";
import type { FifoQueueWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, timed } from "../steps.js";
import { encodeItem } from "./item.js";
import { QueueWords } from "./queue-words.js";

/** While the queue is full, or after a failure. */
const RETRY_MS = 2;

/** Puts numbered items, as long as there are no more than `capacity` in the queue. */
export class QueueProducer implements Actor {
  private readonly stage: Stage;
  private readonly workload: FifoQueueWorkload;
  private readonly words: QueueWords;
  private readonly held: HeldSession<"queue">;

  constructor(stage: Stage, workload: FifoQueueWorkload) {
    this.stage = stage;
    this.workload = workload;
    this.words = new QueueWords(stage.region);
    this.held = new HeldSession(stage, "queue");
  }

  async open(): Promise<void> {
    await this.held.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    const session = await this.held.open();
    const { put, taken } = this.words;
    const producer = this.stage.index;
    for (let number = 1; !turns.over; ) {
      if (put.count.value - taken.count.value >= this.workload.capacity) {
        await turns.pause(RETRY_MS);
        continue;
      }
      const item = { producer, number: number++ };
      try {
        await timed(turns, "enqueue", () => session.enqueue(encodeItem(item, nowMicros(), this.stage.job.valueBytes)));
        put.add(item);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        put.uncertain.add(1);
        await turns.pause(RETRY_MS);
      }
    }
    this.words.producersDone.add(1);
  }

  async close(): Promise<void> {
    await this.held.close();
  }
}
