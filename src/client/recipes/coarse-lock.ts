import { performance } from "node:perf_hooks";
import type { Zxid } from "../../base/zxid.js";
import { ERROR } from "../../jute/errors.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError, MultiError, ZooKeeperError } from "../errors.js";
import { joinPath } from "../paths.js";
import { ensurePath } from "./ensure-path.js";
import type { AcquireOptions, HeldLock } from "./held-lock.js";
import { type HeldPlace, PlaceQueue, waitForPredecessor } from "./place-queue.js";
import { READ_LABEL, WRITE_LABEL, waitForLastWriter } from "./read-write-lock.js";
import { overConnectionLoss } from "./retry.js";
import { waitAtMost } from "./signal.js";

export type CoarseLockMode = "exclusive" | "shared";

export interface CoarseLockOptions {
  /** How long the lock stays closed after a holder was lost, for its last requests to run out. Default 60 s. */
  readonly lockDelayMs?: number;
}

export interface CoarseAcquireOptions extends AcquireOptions {
  /** "exclusive" where left out. */
  readonly mode?: CoarseLockMode;
}

/**
 * Proof of a lock that its holder hands on with its requests, for those that serve them to check: plain data, fit for
 * JSON. Paths are as the client saw them that made it, so whoever checks it needs the same chroot.
 */
export interface Sequencer {
  readonly path: string;
  readonly mode: CoarseLockMode;
  /** Grows with every grant: the czxid of the holder's node. */
  readonly generation: Zxid;
  /** The holder's node, below `path`. */
  readonly holder: string;
}

export interface HeldCoarseLock extends HeldLock {
  readonly sequencer: Sequencer;
}

export const LOCK_DELAY_MS_DEFAULT = 60_000;

const QUEUE = "queue";
const HOLDERS = "holders";

/**
 * A lock for long tenure, in the manner of Chubby (Burrows, OSDI 2006): a lease that lasts as long as the session,
 * exclusive or shared; a lock delay; and a sequencer, which a third party can verify.
 *
 * A holder leaves a persistent record in `path`/holders, which it takes away together with its ephemeral place in
 * `path`/queue when it releases the lock. Where a record is left without its place, the holder was lost: crashed, or
 * cut off and possibly at work still. The next one then waits for as long as the record says, from when it saw the
 * loss, and replaces the record. A waiter that gives up meanwhile takes what it has waited with it, so the delay may turn
 * out longer, never shorter. A clean release costs the next one nothing.
 *
 * @example
 * const lock = new CoarseLock(client, "/locks/primary", { lockDelayMs: 10_000 });
 * const held = await lock.acquire();
 * await store.write(record, held.sequencer);
 * // at the store:
 * if (!(await verifySequencer(client, sequencer))) throw new Error("the lock was lost");
 */
export class CoarseLock {
  private readonly client: ZooKeeperClient;
  private readonly path: string;
  private readonly holders: string;
  private readonly queue: PlaceQueue;
  private readonly lockDelayMs: number;

  constructor(client: ZooKeeperClient, path: string, options: CoarseLockOptions = {}) {
    this.client = client;
    this.path = path;
    this.holders = joinPath(path, HOLDERS);
    this.queue = new PlaceQueue(client, joinPath(path, QUEUE), "lock", [READ_LABEL, WRITE_LABEL]);
    this.lockDelayMs = options.lockDelayMs ?? LOCK_DELAY_MS_DEFAULT;
  }

  /** Waits for the lock, and its delay, over lost connections; fails as `ExclusiveLock.acquire` does. */
  async acquire(options: CoarseAcquireOptions = {}): Promise<HeldCoarseLock> {
    const { mode = "exclusive", signal } = options;
    const shared = mode === "shared";
    const place = await this.queue.takeTurn({
      label: shared ? READ_LABEL : WRITE_LABEL,
      turn: shared ? waitForLastWriter : waitForPredecessor,
      signal,
    });
    try {
      await this.becomeHolder(place, mode, signal);
    } catch (error) {
      await this.withdraw(place.name);
      await place.release();
      throw error;
    }
    return {
      fencingToken: place.fencingToken,
      path: place.path,
      lost: place.lost,
      sequencer: { path: this.path, mode, generation: place.fencingToken, holder: place.name },
      release: async () => {
        await this.release(place);
        place.forget();
      },
    };
  }

  private async becomeHolder(place: HeldPlace, mode: CoarseLockMode, signal: AbortSignal | undefined): Promise<void> {
    const opensAtMs = new Map<string, number>();
    for (;;) {
      const lostHolders = await overConnectionLoss(this.client, () => this.findLost(mode, opensAtMs));
      let waitMs = 0;
      for (const each of lostHolders) {
        waitMs = Math.max(waitMs, Math.ceil((opensAtMs.get(each) as number) - performance.now()));
      }
      if (waitMs > 0) await waitAtMost(waitMs, place.lost, signal);
      signal?.throwIfAborted();
      place.lost.throwIfAborted();
      if (waitMs <= 0 && (await this.record(place, lostHolders))) return;
    }
  }

