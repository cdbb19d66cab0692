import { createHistogram, decodeHistogram, recordOf } from "./histogram.js";
import type { HistogramRecord, OperationResult } from "./result.js";

/** Merges recorded histograms; null where none holds a sample. */
export function mergeRecords(records: readonly (HistogramRecord | null)[]): HistogramRecord | null {
  const present = records.filter((record) => record !== null);
  if (present.length <= 1) return present[0] ?? null;
  const merged = createHistogram();
  for (const record of present) {
    const part = decodeHistogram(record.encoded);
    merged.add(part);
    part.destroy();
  }
  const record = recordOf(merged);
  merged.destroy();
  return record;
}

/** The operations named in `counted` as one, under the name `total`. */
export function totalOf(operations: readonly OperationResult[], counted: readonly string[]): OperationResult {
  const parts = operations.filter((operation) => counted.includes(operation.name));
  const errors: Record<string, number> = {};
  for (const part of parts) {
    for (const [error, count] of Object.entries(part.errors)) errors[error] = (errors[error] ?? 0) + count;
  }
  return {
    name: "total",
    ok: parts.reduce((sum, part) => sum + part.ok, 0),
    errors,
    opsPerSecond: parts.reduce((sum, part) => sum + part.opsPerSecond, 0),
    latency: mergeRecords(parts.map((part) => part.latency)),
    service: mergeRecords(parts.map((part) => part.service)),
  };
}

export function errorCount(operation: OperationResult): number {
  return Object.values(operation.errors).reduce((sum, count) => sum + count, 0);
}
