import { z } from "zod";
import type { WatchManyWorkload } from "../../profile/profile.js";
import { whole } from "../../profile/scalars.js";
import { moreThanKeys } from "../more-than-keys.js";
import { operationsOf } from "../watches/watch-plan.js";
import { watchWords } from "../watches/watch-words.js";
import type { WorkloadKind } from "../workload-kind.js";
import { watchManyPlan } from "./watch-many-plan.js";

const WATCHES_PER_CONNECTION_MAX = 100_000;
const CHANGERS_MAX = 10_000;

const schema = z.strictObject({
  kind: z.literal("watch-many"),
  watchesPerConnection: whole(1, WATCHES_PER_CONNECTION_MAX).default(100),
  changers: whole(1, CHANGERS_MAX).default(4),
});

/** Many values, many watches; few of the watches are concerned by any one change. */
export const watchManyKind: WorkloadKind<WatchManyWorkload> = {
  kind: "watch-many",
  schema,
  resolve: (parsed: z.output<typeof schema>) => parsed,
  problems: ({ watchesPerConnection, changers }, { keys }) => moreThanKeys({ watchesPerConnection, changers }, keys),
  pipelined: false,
  extraConnections: (workload) => workload.changers,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: (workload) => operationsOf(watchManyPlan(1, 1, workload).operations),
  counted: () => ["deliver"],
  keys: (profile) => profile.keys,
  regionWords: (profile, workload) => watchWords(watchManyPlan(profile.connections, profile.keys, workload)),
  metrics: (_, profile, workload) => [
    {
      name: "watches",
      value: profile.connections * Math.min(workload.watchesPerConnection, profile.keys),
      unit: "",
    },
  ],
};
