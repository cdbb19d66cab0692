import { assert } from "../../../base/assert.js";
import type { Actor, Stage } from "../actor.js";
import { QueueConsumer } from "./queue-consumer.js";
import { QueueProducer } from "./queue-producer.js";

/** The first connections are producers, the others consumers. */
export function queueActor(stage: Stage): Actor {
  const { workload } = stage.job;
  assert(workload.kind === "fifo-queue", "producers and consumers need a fifo-queue workload");
  return stage.index < workload.producers ? new QueueProducer(stage, workload) : new QueueConsumer(stage, workload);
}
