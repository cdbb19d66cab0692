import { z } from "zod";
import type { PubSubWorkload } from "../../profile/profile.js";
import { whole } from "../../profile/scalars.js";
import type { WorkloadKind } from "../workload-kind.js";
import { pubSubWords } from "./pub-sub-words.js";

const TOPICS_MAX = 10_000;
const PUBLISHERS_MAX = 10_000;
const WINDOW_MAX = 1_024;

const schema = z.strictObject({
  kind: z.literal("pub-sub"),
  topics: whole(1, TOPICS_MAX).default(4),
  publishers: whole(1, PUBLISHERS_MAX).default(4),
  window: whole(1, WINDOW_MAX).default(16),
});

/** Topics: every subscriber gets every message, in the order in which they were published. */
export const pubSubKind: WorkloadKind<PubSubWorkload> = {
  kind: "pub-sub",
  schema,
  resolve: (parsed: z.output<typeof schema>) => parsed,
  pipelined: false,
  extraConnections: (workload) => workload.publishers,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: () => ["publish", "deliver", "deliver-last"],
  counted: () => ["deliver"],
  keys: () => 0,
  regionWords: (_, workload) => pubSubWords(workload),
  metrics: (_, profile) => [{ name: "subscribers", value: profile.connections, unit: "" }],
};
