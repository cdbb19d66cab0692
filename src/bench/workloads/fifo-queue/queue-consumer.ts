import type { QueueSession } from "../../../targets/driver.js";
import type { Tally } from "../../load/tally.js";
import type { FifoQueueWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Attempt, Stage } from "../actor.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, stepOf } from "../steps.js";
import { decodeItem } from "./item.js";
import { QueueWords } from "./queue-words.js";

const RETRY_MS = 20;
/** How often it is looked whether the producers are done. */
const LOOK_MS = 10;

/**
 * Takes items until the producers are done and the queue is empty. `producer-order`: of one producer's items, a consumer
 * is given later ones later.
 */
export class QueueConsumer implements Actor {
  private readonly stage: Stage;
  private readonly workload: FifoQueueWorkload;
  private readonly words: QueueWords;
  private readonly producerOrder: Tally;
  private readonly held: HeldSession<"queue">;
  /** By producer, the last item that came. */
  private readonly last: number[];

  constructor(stage: Stage, workload: FifoQueueWorkload) {
    this.stage = stage;
    this.workload = workload;
    this.words = new QueueWords(stage.region);
    this.producerOrder = stage.tally("producer-order");
    this.held = new HeldSession(stage, "queue");
    this.last = new Array<number>(workload.producers).fill(0);
  }

  async open(): Promise<void> {
    await this.held.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    const session = await this.held.open();
    const drained = new AbortController();
    const watching = this.watch(session, turns, drained);
    const taking = async (): Promise<void> => {
      while (!drained.signal.aborted && !turns.givenUp) await this.take(session, turns, drained.signal);
    };
    await Promise.all([watching, taking()]);
    if (drained.signal.aborted) this.words.consumersDone.add(1);
  }

  async close(): Promise<void> {
    await this.held.close();
  }

  /** Aborts once nothing more can come. What fails is tried again: nobody waits for this before the round is over. */
  private async watch(session: QueueSession, turns: ActorTurns, drained: AbortController): Promise<void> {
    while (!turns.givenUp) {
      const done = this.words.producersDone.value === this.workload.producers;
      try {
        if (done && (await stepOf(turns, "dequeue", () => session.isEmpty()))) {
          drained.abort();
          return;
        }
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  private async take(session: QueueSession, turns: ActorTurns, drained: AbortSignal): Promise<void> {
    const attempt = turns.begin("dequeue");
    let bytes: Buffer | null;
    try {
      bytes = await session.dequeue(drained);
    } catch (error) {
      if (drained.aborted) {
        turns.dropped(attempt);
        return;
      }
      turns.failed(attempt, error);
      this.words.taken.uncertain.add(1);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return;
    }
    if (!turns.givenUp) this.taken(turns, attempt, bytes);
  }

  private taken(turns: ActorTurns, attempt: Attempt, bytes: Buffer | null): void {
    turns.succeeded(attempt);
    turns.add("items", 1);
    this.producerOrder.observations++;
    const consumer = this.stage.index;
    const item = decodeItem(bytes);
    const before = item === undefined ? undefined : this.last[item.producer];
    if (item === undefined || before === undefined) {
      this.producerOrder.violated(`consumer ${consumer} was given an item that no producer put`);
      return;
    }
    this.words.taken.add(item);
    turns.record("transit", item.putMicros);
    if (item.number <= before) {
      this.producerOrder.violated(
        `consumer ${consumer} was given item ${item.number} of producer ${item.producer} after its item ${before}`,
      );
    }
    this.last[item.producer] = item.number;
  }
}
