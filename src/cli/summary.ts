import type { ExitCode } from "../base/user-error.js";
import type { HistogramRecord, LatencySummary, OperationResult, RunResult } from "../bench/result.js";
import { ratioSentence, ratioVerdict } from "../report/ratio-sentences.js";

/** A result without its histograms and rounds, for machines that read standard output; `report` leads to the rest. */
export function summaryOf(result: RunResult, exitCode: ExitCode, report: string): object {
  const { profile, targets, ratios, ...rest } = result;
  return {
    ...rest,
    exitCode,
    report,
    profile: { name: profile.name, description: profile.description, overrides: profile.overrides },
    ratios: ratios.map((ratio) => ({
      ...ratio,
      verdict: ratioVerdict(ratio),
      sentence: ratioSentence(result, ratio),
    })),
    targets: targets.map(({ rounds, operations, ...target }) => ({
      ...target,
      rounds: rounds.length,
      operations: operations.map(summarizeOperation),
    })),
  };
}

function summarizeOperation(operation: OperationResult): object {
  return { ...operation, latency: withoutHistogram(operation.latency), service: withoutHistogram(operation.service) };
}

function withoutHistogram(record: HistogramRecord | null): LatencySummary | null {
  if (record === null) return null;
  const { encoded: _, ...summary } = record;
  return summary;
}
