import { z } from "zod";
import type { CoarseLockWorkload } from "../../profile/profile.js";
import { duration, share, whole } from "../../profile/scalars.js";
import { contentionMetrics } from "../contention/metrics.js";
import { outlasting } from "../outlasting.js";
import type { WorkloadKind } from "../workload-kind.js";
import { COARSE_LOCK_CONTEST_WORDS, verifierCount } from "./layout.js";

const LOCKS_MAX = 1_000;

const schema = z.strictObject({
  kind: z.literal("coarse-lock"),
  locks: whole(1, LOCKS_MAX).default(1),
  hold: duration.default(0),
  lockDelay: duration,
  lost: share.default(0),
  verifiers: share.default(0.2),
  verifyEvery: duration.default(10_000),
});

/** Locks in Chubby's manner: leases, lock delay, and sequencers that third parties verify. */
export const coarseLockKind: WorkloadKind<CoarseLockWorkload> = {
  kind: "coarse-lock",
  schema,
  resolve: ({ locks, hold, lockDelay, lost, verifiers, verifyEvery }: z.output<typeof schema>) => ({
    kind: "coarse-lock",
    locks,
    holdMicros: hold,
    lockDelayMicros: lockDelay,
    lost,
    verifiers,
    verifyEveryMicros: verifyEvery,
  }),
  problems: ({ lockDelayMicros, lost, verifyEveryMicros }, { durationMicros }) =>
    outlasting({ ...(lost > 0 ? { lockDelay: lockDelayMicros } : {}), verifyEvery: verifyEveryMicros }, durationMicros),
  connectionsMin: () => 2,
  pipelined: false,
  targets: () => ["core", "zookeeper"],
  operations: ({ lost }) => ["acquire", "hand-over", "release", "verify", ...(lost > 0 ? ["take-over"] : [])],
  counted: () => ["acquire"],
  keys: () => 1,
  regionWords: (_, { locks }) => locks * COARSE_LOCK_CONTEST_WORDS,
  metrics: (measured, { connections }, { verifiers }) => {
    const contending = 1 - verifierCount(connections, verifiers) / connections;
    const losses = (measured.figures["losses"] ?? []).reduce((sum, each) => sum + each, 0);
    return [...contentionMetrics(measured, contending), { name: "holders-lost", value: losses, unit: "" }];
  },
};
