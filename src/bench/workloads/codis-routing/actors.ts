import type { Actor, Stage } from "../actor.js";
import { DashboardActor } from "./dashboard-actor.js";
import { ProxyActor } from "./proxy-actor.js";

/** The first connection is the dashboard, the others are proxies. */
export function codisActor(stage: Stage): Actor {
  return stage.index === 0 ? new DashboardActor(stage) : new ProxyActor(stage);
}
