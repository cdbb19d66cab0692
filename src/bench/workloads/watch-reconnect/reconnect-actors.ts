import type { Actor, Stage } from "../actor.js";
import { MovingWatcher } from "./moving-watcher.js";
import { StormLeader } from "./storm-leader.js";

/** The connections of the profile watch; one more leads. */
export function watchReconnectActor(stage: Stage): Actor {
  return stage.index < stage.job.connections ? new MovingWatcher(stage) : new StormLeader(stage);
}
