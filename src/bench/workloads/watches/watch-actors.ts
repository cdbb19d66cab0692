import type { Actor, Stage } from "../actor.js";
import { ChangerActor } from "./changer-actor.js";
import type { WatchPlan } from "./watch-plan.js";
import { WatcherActor } from "./watcher-actor.js";

export function watchActor(stage: Stage, plan: WatchPlan): Actor {
  return stage.index < plan.watchers ? new WatcherActor(stage, plan) : new ChangerActor(stage, plan);
}
