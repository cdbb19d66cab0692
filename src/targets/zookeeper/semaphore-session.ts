import { Semaphore } from "../../client/recipes/semaphore.js";
import type { Grant, SemaphoreSession } from "../driver.js";
import { LockingSession } from "./locking-session.js";

/** There is one of them. */
const SEMAPHORE = 0;

export class ZooKeeperSemaphoreSession extends LockingSession implements SemaphoreSession {
  async acquire(leases: number): Promise<Grant> {
    const recipe = new Semaphore(this.client, `${this.root}/semaphore`, { leases });
    const { fencingToken } = await this.hold(SEMAPHORE, recipe);
    return { fencingToken };
  }

  override async release(): Promise<void> {
    await super.release(SEMAPHORE);
  }
}
