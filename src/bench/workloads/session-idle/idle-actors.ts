import type { Actor, Stage } from "../actor.js";
import { IdleProber } from "./idle-prober.js";
import { IdleSession } from "./idle-session.js";

/** The connections of the profile are idle; one more is not. */
export function sessionIdleActor(stage: Stage): Actor {
  return stage.index < stage.job.connections ? new IdleSession(stage) : new IdleProber(stage);
}
