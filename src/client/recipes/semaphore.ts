import type { ZooKeeperClient } from "../client.js";
import { joinPath } from "../paths.js";
import { requireArgument } from "./arguments.js";
import { ExclusiveLock } from "./exclusive-lock.js";
import type { AcquireOptions, HeldLock } from "./held-lock.js";
import { PlaceQueue } from "./place-queue.js";

export interface SemaphoreOptions {
  /** How many may hold it at once; the same number for everybody who uses the path. */
  readonly leases: number;
}

/** As Apache Curator's semaphore names its nodes and folders. */
const LABEL = "lease-";
const LOCKS = "locks";
const LEASES = "leases";

/**
 * `leases` sessions at a time hold it. The first so many of the ephemeral sequential nodes in `path`/leases are the
 * holders, which alone makes it safe.
 *
 * Who may get in next could be let in by any of the holders, so it has to watch them all; would everybody who waits do
 * that, each release would wake them all. So they stand in line at an exclusive lock (`path`/locks) first, where each
 * watches the one before it, and only the head of the line makes a lease and watches the list of leases, which
 * changes by releases only while it waits. That takes two writes more for each lease than a single queue would.
 *
 * Fencing tokens are unique and grow in the order of admission; as `leases` holders are inside at once, a store
 * can refuse a token only if that many greater ones have been seen.
 *
 * @example
 * const semaphore = new Semaphore(client, "/limits/exports", { leases: 3 });
 * const held = await semaphore.acquire();
 * try {
 *   await runExport();
 * } finally {
 *   await held.release();
 * }
 */
export class Semaphore {
  private readonly line: ExclusiveLock;
  private readonly leases: PlaceQueue;
  private readonly count: number;

  constructor(client: ZooKeeperClient, path: string, options: SemaphoreOptions) {
    const { leases } = options;
    requireArgument(Number.isInteger(leases) && leases > 0, "semaphore", path, `${leases} is no number of leases`);
    this.line = new ExclusiveLock(client, joinPath(path, LOCKS));
    this.leases = new PlaceQueue(client, joinPath(path, LEASES), "semaphore", [LABEL]);
    this.count = leases;
  }

  /** Waits for a lease; fails as `ExclusiveLock.acquire` does. */
  async acquire(options: AcquireOptions = {}): Promise<HeldLock> {
    const turn = await this.line.acquire(options);
    try {
      return await this.leases.takeTurn({ label: LABEL, turn: this.count, signal: options.signal });
    } finally {
      await turn.release();
    }
  }
}
