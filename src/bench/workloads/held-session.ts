import type { Recipe, RecipeSessions } from "../../targets/driver.js";
import type { Stage } from "./actor.js";
import { StepFailed } from "./steps.js";

/** The session of an actor that ends its sessions and opens others in their place. */
export class HeldSession<R extends Recipe> {
  private readonly stage: Stage;
  private readonly recipe: R;
  private session: RecipeSessions[R] | undefined;
  private closed = false;

  constructor(stage: Stage, recipe: R) {
    this.stage = stage;
    this.recipe = recipe;
  }

  /** The session that is open, else a new one. Throws StepFailed once the actor was closed. */
  async open(): Promise<RecipeSessions[R]> {
    if (this.session !== undefined) return this.session;
    const { job, index, driver } = this.stage;
    const { members, root, sessionTimeoutMs } = job;
    const session = await driver.openSession(this.recipe, { members, index, root, sessionTimeoutMs });
    if (this.closed) {
      await session.close();
      throw new StepFailed("the round was given up");
    }
    this.session = session;
    return session;
  }

  /** Ends the session, and with it all that lasts as long as it does. */
  async end(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    await session?.close();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.end();
  }
}
