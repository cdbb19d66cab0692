import { randomUUID } from "node:crypto";
import { assert } from "../../base/assert.js";
import type { Zxid } from "../../base/zxid.js";
import { ERROR } from "../../jute/errors.js";
import type { StateChange, ZooKeeperClient } from "../client.js";
import { isZooKeeperError, ZooKeeperError } from "../errors.js";
import { joinPath } from "../paths.js";
import { ensurePath } from "./ensure-path.js";
import { overConnectionLoss } from "./retry.js";

export interface HeldLock {
  /** Grows with every grant of the lock: the czxid of the holder's node. Stores that check it refuse late writers. */
  readonly fencingToken: Zxid;
  /** The holder's place in the queue. */
  readonly path: string;
  /**
   * Aborted once the session is over and the lock with it. While the client is disconnected that cannot be known: who
   * must not act beyond the lock passes the fencing token on.
   */
  readonly lost: AbortSignal;
  /** Gives the lock up. Resolves where it is gone already. */
  release(): Promise<void>;
}

/** Nodes of the queue are "_c_<guid>-lock-<number>", the names that Apache Curator's mutex gives and understands. */
const QUEUE_NAME = /-lock-(-?\d+)$/;

/**
 * A lock that one session at a time holds: a queue of ephemeral sequential nodes below `path`, of which the first is
 * the holder, and each waits for the one right before it, so that a release wakes one session and not all.
 */
export class ExclusiveLock {
  private readonly client: ZooKeeperClient;
  private readonly path: string;

  constructor(client: ZooKeeperClient, path: string) {
    this.client = client;
    this.path = path;
  }

  /**
   * Waits for the lock over lost connections. Throws SESSIONEXPIRED where the session ends meanwhile, and the reason
   * of `signal` where that is aborted; the place in the queue is given up then.
   */
  async acquire(options: { readonly signal?: AbortSignal } = {}): Promise<HeldLock> {
    options.signal?.throwIfAborted();
    const session = new SessionWatch(this.client);
    const guid = randomUUID();
    let place: Place | undefined;
    try {
      place = await this.enqueue(guid);
      await this.waitForTurn(place, session, options.signal);
      return this.held(place, session);
    } catch (error) {
      session.stop();
      // Also where the session ended: the client may have renewed it in the middle of queueing.
      await this.leave(guid, place);
      options.signal?.throwIfAborted();
      session.throwIfEnded(this.path);
      throw error;
    }
  }

  private held(place: Place, session: SessionWatch): HeldLock {
    return {
      fencingToken: place.czxid,
      path: place.path,
      lost: session.signal,
      release: async () => {
        session.stop();
        if (!session.ended) await this.remove(place.path);
      },
    };
  }

  /** Where the reply to a create is lost, the node may be there; the GUID in its name tells. */
  private async enqueue(guid: string): Promise<Place> {
    const prefix = `_c_${guid}-lock-`;
    return await overConnectionLoss(this.client, async (again) => {
      const place = again ? await this.findOwn(prefix) : undefined;
      return place ?? (await this.createPlace(prefix));
    });
  }

  private async createPlace(prefix: string): Promise<Place> {
    for (;;) {
      try {
        const created = await this.client.create(joinPath(this.path, prefix), null, { mode: "ephemeralSequential" });
        return { path: created.path, czxid: created.stat.czxid };
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
      await ensurePath(this.client, this.path);
    }
  }

  /** The sync comes first: it is answered after everything the lost connection had under way for this session. */
  private async findOwn(prefix: string): Promise<Place | undefined> {
    const name = (await this.ownNames(prefix))[0];
    if (name === undefined) return undefined;
    const path = joinPath(this.path, name);
    const stat = await this.client.exists(path);
    return stat === null ? undefined : { path, czxid: stat.czxid };
  }

  private async ownNames(prefix: string): Promise<readonly string[]> {
    await this.client.sync(this.path);
    try {
      const { children } = await this.client.getChildren(this.path);
      return children.filter((child) => child.startsWith(prefix)).sort(bySequence);
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return [];
      throw error;
    }
  }

  private async waitForTurn(place: Place, session: SessionWatch, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      session.throwIfEnded(place.path);
      const gone = new Signal();
      const first = await overConnectionLoss(this.client, () => this.isFirst(place, gone));
      if (first) {
        session.throwIfEnded(place.path);
        signal?.throwIfAborted();
        return;
      }
      await waitForAny(gone, session.signal, signal);
      signal?.throwIfAborted();
    }
  }

