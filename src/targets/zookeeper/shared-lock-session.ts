import type { ZooKeeperClient } from "../../client/client.js";
import { ReadWriteLock } from "../../client/recipes/read-write-lock.js";
import type { Grant, LockMode, SharedLockSession } from "../driver.js";
import { HeldLocks } from "./held-locks.js";

export class ZooKeeperSharedLockSession implements SharedLockSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  private readonly held = new HeldLocks();

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.root = root;
  }

  get events(): number {
    return this.client.eventsReceived;
  }

  async acquire(lock: number, mode: LockMode): Promise<Grant> {
    this.held.requireFree(lock);
    const recipe = new ReadWriteLock(this.client, `${this.root}/shared-lock-${lock}`);
    const held = await (mode === "read" ? recipe.acquireRead() : recipe.acquireWrite());
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
