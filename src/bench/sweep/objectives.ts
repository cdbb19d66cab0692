import { USER_ERRORS, UserError } from "../../base/user-error.js";
import type { Workload } from "../profile/profile.js";
import { parseThreshold, type Threshold } from "../thresholds.js";

/** Samples that must lie beyond a percentile for it to be a figure. */
const SAMPLES_BEYOND = 10;
const SAMPLES_MIN = 200;

/** "p(99)<10ms" of all operations together, "read:p(99)<10ms" of one. Throws UserError. */
export function parseObjective(text: string, operations: readonly string[]): Threshold {
  const [, operation, expression] = /^(?:\s*([a-zA-Z][\w-]*)\s*:)?(.*)$/s.exec(text) as RegExpExecArray;
  const metric = operation ?? "total";
  const known = ["total", ...operations];
  if (!known.includes(metric)) {
    throw new UserError(USER_ERRORS.badChoice, { value: metric, choices: known.join(", ") }, "--slo");
  }
  try {
    return parseThreshold(metric, expression as string);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.kind, { value: text }, "--slo");
  }
}

export function objectiveText({ metric, expression }: Threshold): string {
  return `${metric} ${expression}`;
}

/** How many operations of its own kind an objective takes to be judged. */
export function samplesOf({ aggregation }: Threshold): number {
  return aggregation.kind === "percentile" && aggregation.percentile < 100
    ? Math.round(SAMPLES_BEYOND / (1 - aggregation.percentile / 100))
    : 0;
}

/**
 * How many operations one probe must have for these objectives to be judged, where `shareOf` says what share of them are of
 * the kind that an objective is of.
 */
export function samplesNeeded(objectives: readonly Threshold[], shareOf: (metric: string) => number): number {
  return Math.max(SAMPLES_MIN, ...objectives.map((each) => Math.ceil(samplesOf(each) / shareOf(each.metric))));
}

/** By the weights of a mix; what a profile asks for most is what most of its probe is made of. */
export function operationShare(workload: Workload, metric: string): number {
  if (workload.kind !== "mix" || metric === "total") return 1;
  const weights: Readonly<Record<string, number>> = workload.operations;
  const all = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  return (weights[metric] ?? 0) / all;
}
