import { z } from "zod";
import type { HttpWorkload } from "../../profile/profile.js";
import type { WorkloadKind } from "../workload-kind.js";
import { HTTP_TARGETS, httpOperations } from "./dialect.js";
import { STAMP_BYTES } from "./stamped-value.js";

const weight = z.number().min(0).max(1_000_000);

const operations = z.strictObject({
  read: weight.optional(),
  readLinearizable: weight.optional(),
  write: weight.optional(),
});

const schema = z
  .strictObject({ kind: z.literal("http"), operations })
  .refine((workload) => Object.values(workload.operations).some((value) => (value ?? 0) > 0), {
    path: ["operations"],
    message: "at least one operation needs a weight above 0",
  });

/** Requests over HTTP, one at a time on each connection, driven by autocannon. */
export const httpKind: WorkloadKind<HttpWorkload> = {
  kind: "http",
  schema,
  nested: { "workload.operations": operations },
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "http",
    operations: Object.fromEntries(Object.entries(parsed.operations).filter(([, weighed]) => (weighed ?? 0) > 0)),
  }),
  problems: (_workload, { valueBytes }) =>
    valueBytes >= STAMP_BYTES
      ? []
      : [{ path: ["valueBytes"], message: `must be at least ${STAMP_BYTES}: a value says who wrote it, and when` }],
  pipelined: false,
  targets: () => HTTP_TARGETS,
  operations: (workload) => httpOperations(workload.operations),
  counted: (workload) => httpOperations(workload.operations),
  // The root alone: the values are written over HTTP, by the load itself.
  keys: () => 1,
  regionWords: () => 0,
  metrics: () => [],
};
