import type { ZooKeeperClient } from "../client.js";
import type { AcquireOptions, HeldLock } from "./held-lock.js";
import { PlaceQueue, waitForPredecessor } from "./place-queue.js";

/** As Apache Curator's mutex names its nodes. */
const LABEL = "lock-";

/**
 * A lock that one session at a time holds: a queue of ephemeral sequential nodes below `path`, of which the first is
 * the holder, and each waits for the one right before it, so that a release wakes one session and not all.
 *
 * Who looks after the lock must let nobody remove the holder's node from outside: the holder is not told, and the next
 * one has the lock beside it. The fencing tokens tell them apart all the same.
 *
 * @example
 * const held = await new ExclusiveLock(client, "/locks/printer").acquire();
 * try {
 *   await print(document, held.fencingToken);
 * } finally {
 *   await held.release();
 * }
 */
export class ExclusiveLock {
  private readonly queue: PlaceQueue;

  constructor(client: ZooKeeperClient, path: string) {
    this.queue = new PlaceQueue(client, path, "lock", [LABEL]);
  }

  /**
   * Waits for the lock over lost connections. Throws SESSIONEXPIRED where the session ends meanwhile, NONODE where
   * somebody removed the place in the queue, and the reason of `signal` where that is aborted; the place is given up then.
   */
  async acquire(options: AcquireOptions = {}): Promise<HeldLock> {
    return await this.queue.takeTurn({ label: LABEL, turn: waitForPredecessor, signal: options.signal });
  }
}
