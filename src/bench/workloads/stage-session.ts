import type { Recipe, RecipeSessions } from "../../targets/driver.js";
import type { Stage } from "./actor.js";

/** A session for the actor of this stage. */
export function openStageSession<R extends Recipe>(stage: Stage, recipe: R): Promise<RecipeSessions[R]> {
  const { job, index, driver } = stage;
  const { members, root, sessionTimeoutMs, valueBytes } = job;
  return driver.openSession(recipe, { members, index, root, sessionTimeoutMs, valueBytes });
}
