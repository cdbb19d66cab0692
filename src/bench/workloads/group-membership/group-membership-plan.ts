import { assert } from "../../../base/assert.js";
import type { GroupMembershipWorkload } from "../../profile/profile.js";
import type { Actor, Stage } from "../actor.js";
import { rosterActor } from "../roster/roster-actors.js";
import type { RosterPlan } from "../roster/roster-plan.js";

export function groupMembershipPlan(connections: number, workload: GroupMembershipWorkload): RosterPlan {
  return {
    recipe: "membership",
    operations: {
      enter: "join",
      leave: "leave",
      learnEntered: "see-join",
      learnLeft: "see-leave",
      allLearntEntered: "converge-join",
      allLearntLeft: "converge-leave",
    },
    checks: { order: "view-order", delivery: "view-convergence" },
    comer: "member",
    observer: "member",
    observers: connections,
    comers: workload.churning,
    observersEnter: true,
    goesWithSession: false,
    lifeMicros: workload.memberLifeMicros,
    awayMicros: workload.awayMicros,
  };
}

export function groupMembershipActor(stage: Stage): Actor {
  const { workload, connections } = stage.job;
  assert(workload.kind === "group-membership", "made for a group-membership workload");
  return rosterActor(stage, groupMembershipPlan(connections, workload));
}
