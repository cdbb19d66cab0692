import type { Threshold } from "../thresholds.js";

export const MIX_OPERATIONS = ["read", "readLinearizable", "write", "create"] as const;
export type MixOperation = (typeof MIX_OPERATIONS)[number];

/** Independent operations, drawn by weight. */
export interface MixWorkload {
  readonly kind: "mix";
  readonly operations: Readonly<Partial<Record<MixOperation, number>>>;
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

/** One more connection changes a value that all connections watch; the next change follows when all have seen it. */
export interface WatchFanoutWorkload {
  readonly kind: "watch-fanout";
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
  | CoarseLockWorkload;

/** How keys are chosen. */
export type Distribution = "uniform";

export type Loop =
  | { readonly kind: "closed" }
  | { readonly kind: "open"; readonly ratePerSecond: number; readonly arrival: "constant" | "poisson" };

/** What to run: one YAML file, validated. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  readonly workload: Workload;
  readonly keys: number;
  readonly valueBytes: number;
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
  /** The share of operations that may fail in a run that passes, 0 to 1. */
  readonly errorsMax: number;
}

/** A profile and where it came from. */
export interface LoadedProfile {
  readonly profile: Profile;
  /** The YAML, whole. */
  readonly text: string;
  readonly file: string;
  /** Options given over it, by their names without dashes. */
  readonly overrides: Readonly<Record<string, string>>;
}
