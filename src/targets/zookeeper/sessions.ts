import { connect, type ZooKeeperClient } from "../../client/client.js";
import { formatHost } from "../../client/connection-string.js";
import { isZooKeeperError } from "../../client/errors.js";
import { ExclusiveLock } from "../../client/recipes/exclusive-lock.js";
import { HerdLock } from "../../client/recipes/herd-lock.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import type { SessionOpeners, SessionOptions, WatchSession } from "../driver.js";
import type { Address } from "../target.js";
import { ZooKeeperBarrierSession } from "./barrier-session.js";
import { ZooKeeperCoarseLockSession } from "./coarse-lock-session.js";
import { ZooKeeperCodisSession } from "./codis-session.js";
import { ZooKeeperElectionSession, ZooKeeperLeaderSession } from "./election-session.js";
import { ZooKeeperHaSession } from "./ha-session.js";
import { ZooKeeperKafkaSession } from "./kafka-session.js";
import { keyPath } from "./keys.js";
import { ZooKeeperLockSession } from "./lock-session.js";
import { ZooKeeperNamingSession } from "./naming-session.js";
import { ZooKeeperQueueSession } from "./queue-session.js";
import { ZooKeeperSemaphoreSession } from "./semaphore-session.js";
import { ZooKeeperSharedLockSession } from "./shared-lock-session.js";

/** A client on member `index` modulo their number, which goes on to the next ones when that one fails. */
export async function connectTo(
  members: readonly Address[],
  index: number,
  sessionTimeoutMs?: number,
): Promise<ZooKeeperClient> {
  const first = index % members.length;
  const hosts = [...members.slice(first), ...members.slice(0, first)];
  return await connect({
    servers: hosts.map(formatHost).join(","),
    hostOrder: "given",
    renewSession: true,
    ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
  });
}

export const SESSION_OPENERS: SessionOpeners = {
  lock: async (options) => new ZooKeeperLockSession(await connectFor(options), options.root, ExclusiveLock),
  herdLock: async (options) => new ZooKeeperLockSession(await connectFor(options), options.root, HerdLock),
  sharedLock: async (options) => new ZooKeeperSharedLockSession(await connectFor(options), options.root),
  semaphore: async (options) => new ZooKeeperSemaphoreSession(await connectFor(options), options.root),
  coarseLock: async (options) => new ZooKeeperCoarseLockSession(await connectFor(options), options.root),
  watch: async (options) => new ZooKeeperWatchSession(await connectFor(options), options.root),
  election: async (options) => new ZooKeeperElectionSession(await connectFor(options), options.root),
  leader: async (options) => new ZooKeeperLeaderSession(await connectFor(options), options.root),
  queue: async (options) => new ZooKeeperQueueSession(await connectFor(options), options.root),
  barrier: async (options) => new ZooKeeperBarrierSession(await connectFor(options), options.root),
  naming: async (options) => new ZooKeeperNamingSession(await connectFor(options), options.root),
  kafka: async (options) => await opened(new ZooKeeperKafkaSession(await connectFor(options), options.root)),
  codis: async (options) => await opened(new ZooKeeperCodisSession(await connectFor(options), options.root)),
  ha: async (options) =>
    await opened(new ZooKeeperHaSession(await connectFor(options), () => connectFor(options), options.root)),
};

/** Closed again where it cannot be opened. */
async function opened<S extends { open(): Promise<void>; close(): Promise<void> }>(session: S): Promise<S> {
  try {
    await session.open();
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

function connectFor({ members, index, sessionTimeoutMs }: SessionOptions): Promise<ZooKeeperClient> {
  return connectTo(members, index, sessionTimeoutMs);
}

class ZooKeeperWatchSession implements WatchSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.root = root;
  }

  /**
   * A one-shot watch brings no value, and before 3.9 no zxid: a watcher knows the change when it has read the node, which
   * arms the next watch too. So that is when it is told here, whatever the server. Changes in between are reported
   * as one, by the last of them.
   */
  async watch(key: number, onChange: (order: number) => void): Promise<void> {
    const path = keyPath(this.root, key);
    const arm = (): Promise<number> =>
      overConnectionLoss(this.client, async () => (await this.client.getData(path, changed)).stat.mzxid);
    let seen = 0;
    const notify = async (): Promise<void> => {
      try {
        const order = await arm();
        if (order <= seen) return;
        seen = order;
        onChange(order);
      } catch (error) {
        // The node was removed, or the session is over: there is nothing more to watch.
        if (!isZooKeeperError(error, "NONODE", "SESSIONEXPIRED")) throw error;
      }
    };
    // Not returned as a promise: the watches of other keys do not wait for this read.
    const changed = (): void => void notify();
    seen = await arm();
  }

  /** Repeated over a lost connection, so a change may have been made twice; what is returned is the last of them. */
  async change(key: number): Promise<number> {
    const stat = await overConnectionLoss(this.client, () => this.client.setData(keyPath(this.root, key), null));
    return stat.mzxid;
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
