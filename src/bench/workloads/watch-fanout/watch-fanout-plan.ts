import { assert } from "../../../base/assert.js";
import type { Actor, Stage } from "../actor.js";
import { watchActor } from "../watches/watch-actors.js";
import type { WatchPlan } from "../watches/watch-plan.js";

/** One group, which everybody watches: a watch for each of its values. */
export function watchFanoutPlan(connections: number, watchersPerConnection: number): WatchPlan {
  return {
    recipe: "watch",
    operations: {
      change: "change",
      first: "deliver-first",
      median: "deliver-median",
      each: "deliver",
      last: "deliver-last",
    },
    checks: { order: "watch-order", delivery: "watch-delivery" },
    watcher: "watcher",
    watchers: connections,
    changers: 1,
    groups: 1,
    groupSize: watchersPerConnection,
    groupsOf: () => [0],
    tellingsOf: () => connections * watchersPerConnection,
  };
}

export function watchFanoutActor(stage: Stage): Actor {
  const { job } = stage;
  assert(job.workload.kind === "watch-fanout", "made for a watch-fanout workload");
  return watchActor(stage, watchFanoutPlan(job.connections, job.workload.watchersPerConnection));
}
