import { z } from "zod";
import type { SemaphoreWorkload } from "../../profile/profile.js";
import { duration, whole } from "../../profile/scalars.js";
import { contentionMetrics } from "../contention/metrics.js";
import type { WorkloadKind } from "../workload-kind.js";
import { semaphoreContestWords } from "./semaphore-contest.js";

const LEASES_MAX = 1_000;

const schema = z.strictObject({
  kind: z.literal("semaphore"),
  leases: whole(1, LEASES_MAX),
  hold: duration.default(0),
});

/** Contention for the leases of a semaphore, every grant judged. */
export const semaphoreKind: WorkloadKind<SemaphoreWorkload> = {
  kind: "semaphore",
  schema,
  resolve: ({ leases, hold }: z.output<typeof schema>) => ({ kind: "semaphore", leases, holdMicros: hold }),
  pipelined: false,
  targets: () => ["core", "zookeeper"],
  operations: () => ["acquire", "hand-over", "release"],
  counted: () => ["acquire"],
  keys: () => 1,
  regionWords: (_, { leases }) => semaphoreContestWords(leases),
  metrics: (measured) => contentionMetrics(measured),
};
