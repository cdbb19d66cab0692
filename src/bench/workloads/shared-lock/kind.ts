import { z } from "zod";
import type { SharedLockWorkload } from "../../profile/profile.js";
import { duration, share, whole } from "../../profile/scalars.js";
import { contentionMetrics } from "../contention/metrics.js";
import type { WorkloadKind } from "../workload-kind.js";
import { SHARED_LOCK_CONTEST_WORDS } from "./shared-lock-contest.js";

const LOCKS_MAX = 10_000;

const schema = z.strictObject({
  kind: z.literal("shared-lock"),
  locks: whole(1, LOCKS_MAX).default(1),
  writers: share.default(0.1),
  hold: duration.default(0),
});

/** Contention of readers and writers, every grant judged. */
export const sharedLockKind: WorkloadKind<SharedLockWorkload> = {
  kind: "shared-lock",
  schema,
  resolve: ({ locks, writers, hold }: z.output<typeof schema>) => ({
    kind: "shared-lock",
    locks,
    writers,
    holdMicros: hold,
  }),
  pipelined: false,
  targets: () => ["core", "zookeeper"],
  operations: ({ writers }) => [...asked(writers), "hand-over", "release"],
  counted: ({ writers }) => asked(writers),
  keys: () => 1,
  regionWords: (_, { locks }) => locks * SHARED_LOCK_CONTEST_WORDS,
  metrics: (measured) => contentionMetrics(measured),
};

/** What nobody asks for is not reported. */
function asked(writers: number): readonly string[] {
  return [...(writers < 1 ? ["acquire-read"] : []), ...(writers > 0 ? ["acquire-write"] : [])];
}