  /**
   * Holders that were lost and whose lock would exclude this one, each entered with the time at which it may be
   * taken over. A release takes record and place away at once; so a record that is there before and after its
   * place was seen to be gone is that of a lost holder.
   */
  private async findLost(mode: CoarseLockMode, opensAtMs: Map<string, number>): Promise<readonly string[]> {
    const records = await this.childrenOf(this.holders);
    const places = new Set(await this.childrenOf(this.queue.path));
    const found: string[] = [];
    for (const name of records) {
      const label = this.queue.parse(name)?.label;
      if (places.has(name) || label === undefined || (mode === "shared" && label === READ_LABEL)) continue;
      try {
        const { data } = await this.client.getData(joinPath(this.holders, name));
        if (!opensAtMs.has(name)) opensAtMs.set(name, performance.now() + lockDelayOf(data));
        found.push(name);
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
    }
    return found;
  }

  private async childrenOf(path: string): Promise<readonly string[]> {
    try {
      return (await this.client.getChildren(path)).children;
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return [];
      throw error;
    }
  }

  /** False where the lost holders are no longer those; throws NONODE where one's own place was removed. */
  private async record(place: HeldPlace, lostHolders: readonly string[]): Promise<boolean> {
    const path = joinPath(this.holders, place.name);
    return await overConnectionLoss(this.client, async (again) => {
      place.lost.throwIfAborted();
      if (again) {
        await this.client.sync(path);
        if ((await this.client.exists(path)) !== null) return true;
      }
      try {
        await this.client.multi([
          { op: "check", path: place.path, version: -1 },
          { op: "create", path, data: Buffer.from(JSON.stringify({ lockDelayMs: this.lockDelayMs })) },
          ...lostHolders.map((name) => ({ op: "delete" as const, path: joinPath(this.holders, name) })),
        ]);
        return true;
      } catch (error) {
        if (!(error instanceof MultiError && isZooKeeperError(error, "NONODE"))) throw error;
        if (error.index === 0) {
          throw new ZooKeeperError(ERROR.NONODE, "lock", place.path, { detail: "its node was removed" });
        }
        if (error.index === 1) await ensurePath(this.client, this.holders);
        return false;
      }
    });
  }

  /** Only while the session lasts: a release that comes later is none, and the lock delay holds. */
  private async release(place: HeldPlace): Promise<void> {
    try {
      await overConnectionLoss(this.client, async () => {
        if (place.lost.aborted) return;
        try {
          await this.client.multi([
            { op: "delete", path: joinPath(this.holders, place.name) },
            { op: "delete", path: place.path },
          ]);
        } catch (error) {
          if (!isZooKeeperError(error, "NONODE")) throw error;
          // Done by an attempt whose reply was lost; or somebody removed one of the two.
          await this.removeRecord(place.name);
          await this.queue.remove(place.path);
        }
      });
    } catch (error) {
      if (!isZooKeeperError(error, "SESSIONEXPIRED")) throw error;
    }
  }

  /** Of a lock that nobody was told is held. Where the session is over for good, the record stays, and the delay holds. */
  private async withdraw(holder: string): Promise<void> {
    try {
      await overConnectionLoss(this.client, async (again) => {
        if (again) await this.client.sync(this.path);
        await this.removeRecord(holder);
      });
    } catch (error) {
      if (!isZooKeeperError(error, "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }

  private async removeRecord(holder: string): Promise<void> {
    try {
      await this.client.delete(joinPath(this.holders, holder));
    } catch (error) {
      if (!isZooKeeperError(error, "NONODE")) throw error;
    }
  }
}

/**
 * Whether the lock is still held as the sequencer says. It only reads: a sync, so that what is read is no older than the
 * call, then the holder's node. The answer is of that moment. A store that must not act on a lock that is lost right
 * after it keeps the greatest generation it has seen, and refuses smaller ones.
 */
export async function verifySequencer(client: ZooKeeperClient, sequencer: Sequencer): Promise<boolean> {
  const label = sequencer.mode === "shared" ? READ_LABEL : WRITE_LABEL;
  if (!sequencer.holder.includes(`-${label}`)) return false;
  const path = joinPath(joinPath(sequencer.path, QUEUE), sequencer.holder);
  return await overConnectionLoss(client, async () => {
    await client.sync(path);
    return (await client.exists(path))?.czxid === sequencer.generation;
  });
}

function lockDelayOf(data: Buffer | null): number {
  try {
    const { lockDelayMs } = JSON.parse(data?.toString() ?? "") as { readonly lockDelayMs?: unknown };
    return typeof lockDelayMs === "number" ? lockDelayMs : LOCK_DELAY_MS_DEFAULT;
  } catch (error) {
    if (error instanceof SyntaxError) return LOCK_DELAY_MS_DEFAULT;
    throw error;
  }
}
