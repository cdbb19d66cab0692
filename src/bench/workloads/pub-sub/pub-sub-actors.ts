import type { Actor, Stage } from "../actor.js";
import { PublisherActor } from "./publisher-actor.js";
import { SubscriberActor } from "./subscriber-actor.js";

/** The connections of the profile subscribe; publishers are numbered after them. */
export function pubSubActor(stage: Stage): Actor {
  return stage.index < stage.job.connections ? new SubscriberActor(stage) : new PublisherActor(stage);
}
