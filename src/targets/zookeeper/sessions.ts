import { connect, type ZooKeeperClient } from "../../client/client.js";
import { formatHost } from "../../client/connection-string.js";
import { ExclusiveLock } from "../../client/recipes/exclusive-lock.js";
import { HerdLock } from "../../client/recipes/herd-lock.js";
import type { SessionOpeners, SessionOptions } from "../driver.js";
import { openOrClose } from "../opening.js";
import type { Address } from "../target.js";
import { ZooKeeperBarrierSession } from "./barrier-session.js";
import { ZooKeeperCoarseLockSession } from "./coarse-lock-session.js";
import { ZooKeeperCodisSession } from "./codis-session.js";
import { ZooKeeperConfigurationSession } from "./configuration-session.js";
import { ZooKeeperElectionSession, ZooKeeperLeaderSession } from "./election-session.js";
import { ZooKeeperHaSession } from "./ha-session.js";
import { ZooKeeperKafkaSession } from "./kafka-session.js";
import { ZooKeeperLifecycleSession } from "./lifecycle-session.js";
import { ZooKeeperLockSession } from "./lock-session.js";
import { ZooKeeperMembershipSession } from "./membership-session.js";
import { ZooKeeperMovingWatchSession } from "./moving-watch-session.js";
import { ZooKeeperNamingSession } from "./naming-session.js";
import { ZooKeeperPubSubSession } from "./pub-sub-session.js";
import { ZooKeeperQueueSession } from "./queue-session.js";
import { ZooKeeperRegistrySession } from "./registry-session.js";
import { ZooKeeperSemaphoreSession } from "./semaphore-session.js";
import { ZooKeeperSharedLockSession } from "./shared-lock-session.js";
import { ZooKeeperWatchSession } from "./watch-session.js";

/** A client on member `index` modulo their number, which goes on to the next ones when that one fails. */
export async function connectTo(
  members: readonly Address[],
  index: number,
  sessionTimeoutMs?: number,
  renewSession = true,
): Promise<ZooKeeperClient> {
  const first = index % members.length;
  const hosts = [...members.slice(first), ...members.slice(0, first)];
  return await connect({
    servers: hosts.map(formatHost).join(","),
    hostOrder: "given",
    renewSession,
    ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
  });
}

export const SESSION_OPENERS: SessionOpeners = {
  lock: async (options) => new ZooKeeperLockSession(await connectFor(options), options.root, ExclusiveLock),
  herdLock: async (options) => new ZooKeeperLockSession(await connectFor(options), options.root, HerdLock),
  sharedLock: async (options) => new ZooKeeperSharedLockSession(await connectFor(options), options.root),
  semaphore: async (options) => new ZooKeeperSemaphoreSession(await connectFor(options), options.root),
  coarseLock: async (options) => new ZooKeeperCoarseLockSession(await connectFor(options), options.root),
  election: async (options) => new ZooKeeperElectionSession(await connectFor(options), options.root),
  leader: async (options) => new ZooKeeperLeaderSession(await connectFor(options), options.root),
  queue: async (options) => new ZooKeeperQueueSession(await connectFor(options), options.root),
  barrier: async (options) => new ZooKeeperBarrierSession(await connectFor(options), options.root),
  naming: async (options) => new ZooKeeperNamingSession(await connectFor(options), options.root),
  kafka: async (options) => await openOrClose(new ZooKeeperKafkaSession(await connectFor(options), options.root)),
  codis: async (options) => await openOrClose(new ZooKeeperCodisSession(await connectFor(options), options.root)),
  ha: async (options) =>
    await openOrClose(new ZooKeeperHaSession(await connectFor(options), () => connectFor(options), options.root)),
  watch: async (options) => new ZooKeeperWatchSession(await connectFor(options), options),
  pubSub: async (options) => new ZooKeeperPubSubSession(await connectFor(options), options),
  movingWatch: async (options) => new ZooKeeperMovingWatchSession(await connectFor(options), options),
  lifecycle: async ({ members, index, root, sessionTimeoutMs }) =>
    new ZooKeeperLifecycleSession(await connectTo(members, index, sessionTimeoutMs, false), root),
  registry: async (options) => new ZooKeeperRegistrySession(await connectFor(options), options.root),
  membership: async (options) => new ZooKeeperMembershipSession(await connectFor(options), options.root),
  configuration: async (options) => new ZooKeeperConfigurationSession(await connectFor(options), options),
};

function connectFor({ members, index, sessionTimeoutMs }: SessionOptions): Promise<ZooKeeperClient> {
  return connectTo(members, index, sessionTimeoutMs);
}
