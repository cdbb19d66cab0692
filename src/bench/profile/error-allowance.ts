import type { Threshold } from "../thresholds.js";
import type { KindProblem } from "../workloads/workload-kind.js";

/** How many operations may fail, each a share of 0 to 1. */
export interface ErrorAllowance {
  /** Of all operations together: more, and the run fails, and is ended early where it cannot keep to it any more. */
  readonly errorsMax: number;
  /** Of those that no threshold over errors speaks of, where that is less; else null. */
  readonly othersErrorsMax: number | null;
}

/** Nothing may fail where nothing says otherwise. */
const ERRORS_MAX_DEFAULT = 0;

/**
 * What thresholds over errors allow is allowed: where `errorsMax` is not stated, it yields to that of `total`, else to the
 * highest of single operations, and the other operations are held to the default by themselves.
 */
export function errorAllowance(stated: number | undefined, thresholds: readonly Threshold[]): ErrorAllowance {
  if (stated !== undefined) return { errorsMax: stated, othersErrorsMax: null };
  const bounds = thresholds.filter(isUpperBound);
  const total = bounds.filter(({ metric }) => metric === "total").map(({ bound }) => bound);
  if (total.length > 0) return { errorsMax: Math.min(...total), othersErrorsMax: null };
  if (bounds.length === 0) return { errorsMax: ERRORS_MAX_DEFAULT, othersErrorsMax: null };
  return {
    errorsMax: Math.max(ERRORS_MAX_DEFAULT, ...bounds.map(({ bound }) => bound)),
    othersErrorsMax: ERRORS_MAX_DEFAULT,
  };
}

/** Thresholds over errors that a stated `errorsMax`, or the lack of one, leaves without effect or beyond reach. */
export function errorContradictions(stated: number | undefined, thresholds: readonly Threshold[]): KindProblem[] {
  const { errorsMax } = errorAllowance(stated, thresholds);
  const limit = `errorsMax${stated === undefined ? "" : ` of ${percent(errorsMax)}`}`;
  return thresholds.flatMap((threshold) => {
    if (threshold.aggregation.kind !== "errors") return [];
    const { metric, expression, comparison, bound } = threshold;
    const path = ["thresholds", metric];
    const looser =
      stated !== undefined && isUpperBound(threshold) && bound > errorsMax && (metric === "total" || errorsMax === 0);
    if (looser) {
      return [{ path, message: `'${expression}' has no effect beside ${limit}; leave errorsMax out, or raise it` }];
    }
    const wants = comparison === ">" || comparison === ">=";
    if (wants && (bound > errorsMax || (comparison === ">" && bound === errorsMax)) && metric === "total") {
      return [{ path, message: `'${expression}' cannot hold beside ${limit}; state an errorsMax above it` }];
    }
    return [];
  });
}

/** Operations of which a threshold says how many may fail. */
export function hasErrorThreshold(thresholds: readonly Threshold[], operation: string): boolean {
  return thresholds.some((threshold) => threshold.metric === operation && isUpperBound(threshold));
}

export function percent(share: number): string {
  return `${Number((share * 100).toFixed(6))}%`;
}

function isUpperBound({ aggregation, comparison }: Threshold): boolean {
  return aggregation.kind === "errors" && (comparison === "<" || comparison === "<=" || comparison === "==");
}
