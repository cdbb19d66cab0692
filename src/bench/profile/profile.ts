import type { CreateKind, TreeShape } from "../../targets/driver.js";
import type { Threshold } from "../thresholds.js";

export const MIX_OPERATIONS = [
  "read",
  "readLinearizable",
  "write",
  "create",
  "exists",
  "children",
  "sync",
  "setVersioned",
  "multi",
  "delete",
] as const;
export type MixOperation = (typeof MIX_OPERATIONS)[number];

/** Independent operations, drawn by weight. */
export interface MixWorkload {
  readonly kind: "mix";
  readonly operations: Readonly<Partial<Record<MixOperation, number>>>;
  /** The folders that hold the keys. */
  readonly tree: TreeShape;
  readonly createKind: CreateKind;
  /** How many writes one `multi` is made of. */
  readonly multiWrites: number;
}

/** Every connection acquires one of `locks` exclusive locks, holds it, releases it, and begins again. */
export interface LockWorkload {
  readonly kind: "lock";
  readonly locks: number;
  readonly holdMicros: number;
  /** Who waits watches the one before it in the queue, or all watch the lock itself. */
  readonly watching: "predecessor" | "all";
}

/** As `LockWorkload`, with locks that readers share. */
export interface SharedLockWorkload {
  readonly kind: "shared-lock";
  readonly locks: number;
  /** The share of acquisitions that are to write, 0 to 1. */
  readonly writers: number;
  readonly holdMicros: number;
}

/** As `LockWorkload`, for the leases of one semaphore. */
export interface SemaphoreWorkload {
  readonly kind: "semaphore";
  readonly leases: number;
  readonly holdMicros: number;
}

/** As `LockWorkload`, with a lock delay after holders that are lost, and third parties that verify sequencers. */
export interface CoarseLockWorkload {
  readonly kind: "coarse-lock";
  readonly locks: number;
  readonly holdMicros: number;
  readonly lockDelayMicros: number;
  /** The share of holds that end with the holder's session instead of a release, 0 to 1. */
  readonly lost: number;
  /** The share of connections that are third parties, 0 to 1; one at the least. */
  readonly verifiers: number;
  /** Between two verifications of one third party. */
  readonly verifyEveryMicros: number;
}

/**
 * One more connection changes values that all connections watch, all of them in one transaction; the next change follows
 * when all watchers have been told.
 */
export interface WatchFanoutWorkload {
  readonly kind: "watch-fanout";
  /** How many values there are: a service has one watch for each connection and value. */
  readonly watchersPerConnection: number;
}

export const HTTP_OPERATIONS = ["read", "readLinearizable", "write"] as const;
export type HttpOperation = (typeof HTTP_OPERATIONS)[number];

/** Independent requests to the target's interface over HTTP, drawn by weight. */
export interface HttpWorkload {
  readonly kind: "http";
  readonly operations: Readonly<Partial<Record<HttpOperation, number>>>;
}

/** Every connection is a candidate, with an observer beside it. */
export interface LeaderElectionWorkload {
  readonly kind: "leader-election";
  readonly leadMicros: number;
  /** The share of terms that end by a session closed, 0 to 1; the others end by resigning. */
  readonly lostShare: number;
  /** The share of terms in the middle of which the leader's connection is cut, 0 to 1. */
  readonly cutShare: number;
}

/** The first `producers` connections put items, the others take them. */
export interface FifoQueueWorkload {
  readonly kind: "fifo-queue";
  readonly producers: number;
  /** How many items there may be in the queue before the producers wait. */
  readonly capacity: number;
}

/** Every connection is a party of one double barrier. */
export interface BarrierWorkload {
  readonly kind: "barrier";
  /** Between being let in and asking to leave. */
  readonly insideMicros: number;
}

/** Every connection asks for unique ids. */
export interface NamingWorkload {
  readonly kind: "naming";
}

