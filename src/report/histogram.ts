import { decodeFromCompressedBase64 } from "hdr-histogram-js";
import type { HistogramRecord } from "../bench/result.js";

/** Reporting points per halving of the distance to 100%, as HdrHistogram's own tools use. */
const TICKS_PER_HALF_DISTANCE = 5;

export type DecodedHistogram = ReturnType<typeof decodeFromCompressedBase64>;

/** Throws where `encoded` is not an HDR V2 histogram, compressed, in base64. */
export function decodeHistogram(encoded: string): DecodedHistogram {
  return decodeFromCompressedBase64(encoded);
}

/** The percentile distribution in microseconds, byte for byte as HdrHistogram for Java prints it (`.hgrm`). */
export function percentileDistribution(histogram: HistogramRecord): string {
  return decodeHistogram(histogram.encoded).outputPercentileDistribution(TICKS_PER_HALF_DISTANCE, 1);
}

/** One row of a percentile distribution. */
export interface PercentileRow {
  readonly valueMicros: number;
  /** 0 to 1. */
  readonly percentile: number;
  /** How many samples are at or below the value. */
  readonly totalCount: number;
}

/** The rows of `percentileDistribution`; the last one is the maximum, at percentile 1. Empty without samples. */
export function percentileRows(histogram: HistogramRecord): readonly PercentileRow[] {
  const rows: PercentileRow[] = [];
  for (const line of percentileDistribution(histogram).split("\n").slice(2)) {
    if (line.startsWith("#")) break;
    const [value, percentile, totalCount] = line.trim().split(/\s+/);
    rows.push({ valueMicros: Number(value), percentile: Number(percentile), totalCount: Number(totalCount) });
  }
  return rows;
}
