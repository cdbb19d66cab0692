import { assert } from "../../../base/assert.js";
import type { Actor, Stage } from "../actor.js";
import { watchActor } from "../watches/watch-actors.js";
import type { WatchPlan } from "../watches/watch-plan.js";

/** One group of documents: a version of the configuration. Every reader caches all of them. */
export function configPushPlan(connections: number, documents: number): WatchPlan {
  return {
    recipe: "configuration",
    operations: {
      change: "publish",
      first: "apply-first",
      median: "apply-median",
      each: "apply",
      last: "apply-last",
    },
    checks: { order: "configuration-order", delivery: "configuration-delivery" },
    watcher: "reader",
    watchers: connections,
    changers: 1,
    groups: 1,
    groupSize: documents,
    groupsOf: () => [0],
    tellingsOf: () => connections * documents,
  };
}

export function configPushActor(stage: Stage): Actor {
  const { job } = stage;
  assert(job.workload.kind === "config-push", "made for a config-push workload");
  return watchActor(stage, configPushPlan(job.connections, job.workload.documents));
}
