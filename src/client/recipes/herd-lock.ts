import { randomUUID } from "node:crypto";
import type { Zxid } from "../../base/zxid.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import { parentOf } from "../paths.js";
import { ensurePath } from "./ensure-path.js";
import type { AcquireOptions, HeldLock } from "./held-lock.js";
import { overConnectionLoss } from "./retry.js";
import { SessionWatch } from "./session-watch.js";
import { Signal, waitForAny } from "./signal.js";

/**
 * The lock as one would write it first, kept to show what it costs: the ephemeral node `path` is the lock, and
 * everybody who waits watches it. Each release wakes them all, all try to create the node, and all but one have
 * done so in vain; who gets it is a matter of luck. For use take `ExclusiveLock`.
 *
 * @example
 * const held = await new HerdLock(client, "/locks/printer").acquire();
 * await held.release();
 */
export class HerdLock {
  private readonly client: ZooKeeperClient;
  private readonly path: string;

  constructor(client: ZooKeeperClient, path: string) {
    this.client = client;
    this.path = path;
  }

  /** Waits for the lock over lost connections; fails as `ExclusiveLock.acquire` does. */
  async acquire(options: AcquireOptions = {}): Promise<HeldLock> {
    const { signal } = options;
    signal?.throwIfAborted();
    const session = new SessionWatch(this.client, "lock");
    const mark = Buffer.from(randomUUID());
    try {
      for (;;) {
        session.throwIfEnded(this.path);
        const gone = new Signal();
        const fencingToken = await overConnectionLoss(this.client, (again) => this.tryOnce(mark, again, gone));
        signal?.throwIfAborted();
        session.throwIfEnded(this.path);
        if (fencingToken !== undefined) return this.held(mark, fencingToken, session);
        await waitForAny(gone, session.signal, signal);
        signal?.throwIfAborted();
      }
    } catch (error) {
      session.stop();
      await this.remove(mark);
      signal?.throwIfAborted();
      session.throwIfEnded(this.path);
      throw error;
    }
  }

  private held(mark: Buffer, fencingToken: Zxid, session: SessionWatch): HeldLock {
    return {
      fencingToken,
      path: this.path,
      lost: session.signal,
      release: async () => {
        session.stop();
        if (!session.ended) await this.remove(mark);
      },
    };
  }

  /**
   * The holder's token, or undefined once a watch on somebody else's node is set. What is in the node tells whether an
   * earlier attempt made it, whose reply was lost; the sync is answered after everything the lost connection had under way.
   */
  private async tryOnce(mark: Buffer, again: boolean, gone: Signal): Promise<Zxid | undefined> {
    if (again) await this.client.sync(this.path);
    for (;;) {
      try {
        return (await this.client.create(this.path, mark, { mode: "ephemeral" })).stat.czxid;
      } catch (error) {
        if (isZooKeeperError(error, "NONODE")) await ensurePath(this.client, parentOf(this.path));
        else if (!isZooKeeperError(error, "NODEEXISTS")) throw error;
      }
      try {
        const { data, stat } = await this.client.getData(this.path, gone.raise);
        return data?.equals(mark) ? stat.czxid : undefined;
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
    }
  }

  /**
   * Every holder's node has the same path, so it is looked at before it is removed: it may be somebody else's, where
   * the reply to an earlier attempt to remove ours was lost.
   */
  private async remove(mark: Buffer): Promise<void> {
    try {
      await overConnectionLoss(this.client, async (again) => {
        if (again) await this.client.sync(this.path);
        const { data, stat } = await this.client.getData(this.path);
        // One that the session before left behind goes by itself, possibly before the delete would come.
        if (data?.equals(mark) && stat.ephemeralOwner === this.client.sessionId) await this.client.delete(this.path);
      });
    } catch (error) {
      if (!isZooKeeperError(error, "NONODE", "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }
}
