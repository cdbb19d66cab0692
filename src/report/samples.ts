import type { LatencySummary } from "../bench/result.js";

/** A percentile is a figure only if this many samples lie beyond it: p99 needs 1,000 samples, p99.9 needs 10,000. */
export const SAMPLES_BEYOND_PERCENTILE_MIN = 10;

/** A throughput is a figure only if it counts at least this many operations. */
export const OPERATIONS_MIN = 20;

const PERCENTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999, p9999: 0.9999 } as const;
export type PercentileName = keyof typeof PERCENTILES;

export function samplesNeeded(percentile: PercentileName): number {
  return Math.round(SAMPLES_BEYOND_PERCENTILE_MIN / (1 - PERCENTILES[percentile]));
}

/** Null where the samples do not support that percentile. In microseconds. */
export function supportedPercentile(latency: LatencySummary | null, percentile: PercentileName): number | null {
  return latency === null || latency.count < samplesNeeded(percentile) ? null : latency[percentile];
}