/** The first `brokers` connections are brokers, the others consumers, spread over `groups`. */
export interface KafkaMetadataWorkload {
  readonly kind: "kafka-metadata";
  readonly brokers: number;
  readonly topics: number;
  /** Of each topic. */
  readonly partitions: number;
  readonly groups: number;
  /** How long a broker stays, on average; then it is away for `awayMicros`. */
  readonly brokerLifeMicros: number;
  /** The same of a consumer. */
  readonly consumerLifeMicros: number;
  readonly awayMicros: number;
  /** Between a broker's changes of in-sync replicas. */
  readonly isrIntervalMicros: number;
  /** Between a consumer's commits. */
  readonly commitIntervalMicros: number;
}

/** The first connection is the dashboard, which moves slots between `groups`; the others are proxies. */
export interface CodisRoutingWorkload {
  readonly kind: "codis-routing";
  readonly slots: number;
  readonly groups: number;
  /** How long a proxy stays, on average; then it is away for `awayMicros`. */
  readonly proxyLifeMicros: number;
  readonly awayMicros: number;
}

/** Every connection is a node that may be the active; the others stand by. */
export interface HaFailoverWorkload {
  readonly kind: "ha-failover";
  /** How long an active writes before it is lost or steps down, on average. */
  readonly activeMicros: number;
  /** The share of actives that step down instead of being lost, 0 to 1. */
  readonly gracefulShare: number;
  /** Every connection watches its share of the keys; `changers` more change one of them at a time. */
}

export interface WatchManyWorkload {
  readonly kind: "watch-many";
  readonly watchesPerConnection: number;
  readonly changers: number;
}

/** One more connection changes `documents` values in one transaction; all connections keep a cache of them. */
export interface ConfigPushWorkload {
  readonly kind: "config-push";
  readonly documents: number;
}

/** All connections are consumers of one service; `providers` more come and go. */
export interface ServiceRegistryWorkload {
  readonly kind: "service-registry";
  readonly providers: number;
  /** How long a provider is there, on average; then it is away for `awayMicros`. */
  readonly providerLifeMicros: number;
  readonly awayMicros: number;
  /** Between a provider's reports of its load. */
  readonly reportIntervalMicros: number;
  /** Of each consumer, from its cache. */
  readonly lookupsPerSecond: number;
}

/** All connections are members of one group that stay and watch it; `churning` more join and leave. */
export interface GroupMembershipWorkload {
  readonly kind: "group-membership";
  readonly churning: number;
  readonly memberLifeMicros: number;
  readonly awayMicros: number;
}

/** Connections subscribe to the topics in turn; `publishers` more publish to them in turn. */
export interface PubSubWorkload {
  readonly kind: "pub-sub";
  readonly topics: number;
  readonly publishers: number;
  /** How many messages a publisher may have under way to its subscribers. */
  readonly window: number;
}

/**
 * All connections watch their shares of the keys, and lose their connections at the same time, again and again; one more
 * changes keys while they are away.
 */
export interface WatchReconnectWorkload {
  readonly kind: "watch-reconnect";
  readonly watchesPerConnection: number;
  /** Keys drawn to be changed while all are away. */
  readonly changes: number;
  readonly awayMicros: number;
  /** From the end of one storm to the next. */
  readonly intervalMicros: number;
}

/** Sessions of all connections begin, move to other connections and end, all at the same time; one more observes. */
export interface SessionStormWorkload {
  readonly kind: "session-storm";
  /** The share of sessions that are abandoned, instead of being closed: 0 to 1. */
  readonly expiring: number;
  /** What the sessions ask for. */
  readonly timeoutMs: number;
  /** From the start of one wave to the next. */
  readonly intervalMicros: number;
}

/** All connections are idle; one more asks for something now and then. */
export interface SessionIdleWorkload {
  readonly kind: "session-idle";
  readonly probeIntervalMicros: number;
}

