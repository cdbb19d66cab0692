import type { ZooKeeperClient } from "../../client/client.js";
import { Semaphore } from "../../client/recipes/semaphore.js";
import type { Grant, SemaphoreSession } from "../driver.js";
import { HeldLocks } from "./held-locks.js";

/** There is one of them. */
const SEMAPHORE = 0;

export class ZooKeeperSemaphoreSession implements SemaphoreSession {
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

  async acquire(leases: number): Promise<Grant> {
    this.held.requireFree(SEMAPHORE);
    const held = await new Semaphore(this.client, `${this.root}/semaphore`, { leases }).acquire();
    this.held.add(SEMAPHORE, held);
    return { fencingToken: held.fencingToken };
  }

  async release(): Promise<void> {
    await this.held.release(SEMAPHORE);
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
