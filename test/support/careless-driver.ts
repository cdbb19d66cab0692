import { randomBelow, SeededRandom } from "../../src/base/random.js";
import type { DriverSource } from "../../src/bench/load/driver-source.js";
import type { ZooKeeperClient } from "../../src/client/client.js";
import { isZooKeeperError } from "../../src/client/errors.js";
import { ExclusiveLock } from "../../src/client/recipes/exclusive-lock.js";
import { HerdLock } from "../../src/client/recipes/herd-lock.js";
import type { CreateOptions } from "../../src/client/requests.js";
import {
  openerOf,
  type Recipe,
  type RecipeSessions,
  type SessionOpeners,
  type SessionOptions,
} from "../../src/targets/driver.js";
import type { Address } from "../../src/targets/target.js";
import { ZooKeeperCoarseLockSession } from "../../src/targets/zookeeper/coarse-lock-session.js";
import { ZooKeeperDriver } from "../../src/targets/zookeeper/driver.js";
import { ZooKeeperLockSession } from "../../src/targets/zookeeper/lock-session.js";
import { ZooKeeperSemaphoreSession } from "../../src/targets/zookeeper/semaphore-session.js";
import { connectTo } from "../../src/targets/zookeeper/sessions.js";
import { ZooKeeperSharedLockSession } from "../../src/targets/zookeeper/shared-lock-session.js";

export type Carelessness = "skips-ownership-check" | "forgets-lock-delay" | "believes-every-sequencer";

/** Of so many checks one is skipped, by chance. */
const EVERY = 4;

/** The real sessions and recipes on a real service, with a client that is careless in one way. */
export function carelessSource(members: readonly Address[], carelessness: Carelessness): DriverSource {
  return { module: import.meta.url, factory: "createCarelessDriver", parameters: [members, carelessness] };
}

export function createCarelessDriver(members: readonly Address[], carelessness: Carelessness): CarelessDriver {
  return new CarelessDriver(members, carelessness);
}

class CarelessDriver extends ZooKeeperDriver {
  private readonly openers: SessionOpeners;

  constructor(members: readonly Address[], carelessness: Carelessness) {
    super("core", members);
    const clientFor = async ({ members: hosts, index, sessionTimeoutMs }: SessionOptions): Promise<ZooKeeperClient> => {
      const client = await connectTo(hosts, index, sessionTimeoutMs);
      return carelessness === "skips-ownership-check" ? seesItselfAlone(client, index) : client;
    };
    this.openers = {
      lock: async (options) => new ZooKeeperLockSession(await clientFor(options), options.root, ExclusiveLock),
      herdLock: async (options) => new ZooKeeperLockSession(await clientFor(options), options.root, HerdLock),
      sharedLock: async (options) => new ZooKeeperSharedLockSession(await clientFor(options), options.root),
      semaphore: async (options) => new ZooKeeperSemaphoreSession(await clientFor(options), options.root),
      coarseLock: async (options) => {
        const session = new ZooKeeperCoarseLockSession(await clientFor(options), options.root);
        if (carelessness === "forgets-lock-delay") {
          const acquire = session.acquire.bind(session);
          session.acquire = (lock) => acquire(lock, 0);
        }
        if (carelessness === "believes-every-sequencer") session.verify = () => Promise.resolve(true);
        return session;
      },
    };
  }

  override openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> {
    return openerOf(this.openers, recipe, this.target)(options);
  }
}

/**
 * A client to which, now and then, the queue that it stands in seems to hold nobody else, and a lock's node that is
 * another's seems to be its own: the recipe takes the lock for its own without it being so.
 */
function seesItselfAlone(client: ZooKeeperClient, index: number): ZooKeeperClient {
  const own = new Set<string>();
  const random = new SeededRandom(1, index);
  const skips = (): boolean => randomBelow(random, EVERY) === 0;
  const careless: Partial<ZooKeeperClient> = {
    create: async (path: string, data: Uint8Array | null = null, options: CreateOptions = {}) => {
      try {
        const created = await client.create(path, data, options);
        own.add(created.path.slice(created.path.lastIndexOf("/") + 1));
        return created;
      } catch (error) {
        if (options.mode !== "ephemeral" || !isZooKeeperError(error, "NODEEXISTS") || !skips()) throw error;
        const stat = await client.exists(path);
        if (stat === null) throw error;
        return { path, stat };
      }
    },
    getChildren: async (path, watcher) => {
      const answer = await client.getChildren(path, watcher);
      return skips() ? { ...answer, children: answer.children.filter((child) => own.has(child)) } : answer;
    },
  };
  return new Proxy(client, {
    get: (target, key) => {
      const value: unknown = Reflect.get(careless, key) ?? Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
