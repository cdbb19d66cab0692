import { assert } from "../../../base/assert.js";
import type { WatchManyWorkload } from "../../profile/profile.js";
import type { Actor, Stage } from "../actor.js";
import { watchActor } from "../watches/watch-actors.js";
import type { WatchPlan } from "../watches/watch-plan.js";

/**
 * Every connection watches so many values in a row, beginning where the one before it ended, the first value after the
 * last: so each value has as many watchers as any other, or one more.
 */
export function watchManyPlan(connections: number, keys: number, workload: WatchManyWorkload): WatchPlan {
  const own = Math.min(workload.watchesPerConnection, keys);
  const watches = connections * own;
  return {
    recipe: "watch",
    operations: { change: "change", each: "deliver", last: "deliver-last" },
    checks: { order: "watch-order", delivery: "watch-delivery" },
    watcher: "watcher",
    watchers: connections,
    changers: workload.changers,
    groups: Math.min(keys, watches),
    groupSize: 1,
    groupsOf: (watcher) => Array.from({ length: own }, (_, at) => (watcher * own + at) % keys),
    tellingsOf: (group) => Math.floor(watches / keys) + (group < watches % keys ? 1 : 0),
  };
}

export function watchManyActor(stage: Stage): Actor {
  const { job } = stage;
  assert(job.workload.kind === "watch-many", "made for a watch-many workload");
  return watchActor(stage, watchManyPlan(job.connections, job.keys, job.workload));
}
