import { z } from "zod";
import type { PubSubWorkload } from "../../profile/profile.js";
import { whole } from "../../profile/scalars.js";
import type { KindProblem, WorkloadKind } from "../workload-kind.js";
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
  problems: ({ topics, publishers }, { connections }) => {
    const path = ["workload", "topics"];
    const problems: KindProblem[] = [];
    if (topics > connections)
      problems.push({ path, message: `must be at most ${connections}, the number of subscribers` });
    if (topics > publishers)
      problems.push({ path, message: `must be at most ${publishers}, the number of publishers` });
    return problems;
  },
  pipelined: false,
  extraConnections: (workload) => workload.publishers,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: () => ["publish", "deliver", "deliver-last"],
  counted: () => ["deliver"],
  keys: () => 0,
  regionWords: (_, workload) => pubSubWords(workload),
  metrics: (_, profile) => [{ name: "subscribers", value: profile.connections, unit: "" }],
};
