import { totalOf } from "./merge-records.js";
import type { MemberCost, OperationResult, RatioRecord, TargetResult } from "./result.js";

type RatioMetric = RatioRecord["metric"];
const METRICS: readonly RatioMetric[] = ["opsPerSecond", "p50", "p99", "cpuMicrosPerOperation"];

/** Fewer successful operations than this on either side, and the figure is insufficient. */
export const SAMPLES_MIN: Readonly<Record<RatioMetric, number>> = {
  opsPerSecond: 100,
  p50: 100,
  p99: 1_000,
  cpuMicrosPerOperation: 1_000,
};

/**
 * Every pair of targets, the one named first over the one named later, for every operation and for `total`, which is made
 * of the `counted` operations. Cost is told for the total only.
 */
export function compareTargets(targets: readonly TargetResult[], counted: readonly string[]): RatioRecord[] {
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
          ratios.push(compare(numerator, denominator, name, metric, counted));
        }
      }
    }
  });
  return ratios;
}

function compare(
  numerator: TargetResult,
  denominator: TargetResult,
  operation: string,
  metric: RatioMetric,
  counted: readonly string[],
): RatioRecord {
  const pick = (operations: readonly OperationResult[]): OperationResult | undefined =>
    operation === "total" ? totalOf(operations, counted) : operations.find((each) => each.name === operation);
  const reason =
    reasonAgainst(numerator, pick(numerator.operations), metric) ??
    reasonAgainst(denominator, pick(denominator.operations), metric);
  const value = divide(
    figure(pick(numerator.operations), membersOf(numerator), metric),
    figure(pick(denominator.operations), membersOf(denominator), metric),
  );
  const pairs: number[] = [];
  for (const [index, round] of numerator.rounds.entries()) {
    const other = denominator.rounds[index];
    if (other === undefined) continue;
    const pair = divide(
      figure(pick(round.operations), round.members, metric),
      figure(pick(other.operations), other.members, metric),
    );
    if (pair !== null) pairs.push(pair);
  }
  const counts = reason === undefined && value !== null;
  return {
    numerator: numerator.label,
    denominator: denominator.label,
    operation,
    metric,
    value: counts ? value : null,
    min: counts && pairs.length > 0 ? Math.min(...pairs) : null,
    max: counts && pairs.length > 0 ? Math.max(...pairs) : null,
    note: reason ?? (value === null ? "one side has no figure" : ""),
  };
}

function membersOf(target: TargetResult): MemberCost[] {
  return target.rounds.flatMap((round) => round.members);
}

function reasonAgainst(
  target: TargetResult,
  operation: OperationResult | undefined,
  metric: RatioMetric,
): string | undefined {
  if (!target.warmUp.steady) return `${target.label} was not warmed`;
  const samples = operation?.ok ?? 0;
  return samples < SAMPLES_MIN[metric] ? `${target.label} has too few samples: ${samples}` : undefined;
}

function figure(
  operation: OperationResult | undefined,
  members: readonly MemberCost[],
  metric: RatioMetric,
): number | null {
  if (operation === undefined) return null;
  switch (metric) {
    case "opsPerSecond":
      return operation.opsPerSecond;
    case "cpuMicrosPerOperation":
      if (members.length === 0 || operation.ok === 0) return null;
      return members.reduce((sum, member) => sum + member.cpuMicros, 0) / operation.ok;
    default:
      return operation.latency === null ? null : operation.latency[metric];
  }
}

function divide(over: number | null, under: number | null): number | null {
  return over === null || under === null || under === 0 ? null : over / under;
}
