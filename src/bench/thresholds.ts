import { formatMicros, parseDurationMicros } from "../base/units.js";
import { USER_ERRORS, UserError } from "../base/user-error.js";
import { decodeHistogram } from "./histogram.js";
import type { OperationResult, ThresholdRecord } from "./result.js";

/** What is compared: a latency in microseconds, operations per second, a number of operations, a share of 0 to 1. */
type Aggregation =
  | { readonly kind: "percentile"; readonly percentile: number }
  | { readonly kind: "avg" | "min" | "med" | "max" | "rate" | "count" | "errors" };

type Comparison = "<" | "<=" | ">" | ">=" | "==" | "!=";

/** One condition in k6's grammar, `p(99)<5ms`, on one operation or on `total`, all operations together. */
export interface Threshold {
  readonly metric: string;
  readonly expression: string;
  readonly aggregation: Aggregation;
  readonly comparison: Comparison;
  readonly bound: number;
}

const GRAMMAR = /^(?:p\((\d+(?:\.\d+)?)\)|(avg|min|med|max|rate|count|errors))\s*(<=|>=|==|!=|<|>)\s*(\S+)$/;

/** Throws UserError `badThreshold`, also where the unit does not fit what is measured. */
export function parseThreshold(metric: string, expression: string): Threshold {
  const bad = (): UserError => new UserError(USER_ERRORS.badThreshold, { value: expression });
  const match = GRAMMAR.exec(expression.trim());
  if (!match) throw bad();
  const [, percentileText, name, comparison, boundText] = match;
  let aggregation: Aggregation;
  if (percentileText !== undefined) {
    const percentile = Number(percentileText);
    if (percentile > 100) throw bad();
    aggregation = { kind: "percentile", percentile };
  } else {
    aggregation = { kind: name as Exclude<Aggregation["kind"], "percentile"> };
  }
  const bound = parseBound(aggregation.kind, boundText as string);
  if (bound === undefined) throw bad();
  return { metric, expression: expression.trim(), aggregation, comparison: comparison as Comparison, bound };
}

function parseBound(kind: Aggregation["kind"], text: string): number | undefined {
  const number = (pattern: RegExp): number | undefined => {
    const match = pattern.exec(text);
    return match ? Number(match[1]) : undefined;
  };
  switch (kind) {
    case "rate":
      return number(/^(\d+(?:\.\d+)?)(?:\/s)?$/);
    case "count":
      return number(/^(\d+)$/);
    case "errors": {
      const percent = number(/^(\d+(?:\.\d+)?)%$/);
      return percent === undefined ? undefined : percent / 100;
    }
    default:
      try {
        return parseDurationMicros(text);
      } catch (error) {
        if (error instanceof UserError) return undefined;
        throw error;
      }
  }
}

/** True where a duration is compared, false for rates, counts and shares. */
export function isOfLatency({ aggregation }: Threshold): boolean {
  return aggregation.kind !== "rate" && aggregation.kind !== "count" && aggregation.kind !== "errors";
}

/** How the bound or an observed figure reads for people. */
export function formatThresholdFigure(threshold: Threshold, figure: number): string {
  switch (threshold.aggregation.kind) {
    case "rate":
      return `${figure.toFixed(1)}/s`;
    case "count":
      return String(figure);
    case "errors":
      return `${(figure * 100).toFixed(3)}%`;
    default:
      return formatMicros(figure);
  }
}

/** A metric without samples fails: nothing was measured that could have kept the promise. */
export function evaluateThreshold(
  threshold: Threshold,
  target: string,
  operation: OperationResult | undefined,
): ThresholdRecord {
  const observed = operation === undefined ? null : observe(threshold.aggregation, operation);
  return {
    target,
    metric: threshold.metric,
    expression: threshold.expression,
    observed,
    passed: observed !== null && compare(observed, threshold.comparison, threshold.bound),
  };
}

function observe(aggregation: Aggregation, operation: OperationResult): number | null {
  const failed = Object.values(operation.errors).reduce((sum, count) => sum + count, 0);
  if (aggregation.kind === "errors") {
    return operation.ok + failed === 0 ? null : failed / (operation.ok + failed);
  }
  const latency = operation.latency;
  if (latency === null) return null;
  switch (aggregation.kind) {
    case "rate":
      return operation.opsPerSecond;
    case "count":
      return operation.ok;
    case "avg":
      return latency.mean;
    case "min":
      return latency.min;
    case "med":
      return latency.p50;
    case "max":
      return latency.max;
    case "percentile": {
      const histogram = decodeHistogram(latency.encoded);
      const value = histogram.getValueAtPercentile(aggregation.percentile);
      histogram.destroy();
      return value;
    }
  }
}

function compare(observed: number, comparison: Comparison, bound: number): boolean {
  switch (comparison) {
    case "<":
      return observed < bound;
    case "<=":
      return observed <= bound;
    case ">":
      return observed > bound;
    case ">=":
      return observed >= bound;
    case "==":
      return observed === bound;
    case "!=":
      return observed !== bound;
  }
}
