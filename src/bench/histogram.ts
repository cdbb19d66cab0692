import { createRequire } from "node:module";
import type { WasmHistogram } from "hdr-histogram-js";
import type { HistogramPrecision, HistogramRecord, LatencySummary } from "./result.js";

// The package is CommonJS whose exports Node cannot see statically.
const hdr = createRequire(import.meta.url)("hdr-histogram-js") as typeof import("hdr-histogram-js");

/**
 * HDR, microseconds, three significant digits, growing with its values. WebAssembly: recording takes 30 to 50 ns there and
 * 200 to 290 ns in the package's JavaScript (5 million log-uniform values). Its memory is not collected: `destroy` it.
 */
export type Histogram = WasmHistogram;

const SIGNIFICANT_DIGITS = 3;

/** Of every histogram made here: its buckets are at most this share of their values wide, and values whole microseconds. */
export const HISTOGRAM_PRECISION: HistogramPrecision = {
  significantDigits: SIGNIFICANT_DIGITS,
  relativeErrorMax: 10 ** -SIGNIFICANT_DIGITS,
  unitMicros: 1,
};

export function createHistogram(): Histogram {
  hdr.initWebAssemblySync();
  return hdr.build({
    bitBucketSize: 32,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2,
    numberOfSignificantValueDigits: SIGNIFICANT_DIGITS,
    useWebAssembly: true,
  }) as Histogram;
}

/** HDR V2, not compressed, to send between threads. */
export function packHistogram(histogram: Histogram): Uint8Array {
  return histogram.encode().slice();
}

export function addPacked(to: Histogram, packed: Uint8Array): void {
  const part = hdr.WasmHistogram.decode(packed, 32, 0) as Histogram;
  to.add(part);
  part.destroy();
}

/** `encoded` is HDR V2, compressed, base64. */
export function decodeHistogram(encoded: string): Histogram {
  hdr.initWebAssemblySync();
  return hdr.decodeFromCompressedBase64(encoded, 32, true) as Histogram;
}

export function encodeHistogram(histogram: Histogram): string {
  return histogram.encodeIntoCompressedBase64();
}

/** Null where nothing was recorded. */
export function summarize(histogram: Histogram): LatencySummary | null {
  if (histogram.totalCount === 0) return null;
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile);
  return {
    count: histogram.totalCount,
    min: at(0),
    mean: histogram.mean,
    stdDeviation: histogram.stdDeviation,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    p9999: at(99.99),
    max: at(100),
  };
}

export function recordOf(histogram: Histogram): HistogramRecord | null {
  const summary = summarize(histogram);
  return summary === null ? null : { ...summary, encoded: encodeHistogram(histogram) };
}
