import { ReadWriteLock } from "../../client/recipes/read-write-lock.js";
import type { Grant, LockMode, SharedLockSession } from "../driver.js";
import { LockingSession } from "./locking-session.js";

export class ZooKeeperSharedLockSession extends LockingSession implements SharedLockSession {
  async acquire(lock: number, mode: LockMode): Promise<Grant> {
    const recipe = new ReadWriteLock(this.client, `${this.root}/shared-lock-${lock}`);
    const acquire = () => (mode === "read" ? recipe.acquireRead() : recipe.acquireWrite());
    const { fencingToken } = await this.hold(lock, { acquire });
    return { fencingToken };
  }
}
