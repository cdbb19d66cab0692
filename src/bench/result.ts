import type { TargetName } from "../targets/target.js";

/**
 * The one value a run produces, written as `result.json`; CSV, HTML, .hgrm and the gate are pure functions of it.
 * Durations and latencies are microseconds, sizes bytes, unless a name says otherwise. Times within a run count from
 * `startedAt`.
 */
export interface RunResult {
  readonly schemaVersion: 1;
  readonly kind: "run" | "scenario";
  readonly zabenchVersion: string;
  readonly profile: ProfileRecord;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMicros: number;
  /** True where Ctrl-C ended it early: what had been measured by then is kept. */
  readonly interrupted: boolean;
  readonly seed: number;
  readonly environment: EnvironmentRecord;
  readonly calibration: CalibrationRecord;
  readonly targets: readonly TargetResult[];
  readonly ratios: readonly RatioRecord[];
  readonly thresholds: readonly ThresholdRecord[];
  readonly warnings: readonly WarningRecord[];
}

export interface ProfileRecord {
  readonly name: string;
  readonly description: string;
  /** The YAML as it was run, so that a result can be run again. */
  readonly text: string;
  /** Options given on the command line over it. */
  readonly overrides: Readonly<Record<string, string>>;
}

export interface EnvironmentRecord {
  readonly node: string;
  readonly platform: string;
  readonly kernel: string;
  readonly cpuModel: string;
  readonly cores: number;
  readonly memoryBytes: number;
}

export interface CalibrationRecord {
  readonly fdatasync: LatencySummary | null;
  readonly loopbackRoundTrip: LatencySummary | null;
  readonly timerJitter: LatencySummary | null;
}

export interface TargetResult {
  readonly target: TargetName;
  /** Unique in a result: "core", "zookeeper", "zookeeper-attached". */
  readonly label: string;
  readonly version: string;
  readonly managed: boolean;
  readonly servers: number;
  readonly flags: Readonly<Record<string, string>>;
  readonly warmUp: { readonly steady: boolean; readonly durationMicros: number };
  readonly rounds: readonly RoundResult[];
  /** All rounds together: histograms merged, never averaged. */
  readonly operations: readonly OperationResult[];
  /** Workload-specific figures: acquisitions per second, fairness, watchers. */
  readonly metrics: readonly MetricRecord[];
  readonly checks: readonly CheckRecord[];
  readonly outages: readonly OutageRecord[];
}

export interface RoundResult {
  readonly index: number;
  readonly startMicros: number;
  readonly durationMicros: number;
  readonly operations: readonly OperationResult[];
  /** One row per second and operation. */
  readonly seconds: readonly SecondRow[];
  readonly client: ClientLoad;
  readonly members: readonly MemberCost[];
  /** CPU that the other, idle targets used during this round, by label. */
  readonly idleCpuMicros: Readonly<Record<string, number>>;
}

export interface OperationResult {
  /** "read", "write", "create", "acquire", "hand-over", "deliver-last". */
  readonly name: string;
  readonly ok: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly opsPerSecond: number;
  /** Successful operations only. Open loop: from the intended start. Closed loop: from the send. Null without samples. */
  readonly latency: HistogramRecord | null;
  /** Open loop only: from the actual send. */
  readonly service: HistogramRecord | null;
}

export interface LatencySummary {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly stdDeviation: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
  readonly max: number;
}

export interface HistogramRecord extends LatencySummary {
  /** The whole histogram: HDR V2, compressed, base64. */
  readonly encoded: string;
}

export interface SecondRow {
  /** Of the round, from 0. */
  readonly second: number;
  readonly operation: string;
  readonly ok: number;
  readonly errors: number;
  /** Null where nothing succeeded in that second. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export interface ClientLoad {
  readonly workers: number;
  readonly connections: number;
  readonly depth: number;
  /** Operations per second asked for; null in a closed loop. */
  readonly ratePerSecond: number | null;
  /** Of the load workers, over the round. */
  readonly cpuMicros: number;
  /** The busiest worker's share of time in its event loop, 0 to 1. */
  readonly eventLoopUtilizationMax: number;
  /** Open loop: how late sends were against their schedule. */
  readonly sendLag: LatencySummary | null;
  /** True where the clients, not the servers, set the limit. */
  readonly saturated: boolean;
}

export interface MemberCost {
  readonly member: number;
  readonly cpuMicros: number;
  readonly writtenBytes: number;
  readonly syncs: number | null;
  readonly residentBytes: number;
}

export interface MetricRecord {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** `unknown` is neither: the check could not be made, and the run does not pass on it. */
export interface CheckRecord {
  readonly name: string;
  readonly verdict: "valid" | "invalid" | "unknown";
  readonly detail: string;
  readonly observations: number;
}

/** A fault and what clients felt of it. */
export interface OutageRecord {
  readonly fault: string;
  readonly member: number | null;
  readonly round: number;
  readonly startMicros: number;
  readonly endMicros: number | null;
  /** Last acknowledgement before to first after, over all clients; null where none came after. */
  readonly overallMicros: number | null;
  /** The same for each client that was affected. */
  readonly perClient: LatencySummary | null;
  readonly errors: Readonly<Record<string, number>>;
  readonly sessionsLost: number;
  /** From the fault until throughput was back at 90% of before; null if never. */
  readonly recoveryMicros: number | null;
  /** Latency of operations before, during and after. */
  readonly phases: readonly {
    readonly phase: "before" | "during" | "after";
    readonly latency: LatencySummary | null;
  }[];
}

/** `value` is numerator over denominator; above 1 means the numerator's figure is the larger one. */
export interface RatioRecord {
  readonly numerator: string;
  readonly denominator: string;
  readonly operation: string;
  readonly metric: "opsPerSecond" | "p50" | "p99" | "cpuMicrosPerOperation";
  /** Null where a side is not warmed or has too few samples; `note` says which. */
  readonly value: number | null;
  /** Over the pairs of interleaved rounds. */
  readonly min: number | null;
  readonly max: number | null;
  readonly note: string;
}

export interface ThresholdRecord {
  readonly target: string;
  readonly metric: string;
  readonly expression: string;
  /** Null where there were no samples, which fails. */
  readonly observed: number | null;
  readonly passed: boolean;
}

export interface WarningRecord {
  readonly target: string | null;
  readonly code: "client-saturated" | "not-warmed" | "too-few-samples" | "send-lag" | "target-missing" | "errors";
  readonly message: string;
}
