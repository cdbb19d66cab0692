import { USER_ERRORS, UserError } from "../../base/user-error.js";
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

/** How many operations one probe must have for these objectives to be judged. */
export function samplesNeeded(objectives: readonly Threshold[]): number {
  const each = objectives.map(({ aggregation }) =>
    aggregation.kind === "percentile" && aggregation.percentile < 100
      ? Math.round(SAMPLES_BEYOND / (1 - aggregation.percentile / 100))
      : 0,
  );
  return Math.max(SAMPLES_MIN, ...each);
}
