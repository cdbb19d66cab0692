import type { ZooKeeperClient } from "../../client/client.js";
import type { HeldLock } from "../../client/recipes/held-lock.js";
import type { Grant, LockSession } from "../driver.js";
import { LockingSession } from "./locking-session.js";

/** An exclusive lock of the client's recipes. */
type LockRecipe = new (client: ZooKeeperClient, path: string) => { acquire(): Promise<HeldLock> };

/** Exclusive locks, by one recipe or another. */
export class ZooKeeperLockSession extends LockingSession implements LockSession {
  private readonly Recipe: LockRecipe;

  constructor(client: ZooKeeperClient, root: string, Recipe: LockRecipe) {
    super(client, root);
    this.Recipe = Recipe;
  }

  async acquire(lock: number): Promise<Grant> {
    const { fencingToken } = await this.hold(lock, new this.Recipe(this.client, `${this.root}/lock-${lock}`));
    return { fencingToken };
  }
}
