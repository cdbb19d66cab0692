import type { ZooKeeperClient } from "../client.js";
import type { AcquireOptions, HeldLock } from "./held-lock.js";
import { PlaceQueue, type WaitsFor, waitForPredecessor } from "./place-queue.js";

/** As Apache Curator's read/write lock names its nodes. */
export const READ_LABEL = "__READ__";
export const WRITE_LABEL = "__WRIT__";

/** A reader waits for the last writer before it: those between the two share the lock with it. */
export const waitForLastWriter: WaitsFor = (queue, own) =>
  queue.slice(0, own).findLast(({ label }) => label === WRITE_LABEL)?.name;

/**
 * A lock that many readers share, or one writer has to itself: one queue of ephemeral sequential nodes below `path`, so
 * that whoever came first goes first, and neither kind starves. A reader watches the last writer before it, a writer the
 * one right before it. So a writer's release wakes the readers that get in by it and nobody else.
 *
 * Fencing tokens grow along the queue: that of a writer is greater than those of everybody who held the lock before it,
 * and smaller than those of everybody after it. Readers that share the lock may come to a store in any order.
 *
 * @example
 * const lock = new ReadWriteLock(client, "/locks/index");
 * const reading = await lock.acquireRead();
 * await reading.release();
 * const writing = await lock.acquireWrite({ signal: AbortSignal.timeout(5_000) });
 * await writing.release();
 */
export class ReadWriteLock {
  private readonly queue: PlaceQueue;

  constructor(client: ZooKeeperClient, path: string) {
    this.queue = new PlaceQueue(client, path, "lock", [READ_LABEL, WRITE_LABEL]);
  }

  /** Waits until no writer is before it; fails as `ExclusiveLock.acquire` does. */
  async acquireRead(options: AcquireOptions = {}): Promise<HeldLock> {
    return await this.queue.takeTurn({ label: READ_LABEL, turn: waitForLastWriter, signal: options.signal });
  }

  /** Waits until nobody is before it; fails as `ExclusiveLock.acquire` does. */
  async acquireWrite(options: AcquireOptions = {}): Promise<HeldLock> {
    return await this.queue.takeTurn({ label: WRITE_LABEL, turn: waitForPredecessor, signal: options.signal });
  }
}
