import { z } from "zod";
import type { KafkaMetadataWorkload } from "../../profile/profile.js";
import { duration, whole } from "../../profile/scalars.js";
import { outlasting } from "../outlasting.js";
import type { WorkloadKind } from "../workload-kind.js";
import { kafkaWords } from "./kafka-words.js";

const BROKERS_MAX = 1_000;
const TOPICS_MAX = 1_000;
const PARTITIONS_MAX = 1_000;
const GROUPS_MAX = 1_000;

const schema = z.strictObject({
  kind: z.literal("kafka-metadata"),
  brokers: whole(1, BROKERS_MAX).default(3),
  topics: whole(1, TOPICS_MAX).default(4),
  partitions: whole(1, PARTITIONS_MAX).default(4),
  groups: whole(1, GROUPS_MAX).default(2),
  brokerLife: duration.default(1_000_000),
  consumerLife: duration.default(1_000_000),
  away: duration.default(50_000),
  isrInterval: duration.default(10_000),
  commitInterval: duration.default(0),
});

/** The metadata of Kafka as it was kept in ZooKeeper. */
export const kafkaMetadataKind: WorkloadKind<KafkaMetadataWorkload> = {
  kind: "kafka-metadata",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "kafka-metadata",
    brokers: parsed.brokers,
    topics: parsed.topics,
    partitions: parsed.partitions,
    groups: parsed.groups,
    brokerLifeMicros: parsed.brokerLife,
    consumerLifeMicros: parsed.consumerLife,
    awayMicros: parsed.away,
    isrIntervalMicros: parsed.isrInterval,
    commitIntervalMicros: parsed.commitInterval,
  }),
  problems: (workload, { connections, durationMicros }) => {
    const { awayMicros, isrIntervalMicros, commitIntervalMicros, brokers, groups } = workload;
    const times = { away: awayMicros, isrInterval: isrIntervalMicros, commitInterval: commitIntervalMicros };
    const problems = outlasting(times, durationMicros);
    const consumers = connections - brokers;
    if (groups > consumers) {
      problems.push({ path: ["workload", "groups"], message: `must be at most ${consumers}, the number of consumers` });
    }
    return problems;
  },
  pipelined: false,
  connectionsMin: (workload) => workload.brokers + 1,
  targets: () => ["core", "zookeeper"],
  operations: () => [
    "broker-register",
    "controller-elect",
    "topic-create",
    "topic-delete",
    "partition-assign",
    "isr-change",
    "consumer-join",
    "rebalance",
    "offset-fetch",
    "offset-commit",
  ],
  counted: () => [
    "broker-register",
    "controller-elect",
    "topic-create",
    "topic-delete",
    "partition-assign",
    "isr-change",
    "consumer-join",
    "offset-fetch",
    "offset-commit",
  ],
  keys: () => 0,
  regionWords: (_, workload) => kafkaWords(workload),
  metrics: ({ figures, durationMicros }) => {
    const perSecond = (name: string): number => {
      const sum = (figures[name] ?? []).reduce((total, each) => total + each, 0);
      return durationMicros === 0 ? 0 : (sum / durationMicros) * 1e6;
    };
    return [
      { name: "offset-commits-per-second", value: perSecond("offset-commits"), unit: "1/s" },
      { name: "controller-elections-per-second", value: perSecond("controller-elections"), unit: "1/s" },
    ];
  },
};
