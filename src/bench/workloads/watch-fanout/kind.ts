import { z } from "zod";
import type { WatchFanoutWorkload } from "../../profile/profile.js";
import { whole } from "../../profile/scalars.js";
import { operationsOf } from "../watches/watch-plan.js";
import { watchWords } from "../watches/watch-words.js";
import type { WorkloadKind } from "../workload-kind.js";
import { watchFanoutPlan } from "./watch-fanout-plan.js";

/** So many writes may be in one transaction of etcd (--max-txn-ops). */
const WATCHERS_PER_CONNECTION_MAX = 128;

const schema = z.strictObject({
  kind: z.literal("watch-fanout"),
  watchersPerConnection: whole(1, WATCHERS_PER_CONNECTION_MAX).default(1),
});

/** One change, many watchers. */
export const watchFanoutKind: WorkloadKind<WatchFanoutWorkload> = {
  kind: "watch-fanout",
  schema,
  resolve: (parsed: z.output<typeof schema>) => parsed,
  pipelined: false,
  extraConnections: () => 1,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: () => operationsOf(watchFanoutPlan(1, 1).operations),
  counted: () => ["deliver"],
  keys: (_, workload) => workload.watchersPerConnection,
  regionWords: (profile, workload) => watchWords(watchFanoutPlan(profile.connections, workload.watchersPerConnection)),
  metrics: (_, profile, workload) => [
    { name: "watchers", value: profile.connections * workload.watchersPerConnection, unit: "" },
  ],
};
