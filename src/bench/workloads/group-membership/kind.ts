import { z } from "zod";
import type { GroupMembershipWorkload } from "../../profile/profile.js";
import { duration, whole } from "../../profile/scalars.js";
import { castWords } from "../cast-words.js";
import { outlasting } from "../outlasting.js";
import { rosterOperations } from "../roster/roster-plan.js";
import type { WorkloadKind } from "../workload-kind.js";
import { groupMembershipPlan } from "./group-membership-plan.js";

const CHURNING_MAX = 10_000;

const schema = z.strictObject({
  kind: z.literal("group-membership"),
  churning: whole(1, CHURNING_MAX).default(4),
  memberLife: duration.default(200_000),
  away: duration.default(50_000),
});

/** Some members of a group leave and join again; those who stay keep a view of who is in it. */
export const groupMembershipKind: WorkloadKind<GroupMembershipWorkload> = {
  kind: "group-membership",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "group-membership",
    churning: parsed.churning,
    memberLifeMicros: parsed.memberLife,
    awayMicros: parsed.away,
  }),
  problems: ({ awayMicros }, { durationMicros }) => outlasting({ away: awayMicros }, durationMicros),
  pipelined: false,
  extraConnections: (workload) => workload.churning,
  targets: () => ["core", "zookeeper"],
  operations: (workload) => rosterOperations(groupMembershipPlan(1, workload).operations),
  counted: () => ["see-join", "see-leave"],
  keys: () => 0,
  regionWords: (_, workload) => castWords(workload.churning),
  metrics: (_, profile, workload) => [{ name: "members", value: profile.connections + workload.churning, unit: "" }],
};
