import type { ZooKeeperClient } from "../../client/client.js";
import type { HeldLock } from "../../client/recipes/held-lock.js";
import type { Grant, LockSession } from "../driver.js";
import { HeldLocks } from "./held-locks.js";

/** An exclusive lock of the client's recipes. */
type LockRecipe = new (client: ZooKeeperClient, path: string) => { acquire(): Promise<HeldLock> };

/** Exclusive locks, by one recipe or another. */
export class ZooKeeperLockSession implements LockSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  private readonly Recipe: LockRecipe;
  private readonly held = new HeldLocks();

  constructor(client: ZooKeeperClient, root: string, Recipe: LockRecipe) {
    this.client = client;
    this.root = root;
    this.Recipe = Recipe;
  }

  get events(): number {
    return this.client.eventsReceived;
  }

  async acquire(lock: number): Promise<Grant> {
    this.held.requireFree(lock);
    const held = await new this.Recipe(this.client, `${this.root}/lock-${lock}`).acquire();
    this.held.add(lock, held);
    return { fencingToken: held.fencingToken };
  }

  async release(lock: number): Promise<void> {
    await this.held.release(lock);
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
