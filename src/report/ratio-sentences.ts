import type { RatioRecord, RunResult } from "../bench/result.js";
import { isOpenLoop, saturatedRounds } from "./figures.js";
import { ratio } from "./format.js";

/** Whether a difference is more than chance; by the interval alone, so `insufficient` without one. */
export type RatioVerdict = "real" | "not-told-apart" | "insufficient";

export function ratioVerdict({ interval }: RatioRecord): RatioVerdict {
  if (interval === null) return "insufficient";
  return interval.low > 1 || interval.high < 1 ? "real" : "not-told-apart";
}

export const METRIC_NAMES: Readonly<Record<RatioRecord["metric"], string>> = {
  opsPerSecond: "Throughput",
  p50: "Median latency",
  p99: "p99 latency",
  cpuMicrosPerOperation: "Server CPU per operation",
};

/** What a ratio says, in one plain sentence: which is better, by how much, and whether the difference is real. */
export function ratioSentence(result: RunResult, record: RatioRecord): string {
  const { numerator, denominator, metric } = record;
  if (metric !== "opsPerSecond") return lowerIsBetter(record);
  if (isOpenLoop(result)) return "Both were offered the same load, so their throughput says nothing.";
  return throughput(record, saturationBounds(result, numerator, denominator));
}

/** Which side of 1 the interval is on, else (too few rounds for one) every pair of rounds; 0 claims nothing. */
function side(record: RatioRecord): -1 | 0 | 1 {
  const low = record.interval?.low ?? record.min ?? record.value ?? 1;
  const high = record.interval?.high ?? record.max ?? record.value ?? 1;
  if (low > 1) return 1;
  return high < 1 ? -1 : 0;
}

function spread({ interval, pairs, min, max }: RatioRecord): string {
  if (interval !== null) {
    return ` (${ratio(interval.low)} to ${ratio(interval.high)} with ${Math.round(interval.confidence * 100)}% confidence, ${pairs} rounds)`;
  }
  return min === null || max === null ? "" : ` (${ratio(min)} to ${ratio(max)} between rounds)`;
}

const real = (record: RatioRecord): string => (ratioVerdict(record) === "real" ? "; the difference is real" : "");

function lowerIsBetter(record: RatioRecord): string {
  const { numerator, denominator, value } = record;
  const name = METRIC_NAMES[record.metric];
  if (value === null) return `${name}: no ratio, ${record.note || "too few samples"}.`;
  if (side(record) === 0) {
    return `${name}: no clear difference, ${ratio(value)} that of ${denominator}${spread(record)}.`;
  }
  const verdict = value < 1 ? "lower is better" : `${numerator} is worse here`;
  return `${name}: ${ratio(value)} that of ${denominator}${spread(record)}; ${verdict}${real(record)}.`;
}

function throughput(record: RatioRecord, bounds: string): string {
  const { numerator, denominator, operation, value } = record;
  if (value === null) return `No ratio of throughput for ${operation}: ${record.note || "too few samples"}.`;
  const direction = side(record);
  if (direction === 0) {
    return `${numerator} and ${denominator} cannot be told apart: ${ratio(value)} the ${operation} operations per second${spread(record)}.`;
  }
  const verdict = direction === 1 ? "did" : "is slower: it did";
  return `${numerator} ${verdict} ${ratio(value)} the ${operation} operations per second of ${denominator}${spread(record)}${bounds}${real(record)}.`;
}

function saturationBounds(result: RunResult, numerator: string, denominator: string): string {
  const saturated = (label: string): boolean =>
    result.targets.some((target) => target.label === label && saturatedRounds(target).length > 0);
  if (saturated(numerator) && saturated(denominator)) return "; the clients were the limit on both sides";
  if (saturated(numerator)) return `; at least, since the clients were the limit against ${numerator}`;
  if (saturated(denominator)) return `; at most, since the clients were the limit against ${denominator}`;
  return "";
}
