import { z } from "zod";
import type { MixWorkload } from "../../profile/profile.js";
import type { WorkloadKind } from "../workload-kind.js";

const weight = z.number().min(0).max(1_000_000);

const operations = z.strictObject({
  read: weight.optional(),
  readLinearizable: weight.optional(),
  write: weight.optional(),
  create: weight.optional(),
});

const schema = z
  .strictObject({ kind: z.literal("mix"), operations })
  .refine((workload) => Object.values(workload.operations).some((value) => (value ?? 0) > 0), {
    path: ["operations"],
    message: "at least one operation needs a weight above 0",
  });

/** Independent operations, drawn by weight. */
export const mixKind: WorkloadKind<MixWorkload> = {
  kind: "mix",
  schema,
  nested: { "workload.operations": operations },
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "mix",
    operations: Object.fromEntries(Object.entries(parsed.operations).filter(([, weighed]) => (weighed ?? 0) > 0)),
  }),
  pipelined: true,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: (workload) => Object.keys(workload.operations),
  counted: (workload) => Object.keys(workload.operations),
  keys: (profile) => profile.keys,
  regionWords: () => 0,
  metrics: () => [],
};
