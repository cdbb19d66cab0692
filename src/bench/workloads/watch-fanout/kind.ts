import { z } from "zod";
import type { WatchFanoutWorkload } from "../../profile/profile.js";
import type { WorkloadKind } from "../workload-kind.js";
import { WATCH_WORDS } from "./watch-words.js";

const schema = z.strictObject({ kind: z.literal("watch-fanout") });

/** One change, many watchers. */
export const watchFanoutKind: WorkloadKind<WatchFanoutWorkload> = {
  kind: "watch-fanout",
  schema,
  resolve: () => ({ kind: "watch-fanout" }),
  pipelined: false,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: () => ["change", "deliver", "deliver-last"],
  counted: () => ["deliver"],
  keys: () => 1,
  regionWords: () => WATCH_WORDS,
  metrics: (_, profile) => [{ name: "watchers", value: profile.connections, unit: "" }],
};
