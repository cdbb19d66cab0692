import { assert } from "../../../base/assert.js";
import type { PubSubSession, TopicMessage } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { flushed } from "../flushed.js";
import { openStageSession } from "../stage-session.js";
import { PubSubWords, subscribersOf, topicsOf } from "./pub-sub-words.js";

/**
 * Gets all messages of one topic. Checks: they come in the order in which they were published, which is the same for all
 * (order); and of each publisher every one comes, once (delivery).
 */
export class SubscriberActor implements Actor {
  private readonly stage: Stage;
  private readonly words: PubSubWords;
  private readonly topic: number;
  private readonly subscribers: number;
  private readonly order: Tally;
  private readonly delivery: Tally;
  /** The last message of each publisher of the topic. */
  private readonly received = new Map<number, number>();
  private lastOrder = 0;
  private session: PubSubSession | undefined;
  private turns: ActorTurns | undefined;

  constructor(stage: Stage) {
    const { workload, connections } = stage.job;
    assert(workload.kind === "pub-sub", "a subscriber needs a pub-sub workload");
    this.stage = stage;
    this.words = new PubSubWords(stage.region, connections, workload);
    const topics = topicsOf(connections, workload);
    this.topic = stage.index % topics;
    this.subscribers = subscribersOf(this.topic, topics, connections);
    this.order = stage.tally("pub-sub-order");
    this.delivery = stage.tally("pub-sub-delivery");
    for (let publisher = this.topic; publisher < workload.publishers; publisher += topics) {
      this.received.set(publisher, 0);
    }
  }

  async open(): Promise<void> {
    this.session = await openStageSession(this.stage, "pubSub");
    await this.session.subscribe(this.topic, (message, order) => this.receive(message, order));
  }

  async act(turns: ActorTurns): Promise<void> {
    this.turns = turns;
    this.words.cast.beReady();
    await this.words.cast.finished();
  }

  async settle(): Promise<void> {
    const behind = [...this.received].flatMap(([publisher, received]) => {
      const published = this.words.published(publisher).value;
      return received < published ? [{ publisher, published }] : [];
    });
    if (behind.length === 0) return;
    const conclusive = await flushed(this.session);
    for (const { publisher, published } of behind) {
      const received = this.received.get(publisher) as number;
      const detail = `in the end ${this.name} had ${received} messages of publisher ${publisher}, which has published ${published}`;
      if (!conclusive) this.delivery.unjudged(detail);
      else if (received < published) this.delivery.violated(detail);
    }
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private receive({ publisher, sequence }: TopicMessage, order: number): void {
    const endedMicros = nowMicros();
    this.order.observations++;
    this.delivery.observations++;
    if (order <= this.lastOrder) {
      this.order.violated(`${this.name} got a message that stands at ${order} after one at ${this.lastOrder}`);
    }
    this.lastOrder = order;
    const before = this.received.get(publisher);
    if (before === undefined || sequence !== before + 1) {
      this.delivery.violated(
        `${this.name} got message ${sequence} of publisher ${publisher} after ${before ?? "none"}`,
      );
    }
    if (before === undefined || sequence <= before) return;
    this.received.set(publisher, sequence);
    this.arrive(publisher, sequence, endedMicros);
  }

  private arrive(publisher: number, sequence: number, endedMicros: number): void {
    const message = this.words.message(publisher, sequence);
    const { startedMicros } = message;
    this.turns?.record("deliver", startedMicros, endedMicros);
    if (message.arrive() !== this.subscribers) return;
    this.turns?.record("deliver-last", startedMicros, endedMicros);
    message.deliver();
  }

  private get name(): string {
    return `subscriber ${this.stage.index}`;
  }
}
