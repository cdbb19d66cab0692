export type { Zxid } from "../base/zxid.js";
export type { ErrorName } from "../jute/errors.js";
export type { CreateMode, EventType } from "../jute/opcodes.js";
export type { Acl, Stat } from "../jute/records.js";
export {
  type ChildrenAndStat,
  type ClientOptions,
  connect,
  type DataAndStat,
  type PathAndStat,
  type StateChange,
  ZooKeeperClient,
} from "./client.js";
export { InconsistencyError, isZooKeeperError, MultiError, ZooKeeperError } from "./errors.js";
export type { HostOrder } from "./host-list.js";
export type { MultiReadRequest, MultiReadResults, MultiRequest, MultiResults } from "./multi.js";
export {
  type CoarseAcquireOptions,
  CoarseLock,
  type CoarseLockMode,
  type CoarseLockOptions,
  type HeldCoarseLock,
  LOCK_DELAY_MS_DEFAULT,
  type Sequencer,
  verifySequencer,
} from "./recipes/coarse-lock.js";
export {
  type Configuration,
  ConfigurationCache,
  type ConfigurationCacheOptions,
} from "./recipes/configuration-cache.js";
export { Counter, type CounterValue } from "./recipes/counter.js";
export { type BarrierRound, DoubleBarrier, type DoubleBarrierOptions } from "./recipes/double-barrier.js";
export { ensurePath } from "./recipes/ensure-path.js";
export { ExclusiveLock } from "./recipes/exclusive-lock.js";
export { FifoQueue } from "./recipes/fifo-queue.js";
export { GroupMembership, type Member, type Membership, type MembersObservation } from "./recipes/group-membership.js";
export type { AcquireOptions, HeldLock } from "./recipes/held-lock.js";
export { HerdLock } from "./recipes/herd-lock.js";
export {
  type Leader,
  LeaderElection,
  type LeaderElectionOptions,
  type LeaderObservation,
  type Leadership,
} from "./recipes/leader-election.js";
export type { Listener } from "./recipes/listener.js";
export { Naming } from "./recipes/naming.js";
export { PRIORITY_MAX, type PriorityItem, PriorityQueue } from "./recipes/priority-queue.js";
export type { QueueItem } from "./recipes/queue-items.js";
export { ReadWriteLock } from "./recipes/read-write-lock.js";
export { overConnectionLoss } from "./recipes/retry.js";
export { Semaphore, type SemaphoreOptions } from "./recipes/semaphore.js";
export {
  type Discovery,
  type DiscoveryOptions,
  type Provider,
  type ProviderDescription,
  type Registration,
  ServiceRegistry,
} from "./recipes/service-registry.js";
export { CREATOR_ACL, type CreateOptions, OPEN_ACL, READ_ACL } from "./requests.js";
export type { SessionCredentials, SessionState } from "./session.js";
export type { WatchEvent, Watcher, WatcherKind } from "./watches.js";
