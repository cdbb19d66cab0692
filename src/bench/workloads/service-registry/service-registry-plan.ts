import { assert } from "../../../base/assert.js";
import type { ServiceRegistryWorkload } from "../../profile/profile.js";
import type { Actor, Stage } from "../actor.js";
import { rosterActor } from "../roster/roster-actors.js";
import type { RosterPlan } from "../roster/roster-plan.js";

export function serviceRegistryPlan(connections: number, workload: ServiceRegistryWorkload): RosterPlan {
  return {
    recipe: "registry",
    operations: {
      enter: "register",
      leave: "deregister",
      report: "report-load",
      learnEntered: "learn-registered",
      learnLeft: "learn-gone",
      allLearntEntered: "learn-registered-last",
      allLearntLeft: "learn-gone-last",
    },
    checks: { order: "registry-order", delivery: "registry-delivery", choice: "registry-choice" },
    comer: "provider",
    observer: "consumer",
    observers: connections,
    comers: workload.providers,
    observersEnter: false,
    goesWithSession: true,
    lifeMicros: workload.providerLifeMicros,
    awayMicros: workload.awayMicros,
    reportMicros: workload.reportIntervalMicros,
    lookupsPerSecond: workload.lookupsPerSecond,
  };
}

export function serviceRegistryActor(stage: Stage): Actor {
  const { workload, connections } = stage.job;
  assert(workload.kind === "service-registry", "made for a service-registry workload");
  return rosterActor(stage, serviceRegistryPlan(connections, workload));
}
