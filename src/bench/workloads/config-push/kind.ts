import { z } from "zod";
import type { ConfigPushWorkload } from "../../profile/profile.js";
import { whole } from "../../profile/scalars.js";
import { operationsOf } from "../watches/watch-plan.js";
import { watchWords } from "../watches/watch-words.js";
import type { WorkloadKind } from "../workload-kind.js";
import { configPushPlan } from "./config-push-plan.js";

/** So many writes may be in one transaction of etcd (--max-txn-ops). */
const DOCUMENTS_MAX = 128;

const schema = z.strictObject({
  kind: z.literal("config-push"),
  documents: whole(1, DOCUMENTS_MAX).default(1),
});

/** One writer of configuration versions, many readers that keep a cache. */
export const configPushKind: WorkloadKind<ConfigPushWorkload> = {
  kind: "config-push",
  schema,
  resolve: (parsed: z.output<typeof schema>) => parsed,
  pipelined: false,
  extraConnections: () => 1,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: () => operationsOf(configPushPlan(1, 1).operations),
  counted: () => ["apply"],
  keys: (_, workload) => workload.documents,
  regionWords: (profile, workload) => watchWords(configPushPlan(profile.connections, workload.documents)),
  metrics: (_, profile) => [{ name: "readers", value: profile.connections, unit: "" }],
};
