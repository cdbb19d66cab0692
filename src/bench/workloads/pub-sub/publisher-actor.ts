import { assert } from "../../../base/assert.js";
import type { PubSubSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { PubSubWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { allTold } from "../announcement.js";
import { openStageSession } from "../stage-session.js";
import { StepFailed, timed } from "../steps.js";
import { PubSubWords, subscribersOf, topicsOf } from "./pub-sub-words.js";

const RETRY_MS = 200;
/** Messages that are kept, in windows: who lags does so by one window at the most. */
const WINDOWS_RETAINED = 2;

/** Publishes one message after the other to its topic, with at most `window` under way to its subscribers. */
export class PublisherActor implements Actor {
  private readonly stage: Stage;
  private readonly workload: PubSubWorkload;
  private readonly words: PubSubWords;
  private readonly publisher: number;
  private readonly topic: number;
  private readonly subscribers: number;
  private readonly delivery: Tally;
  private session: PubSubSession | undefined;
  private published = 0;
  /** The message that is being waited for; 0 for none. */
  private awaited = 0;

  constructor(stage: Stage) {
    const { workload, connections } = stage.job;
    assert(workload.kind === "pub-sub", "a publisher needs a pub-sub workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new PubSubWords(stage.region, connections, workload);
    const topics = topicsOf(connections, workload);
    this.publisher = stage.index - connections;
    this.topic = this.publisher % topics;
    this.subscribers = subscribersOf(this.topic, topics, connections);
    this.delivery = stage.tally("pub-sub-delivery");
  }

  async open(): Promise<void> {
    this.session = await openStageSession(this.stage, "pubSub");
  }

  async act(turns: ActorTurns): Promise<void> {
    try {
      await this.words.cast.allReady();
      while (!turns.over) {
        if (!(await this.delivered(this.published + 1 - this.workload.window, turns))) return;
        await this.publish(turns, this.published + 1);
      }
      for (let sequence = this.published + 1 - this.workload.window; sequence <= this.published; sequence++) {
        if (!(await this.delivered(sequence, turns))) return;
      }
    } finally {
      this.words.cast.finish();
    }
  }

  /** Whether what was not delivered by the end of the round is lost or late, only the subscribers can find out. */
  settle(): Promise<void> {
    if (this.awaited === 0) return Promise.resolve();
    const { arrived } = this.words.message(this.publisher, this.awaited);
    if (arrived < this.subscribers) {
      this.delivery.unjudged(
        `${this.subscribers - arrived} of ${this.subscribers} subscribers did not have message ${this.awaited} of ` +
          `publisher ${this.publisher} when the round was given up`,
      );
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  /** Repeats itself where it fails: a message is published once, however often it is sent. */
  private async publish(turns: ActorTurns, sequence: number): Promise<void> {
    const session = this.session as PubSubSession;
    const { topic, publisher } = this;
    const retained = this.workload.window * WINDOWS_RETAINED;
    this.words.message(publisher, sequence).begin(sequence, nowMicros());
    for (let sent = false; !sent; ) {
      try {
        await timed(turns, "publish", () => session.publish({ topic, publisher, sequence }, retained));
        sent = true;
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        if (turns.givenUp) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.published = sequence;
    this.words.published(publisher).raise(sequence);
  }

  /** False where not all subscribers have message number `sequence` when the round is given up. */
  private async delivered(sequence: number, turns: ActorTurns): Promise<boolean> {
    if (sequence < 1) return true;
    this.awaited = sequence;
    if (!(await allTold(this.words.message(this.publisher, sequence), turns, "deliver-last"))) return false;
    this.awaited = 0;
    return true;
  }
}
