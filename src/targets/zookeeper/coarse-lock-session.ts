import { CoarseLock, type Sequencer, verifySequencer } from "../../client/recipes/coarse-lock.js";
import type { CoarseLockSession, SequencedGrant } from "../driver.js";
import { LockingSession } from "./locking-session.js";

/** A sequencer travels as JSON. */
export class ZooKeeperCoarseLockSession extends LockingSession implements CoarseLockSession {
  async acquire(lock: number, lockDelayMs: number): Promise<SequencedGrant> {
    const recipe = new CoarseLock(this.client, `${this.root}/coarse-lock-${lock}`, { lockDelayMs });
    const { fencingToken, sequencer } = await this.hold(lock, recipe);
    return { fencingToken, sequencer: JSON.stringify(sequencer) };
  }

  async verify(sequencer: string): Promise<boolean> {
    return await verifySequencer(this.client, JSON.parse(sequencer) as Sequencer);
  }
}
