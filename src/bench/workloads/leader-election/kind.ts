import { z } from "zod";
import type { LeaderElectionWorkload } from "../../profile/profile.js";
import { duration, share } from "../../profile/scalars.js";
import { outlasting } from "../outlasting.js";
import type { WorkloadKind } from "../workload-kind.js";
import { ELECTION_WORDS } from "./election-words.js";

const schema = z.strictObject({
  kind: z.literal("leader-election"),
  lead: duration.default(20_000),
  lost: share.default(0.3),
  cut: share.default(0.1),
});

/** Candidates campaign, lead, and resign or are lost. */
export const leaderElectionKind: WorkloadKind<LeaderElectionWorkload> = {
  kind: "leader-election",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "leader-election",
    leadMicros: parsed.lead,
    lostShare: parsed.lost,
    cutShare: parsed.cut,
  }),
  problems: ({ leadMicros, lostShare, cutShare }, { durationMicros }) => {
    const problems = outlasting({ lead: leadMicros }, durationMicros);
    if (lostShare + cutShare > 1) {
      problems.push({ path: ["workload", "lost"], message: "must be at most 100% together with cut; lower either" });
    }
    return problems;
  },
  pipelined: false,
  connectionsMin: () => 2,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: () => ["elect", "learn", "learn-last", "resign"],
  counted: () => ["elect"],
  keys: () => 0,
  regionWords: () => ELECTION_WORDS,
  metrics: ({ figures, durationMicros }) => {
    const terms = (figures["terms"] ?? []).reduce((total, each) => total + each, 0);
    return [
      { name: "terms-per-second", value: durationMicros === 0 ? 0 : (terms / durationMicros) * 1e6, unit: "1/s" },
    ];
  },
};
