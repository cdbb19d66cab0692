import type { ZooKeeperClient } from "../../client/client.js";
import { CoarseLock, type Sequencer, verifySequencer } from "../../client/recipes/coarse-lock.js";
import type { CoarseLockSession, SequencedGrant } from "../driver.js";
import { HeldLocks } from "./held-locks.js";

/** A sequencer travels as JSON. */
export class ZooKeeperCoarseLockSession implements CoarseLockSession {
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

  async acquire(lock: number, lockDelayMs: number): Promise<SequencedGrant> {
    this.held.requireFree(lock);
    const held = await new CoarseLock(this.client, `${this.root}/coarse-lock-${lock}`, { lockDelayMs }).acquire();
    this.held.add(lock, held);
    return { fencingToken: held.fencingToken, sequencer: JSON.stringify(held.sequencer) };
  }

  async release(lock: number): Promise<void> {
    await this.held.release(lock);
  }

  async verify(sequencer: string): Promise<boolean> {
    return await verifySequencer(this.client, JSON.parse(sequencer) as Sequencer);
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
