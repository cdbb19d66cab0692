import { geometricMean, INTERVAL_PAIRS_MIN, ratioInterval } from "./confidence.js";
import { totalOf } from "./merge-records.js";
import type { MemberCost, OperationResult, RatioRecord, RoundResult, TargetResult } from "./result.js";

type RatioMetric = RatioRecord["metric"];
const METRICS: readonly RatioMetric[] = ["opsPerSecond", "p50", "p99", "cpuMicrosPerOperation"];

/** Fewer successful operations than this on either side, over all rounds, and the figure is insufficient. */
export const SAMPLES_MIN: Readonly<Record<RatioMetric, number>> = {
  opsPerSecond: 100,
  p50: 100,
  p99: 1_000,
  cpuMicrosPerOperation: 1_000,
};

/** The same of each round: a ratio is made of figures of single rounds. Ten samples lie beyond its 99th percentile. */
const ROUND_SAMPLES_MIN: Readonly<Record<RatioMetric, number>> = {
  opsPerSecond: 20,
  p50: 20,
  p99: 1_000,
  cpuMicrosPerOperation: 100,
};

/**
 * Every pair of targets, the one named first over the one named later, for every operation and for `total`, which is made
 * of the `counted` operations. Cost is told for the total only. A round that is shorter than `roundMicros` was ended early
 * and is no part of a pair.
 */
export function compareTargets(
  targets: readonly TargetResult[],
  counted: readonly string[],
  roundMicros: number,
): RatioRecord[] {
  const ratios: RatioRecord[] = [];
  targets.forEach((numerator, index) => {
    for (const denominator of targets.slice(index + 1)) {
      const names = numerator.operations
        .map((operation) => operation.name)
        .filter((name) => denominator.operations.some((other) => other.name === name));
      for (const name of [...names, "total"]) {
        for (const metric of METRICS) {
          // Cost is of all operations; and a total of one kind of operation says nothing else than that kind does.
          const ofTotal = metric === "cpuMicrosPerOperation" || counted.length > 1;
          if (name === "total" ? !ofTotal : metric === "cpuMicrosPerOperation") continue;
          ratios.push(compare(numerator, denominator, name, metric, { counted, roundMicros }));
        }
      }
    }
  });
  return ratios;
}

interface Basis {
  readonly counted: readonly string[];
  readonly roundMicros: number;
}

function compare(
  numerator: TargetResult,
  denominator: TargetResult,
  operation: string,
  metric: RatioMetric,
  basis: Basis,
): RatioRecord {
  const of = (operations: readonly OperationResult[]): OperationResult | undefined =>
    operation === "total" ? totalOf(operations, basis.counted) : operations.find((each) => each.name === operation);
  const pairs = wholePairs(numerator, denominator, basis.roundMicros);
  const ratios: number[] = [];
  let reason =
    reasonAgainst(numerator, of(numerator.operations), metric) ??
    reasonAgainst(denominator, of(denominator.operations), metric);
  if (pairs.length === 0) reason ??= "no round of both was measured whole";
  for (const [over, under] of pairs) {
    const above = roundFigure(numerator.label, over, of(over.operations), metric);
    const below = roundFigure(denominator.label, under, of(under.operations), metric);
    // A round without a figure may be a stall, which leaving it out would hide.
    if (typeof above === "string" || typeof below === "string") {
      reason ??= typeof above === "string" ? above : (below as string);
      break;
    }
    ratios.push(above / below);
  }
  const told = reason === undefined;
  const interval = told ? ratioInterval(ratios) : null;
  const few = `an interval takes ${INTERVAL_PAIRS_MIN} rounds, there were ${ratios.length}`;
  return {
    numerator: numerator.label,
    denominator: denominator.label,
    operation,
    metric,
    value: told ? geometricMean(ratios) : null,
    interval,
    pairs: told ? ratios.length : 0,
    min: told ? Math.min(...ratios) : null,
    max: told ? Math.max(...ratios) : null,
    note: reason ?? (interval === null ? few : ""),
  };
}

/** Rounds of the same number, whose turns came next to each other. */
function wholePairs(
  numerator: TargetResult,
  denominator: TargetResult,
  roundMicros: number,
): (readonly [RoundResult, RoundResult])[] {
  const whole = (round: RoundResult): boolean => round.durationMicros >= roundMicros;
  return numerator.rounds.filter(whole).flatMap((round) => {
    const other = denominator.rounds.find((each) => each.index === round.index);
    return other === undefined || !whole(other) ? [] : [[round, other] as const];
  });
}

function reasonAgainst(
  target: TargetResult,
  operation: OperationResult | undefined,
  metric: RatioMetric,
): string | undefined {
  if (metric === "cpuMicrosPerOperation" && !target.managed) {
    return `the cost of servers that zabench did not start is not known: ${target.label}`;
  }
  if (!target.warmUp.steady) return `${target.label} was not warmed`;
  const samples = operation?.ok ?? 0;
  return samples < SAMPLES_MIN[metric] ? `${target.label} has too few samples: ${samples}` : undefined;
}

/** Above 0; or why there is none. */
function roundFigure(
  label: string,
  round: RoundResult,
  operation: OperationResult | undefined,
  metric: RatioMetric,
): number | string {
  const samples = operation?.ok ?? 0;
  if (operation === undefined || samples < ROUND_SAMPLES_MIN[metric]) {
    return `round ${round.index + 1} of ${label} has too few samples: ${samples}`;
  }
  const figure = figureOf(operation, round.members, metric);
  return figure === null || figure <= 0 ? `round ${round.index + 1} of ${label} has no figure` : figure;
}

function figureOf(operation: OperationResult, members: readonly MemberCost[], metric: RatioMetric): number | null {
  switch (metric) {
    case "opsPerSecond":
      return operation.opsPerSecond;
    case "cpuMicrosPerOperation":
      return members.length === 0 ? null : members.reduce((sum, member) => sum + member.cpuMicros, 0) / operation.ok;
    default:
      return operation.latency === null ? null : operation.latency[metric];
  }
}
