import { assert } from "../../../base/assert.js";
import type { Actor, Stage } from "../actor.js";
import { BrokerActor } from "./broker-actor.js";
import { ConsumerActor } from "./consumer-actor.js";

/** The first connections are brokers, the others consumers. */
export function kafkaActor(stage: Stage): Actor {
  const { workload } = stage.job;
  assert(workload.kind === "kafka-metadata", "brokers and consumers need a kafka-metadata workload");
  return stage.index < workload.brokers ? new BrokerActor(stage) : new ConsumerActor(stage);
}
