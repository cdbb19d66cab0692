import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import type { HeldLock } from "../../client/recipes/held-lock.js";

/** A session that takes part in locks of one kind, which it knows by number. */
export abstract class LockingSession {
  protected readonly client: ZooKeeperClient;
  protected readonly root: string;
  private readonly held = new Map<number, HeldLock>();

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.root = root;
  }

  get events(): number {
    return this.client.eventsReceived;
  }

  async release(lock: number): Promise<void> {
    const held = this.held.get(lock);
    assert(held, `lock ${lock} is not held by this session`);
    this.held.delete(lock);
    await held.release();
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  /** What is acquired is held until `release`. */
  protected async hold<Held extends HeldLock>(lock: number, recipe: { acquire(): Promise<Held> }): Promise<Held> {
    assert(!this.held.has(lock), `lock ${lock} is held by this session already`);
    const held = await recipe.acquire();
    this.held.set(lock, held);
    return held;
  }
}
