import { z } from "zod";
import { fairnessOf } from "../../fairness.js";
import type { LockWorkload } from "../../profile/profile.js";
import { duration, whole } from "../../profile/scalars.js";
import type { WorkloadKind } from "../workload-kind.js";
import { LOCK_WORDS } from "./lock-words.js";

const LOCKS_MAX = 10_000;

const schema = z.strictObject({
  kind: z.literal("lock"),
  locks: whole(1, LOCKS_MAX).default(1),
  hold: duration.default(0),
});

/** Contention for locks, every grant judged. */
export const lockKind: WorkloadKind<LockWorkload> = {
  kind: "lock",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({ kind: "lock", locks: parsed.locks, holdMicros: parsed.hold }),
  pipelined: false,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: () => ["acquire", "hand-over", "release"],
  counted: () => ["acquire"],
  keys: () => 1,
  regionWords: (_, workload) => workload.locks * LOCK_WORDS,
  metrics: ({ figures, durationMicros }) => {
    const acquisitions = figures["acquisitions"] ?? [];
    const sum = acquisitions.reduce((total, each) => total + each, 0);
    return [
      {
        name: "acquisitions-per-second",
        value: durationMicros === 0 ? 0 : (sum / durationMicros) * 1e6,
        unit: "1/s",
      },
      { name: "fairness", value: fairnessOf(acquisitions), unit: "" },
    ];
  },
};