  /** False once a watch on the predecessor is set, which raises `gone`. */
  private async isFirst(place: Place, gone: Signal): Promise<boolean> {
    for (;;) {
      const { children } = await this.client.getChildren(this.path);
      const predecessor = predecessorOf(children, place);
      if (predecessor === undefined) return true;
      try {
        // getData and not exists, which would leave a watch behind on a node that is gone.
        await this.client.getData(joinPath(this.path, predecessor), () => gone.raise());
        return false;
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
    }
  }

  private async leave(guid: string, place: Place | undefined): Promise<void> {
    try {
      if (place !== undefined) {
        await this.remove(place.path);
        return;
      }
      const names = await overConnectionLoss(this.client, () => this.ownNames(`_c_${guid}-lock-`));
      for (const name of names) await this.remove(joinPath(this.path, name));
    } catch (error) {
      // The session is over for good, and every place of it in the queue with it.
      if (!isZooKeeperError(error, "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }

  private async remove(path: string): Promise<void> {
    await overConnectionLoss(this.client, async () => {
      try {
        await this.client.delete(path);
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE", "SESSIONEXPIRED")) throw error;
      }
    });
  }
}

interface Place {
  readonly path: string;
  readonly czxid: Zxid;
}

/** Throws NONODE where the place itself is gone: somebody removed it. */
function predecessorOf(children: readonly string[], place: Place): string | undefined {
  const queue = children.filter((child) => QUEUE_NAME.test(child)).sort(bySequence);
  const index = queue.findIndex((child) => place.path.endsWith(`/${child}`));
  if (index === -1) throw new ZooKeeperError(ERROR.NONODE, "lock", place.path, { detail: "its node was removed" });
  return queue[index - 1];
}

function sequenceOf(name: string): number {
  const match = QUEUE_NAME.exec(name);
  assert(match, `a node of a lock's queue has a number: ${name}`);
  return Number(match[1]);
}

/** The server counts in 32 bits and goes on at the negative end, so the difference decides, not the value. */
function bySequence(left: string, right: string): number {
  return (sequenceOf(left) - sequenceOf(right)) | 0;
}

/** Raised once; may be raised before anybody waits. */
class Signal {
  readonly raised: Promise<void>;
  raise: () => void = () => undefined;

  constructor() {
    this.raised = new Promise((resolve) => {
      this.raise = resolve;
    });
  }
}

/** Whether the session that queued is still the same and alive. */
class SessionWatch {
  private readonly controller = new AbortController();
  private readonly client: ZooKeeperClient;

  constructor(client: ZooKeeperClient) {
    this.client = client;
    client.on("state", this.onState);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get ended(): boolean {
    return this.signal.aborted;
  }

  throwIfEnded(path: string): void {
    if (this.ended) throw new ZooKeeperError(ERROR.SESSIONEXPIRED, "lock", path);
  }

  stop(): void {
    this.client.off("state", this.onState);
  }

  private readonly onState = (change: StateChange): void => {
    if (change.state === "connected" || change.state === "disconnected") return;
    this.stop();
    this.controller.abort(new ZooKeeperError(ERROR.SESSIONEXPIRED, "lock"));
  };
}

async function waitForAny(gone: Signal, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  const over = new Signal();
  for (const signal of signals) {
    if (signal?.aborted) return;
    signal?.addEventListener("abort", over.raise, { once: true });
  }
  await Promise.race([gone.raised, over.raised]);
  for (const signal of signals) signal?.removeEventListener("abort", over.raise);
}
