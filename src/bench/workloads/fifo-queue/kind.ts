import { z } from "zod";
import type { CheckTally } from "../../load/load.js";
import { Tally } from "../../load/tally.js";
import type { FifoQueueWorkload, Profile } from "../../profile/profile.js";
import { whole } from "../../profile/scalars.js";
import type { WorkloadKind } from "../workload-kind.js";
import { QUEUE_WORDS, QueueWords } from "./queue-words.js";

const PRODUCERS_MAX = 10_000;
const CAPACITY_MAX = 100_000;

const schema = z.strictObject({
  kind: z.literal("fifo-queue"),
  producers: whole(1, PRODUCERS_MAX).default(4),
  capacity: whole(1, CAPACITY_MAX).default(100),
});

/** Producers and consumers of one queue. */
export const fifoQueueKind: WorkloadKind<FifoQueueWorkload> = {
  kind: "fifo-queue",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "fifo-queue",
    producers: parsed.producers,
    capacity: parsed.capacity,
  }),
  pipelined: false,
  connectionsMin: (workload) => workload.producers + 1,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: () => ["enqueue", "dequeue", "transit"],
  counted: () => ["enqueue", "dequeue"],
  keys: () => 0,
  regionWords: () => QUEUE_WORDS,
  metrics: ({ figures, durationMicros }, profile, workload) => {
    const items = (figures["items"] ?? []).reduce((total, each) => total + each, 0);
    return [
      { name: "producers", value: workload.producers, unit: "" },
      { name: "consumers", value: profile.connections - workload.producers, unit: "" },
      { name: "items-per-second", value: durationMicros === 0 ? 0 : (items / durationMicros) * 1e6, unit: "1/s" },
    ];
  },
  judge: (region, profile, workload) => judgeItems(new QueueWords(region), profile, workload),
};

/**
 * `items`: what went in came out, once. Only where everybody got to the end: what is in the queue still is no loss. A call
 * that failed may have been carried out, so for each of those one item more or less is none either.
 */
function judgeItems(words: QueueWords, profile: Profile, workload: FifoQueueWorkload): CheckTally[] {
  const tally = new Tally("items");
  const consumers = profile.connections - workload.producers;
  if (words.producersDone.value < workload.producers || words.consumersDone.value < consumers) return [tally.report()];
  const { put, taken } = words;
  tally.observations = put.count.value;
  const lost = put.count.value - taken.count.value;
  if (lost > taken.uncertain.value)
    tally.violated(`of ${put.count.value} items that were put, ${lost} did not come out`);
  if (-lost > put.uncertain.value) {
    tally.violated(`${put.count.value} items were put, and ${taken.count.value} came out`);
  }
  if (lost === 0 && put.uncertain.value === 0 && taken.uncertain.value === 0 && put.sum !== taken.sum) {
    tally.violated(`${put.count.value} items were put, and as many came out, but not the same ones`);
  }
  return [tally.report()];
}
