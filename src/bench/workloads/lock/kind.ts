import { z } from "zod";
import type { LockWorkload } from "../../profile/profile.js";
import { duration, whole } from "../../profile/scalars.js";
import { contentionMetrics } from "../contention/metrics.js";
import type { WorkloadKind } from "../workload-kind.js";
import { LOCK_CONTEST_WORDS } from "./lock-contest.js";

const LOCKS_MAX = 10_000;

const schema = z.strictObject({
  kind: z.literal("lock"),
  locks: whole(1, LOCKS_MAX).default(1),
  hold: duration.default(0),
  watching: z.enum(["predecessor", "all"]).default("predecessor"),
});

/** See "Distributed Locks with Redis" in its documentation, and how M. Kleppmann answered it. */
const REDIS_CAVEATS = [
  "redis cannot promise mutual exclusion to a holder that is paused for longer than its lease: it goes on beside the next " +
    "one, and as the lock's token is random and orders nothing, no store can refuse its writes (so there is no check " +
    "fencing-tokens)",
  "redis copies to replicas after it has answered: a lock granted by a primary that then fails can be granted again by " +
    "the replica that takes its place",
  "redis lets leases run out by the clock of its server: a jump of that clock ends a lock early",
  "redis keeps no queue: all that wait try again at a release, and fairness is chance",
];

/** Contention for exclusive locks, every grant judged. */
export const lockKind: WorkloadKind<LockWorkload> = {
  kind: "lock",
  schema,
  resolve: ({ locks, hold, watching }: z.output<typeof schema>) => ({
    kind: "lock",
    locks,
    holdMicros: hold,
    watching,
  }),
  pipelined: false,
  targets: ({ watching }) => (watching === "all" ? ["core", "zookeeper"] : ["core", "zookeeper", "etcd", "redis"]),
  caveats: (target) => (target === "redis" ? REDIS_CAVEATS : []),
  operations: () => ["acquire", "hand-over", "release"],
  counted: () => ["acquire"],
  keys: () => 1,
  regionWords: (_, { locks }) => locks * LOCK_CONTEST_WORDS,
  metrics: (measured) => contentionMetrics(measured),
};
