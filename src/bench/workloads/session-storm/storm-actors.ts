import type { Actor, Stage } from "../actor.js";
import { PassingSession } from "./passing-session.js";
import { StormObserver } from "./storm-observer.js";

/** The connections of the profile have sessions that come and go; one more leads and observes. */
export function sessionStormActor(stage: Stage): Actor {
  return stage.index < stage.job.connections ? new PassingSession(stage) : new StormObserver(stage);
}