export type Workload =
  | HttpWorkload
  | MixWorkload
  | LockWorkload
  | WatchFanoutWorkload
  | LeaderElectionWorkload
  | FifoQueueWorkload
  | BarrierWorkload
  | NamingWorkload
  | KafkaMetadataWorkload
  | CodisRoutingWorkload
  | HaFailoverWorkload
  | SharedLockWorkload
  | SemaphoreWorkload
  | CoarseLockWorkload
  | WatchManyWorkload
  | ConfigPushWorkload
  | ServiceRegistryWorkload
  | GroupMembershipWorkload
  | PubSubWorkload
  | WatchReconnectWorkload
  | SessionStormWorkload
  | SessionIdleWorkload;

/** How keys are chosen. Shares are 0 to 1. */
export type Distribution =
  | { readonly kind: "uniform" }
  /** Each connection takes one after the other, and each begins elsewhere. */
  | { readonly kind: "sequential" }
  /** Key k is drawn with a probability proportional to 1 / (k + 1)^exponent. */
  | { readonly kind: "zipfian"; readonly exponent: number }
  /** The first `keyShare` of the keys get `operationShare` of the operations. */
  | { readonly kind: "hotSet"; readonly keyShare: number; readonly operationShare: number };

/** How long the values are that are written. */
export type ValueSizes =
  | { readonly kind: "fixed"; readonly bytes: number }
  | { readonly kind: "uniform"; readonly minBytes: number; readonly maxBytes: number }
  | { readonly kind: "weighted"; readonly sizes: readonly { readonly bytes: number; readonly weight: number }[] }
  /** Its logarithm is normally distributed around that of the median; what falls outside the bounds lies on them. */
  | {
      readonly kind: "lognormal";
      readonly medianBytes: number;
      /** Standard deviation of the natural logarithm. */
      readonly sigma: number;
      readonly minBytes: number;
      readonly maxBytes: number;
    };

export type Arrival = "constant" | "poisson";

/** A part of an open loop's schedule in which the rate goes from one figure to another, evenly. */
export interface RatePiece {
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
  readonly durationMicros: number;
}

export type Loop =
  | { readonly kind: "closed" }
  | {
      readonly kind: "open";
      readonly arrival: Arrival;
      /** At first; and throughout where there are no pieces. */
      readonly ratePerSecond: number;
      /** Where the rate changes: from the start of what is measured. The last piece's rate stays. */
      readonly pieces?: readonly RatePiece[];
    };

/** What to run: one YAML file, validated. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  readonly workload: Workload;
  /** Of each ensemble that is started for it. */
  readonly servers: number;
  readonly keys: number;
  /** Of the largest value. */
  readonly valueBytes: number;
  readonly valueSizes: ValueSizes;
  readonly distribution: Distribution;
  readonly connections: number;
  /** Outstanding operations per connection. */
  readonly depth: number;
  readonly loop: Loop;
  /** Of one round. */
  readonly durationMicros: number;
  /** Ends when the throughput of the last windows lies within `steadiness` (a share) of their mean. */
  readonly warmUp: { readonly minMicros: number; readonly maxMicros: number; readonly steadiness: number };
  readonly rounds: number;
  readonly sessionTimeoutMs: number;
  readonly seed: number;
  readonly thresholds: readonly Threshold[];
  /** The share of operations that may fail in a run that passes, 0 to 1; as stated, else as thresholds over errors allow. */
  readonly errorsMax: number;
  /** The same of those operations that no threshold over errors speaks of, where it is less; else null. */
  readonly othersErrorsMax: number | null;
  /** The same profile with other values, each measured on every target instead of this one; usually none. */
  readonly variants: readonly Variant[];
}

/** One combination of the values that a profile's `variants` list. */
export interface Variant {
  /** "3-read-50": the names of its values, joined. */
  readonly label: string;
  /** What was varied: the name of each value by its path, such as {servers: "3"}. */
  readonly values: Readonly<Record<string, string>>;
  /** Without variants of its own. */
  readonly profile: Profile;
}

/** A profile and where it came from. */
export interface LoadedProfile {
  readonly profile: Profile;
  /** The YAML, whole. */
  readonly text: string;
  readonly file: string;
  /** What was given over it: options by their names without dashes, `--set` by its path. */
  readonly overrides: Readonly<Record<string, string>>;
}
