import type { TargetName } from "../targets/target.js";

/**
 * The one value a run produces, written as `result.json`; CSV, HTML, .hgrm and the gate are pure functions of it.
 * Durations and latencies are microseconds, sizes bytes, unless a name says otherwise. Times within a run count from
 * `startedAt`.
 */
export interface RunResult {
  readonly schemaVersion: 2;
  readonly kind: "run" | "scenario" | "sweep";
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
  readonly histograms: HistogramPrecision;
  /** Operations that make up `total` and that costs are divided by; others are parts or views of the same work. */
  readonly counted: readonly string[];
  readonly targets: readonly TargetResult[];
  readonly ratios: readonly RatioRecord[];
  /** Of a sweep only. The rounds of its targets are the confirmations of the rate that was found. */
  readonly sweep: SweepRecord | null;
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

/** How near a recorded latency is to the true one: that of the histograms, beside which clocks have their own. */
export interface HistogramPrecision {
  readonly significantDigits: number;
  /** A figure differs from the sample it stands for by at most this share of it, and by `unitMicros` where that is more. */
  readonly relativeErrorMax: number;
  readonly unitMicros: number;
}

export interface TargetResult {
  readonly target: TargetName;
  /** Unique in a result: "core", "zookeeper", "zookeeper-attached", "core-3" of a variant. */
  readonly label: string;
  readonly version: string;
  readonly managed: boolean;
  readonly servers: number;
  /** Where the profile has variants: the name of each value that was varied, by its path. */
  readonly variant?: Readonly<Record<string, string>> | undefined;
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
  /** From 0. */
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
  /**
   * The geometric mean of the pairs of interleaved rounds, so within `min` and `max`. Null where a side is not warmed or
   * has too few samples; `note` says which.
   */
  readonly value: number | null;
  /** Of the true ratio, from the pairs. Null without a value or with too few pairs, which `note` says. */
  readonly interval: { readonly confidence: number; readonly low: number; readonly high: number } | null;
  /** Pairs of whole rounds of the same number. */
  readonly pairs: number;
  /** Over the pairs. */
  readonly min: number | null;
  readonly max: number | null;
  readonly note: string;
}

/** The highest rate each target sustains, and the way there. */
export interface SweepRecord {
  /** What a rate must hold, in the grammar of thresholds: "total p(99)<10ms". */
  readonly objectives: readonly string[];
  /** Of one probe, at the least. */
  readonly probeMicros: number;
  /** The rate found lies this share or less below the highest. */
  readonly tolerance: number;
  readonly ratePerSecondMax: number;
  readonly targets: readonly TargetSweep[];
}

/**
 * - `found`: the rate passed its confirmations, and `1.25` times it failed;
 * - `client-saturated`, `rate-max`: at least this rate; beyond it the load generator, or the highest rate allowed, was the
 *   limit;
 * - `none`: no rate that can be judged held;
 * - `unsettled`: the probes allowed were used up; the rate is the highest that held, not confirmed where null is no rate;
 * - `interrupted`, `lost`: ended early.
 */
export type SweepOutcome = "found" | "client-saturated" | "rate-max" | "none" | "unsettled" | "interrupted" | "lost";

export interface TargetSweep {
  readonly target: string;
  readonly outcome: SweepOutcome;
  /** Operations per second; null where none held. */
  readonly ratePerSecond: number | null;
  /** True where the rate passed its confirmations. */
  readonly confirmed: boolean;
  /** In the order they were measured. */
  readonly points: readonly SweepPoint[];
  /** Latency against rate: all windows of a rate together, the lowest rate first. */
  readonly curve: readonly SweepCurvePoint[];
}

export interface SweepCurvePoint {
  readonly askedPerSecond: number;
  readonly achievedPerSecond: number;
  readonly windows: number;
  readonly windowsHeld: number;
  /** Of all operations together, from when they were due. */
  readonly latency: LatencySummary | null;
}

/** One probe: a window of open-loop load at one rate. */
export interface SweepPoint {
  readonly purpose: "bracket" | "bisect" | "confirm" | "beyond";
  readonly askedPerSecond: number;
  /** Answered in the window, whenever they were due. */
  readonly achievedPerSecond: number;
  readonly durationMicros: number;
  readonly held: boolean;
  /** Why it did not hold, for people; empty where it did. */
  readonly reasons: readonly string[];
  /** True where it did not hold and the load generator was the limit: it says nothing of the target. */
  readonly clientLimited: boolean;
  /** Of all operations together, from when they were due. */
  readonly latency: LatencySummary | null;
  readonly errors: number;
  /** Operations that were due and had not ended, when the window began and when it ended. */
  readonly backlogAtStart: number;
  readonly backlogAtEnd: number;
  readonly sendLagP99: number | null;
  /** Of all server processes, per operation. */
  readonly cpuMicrosPerOperation: number | null;
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
  readonly code:
    | "client-saturated"
    | "not-warmed"
    | "too-few-samples"
    | "send-lag"
    | "target-missing"
    | "errors"
    | "weaker-promise"
    /** An option made the round shorter than what the profile does in one. */
    | "short-round";
  readonly message: string;
}
