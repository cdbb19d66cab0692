import type { Actor, Stage } from "../actor.js";
import { ComerActor } from "./comer-actor.js";
import { ObserverActor } from "./observer-actor.js";
import type { RosterPlan } from "./roster-plan.js";

export function rosterActor(stage: Stage, plan: RosterPlan): Actor {
  return stage.index < plan.observers ? new ObserverActor(stage, plan) : new ComerActor(stage, plan);
}
