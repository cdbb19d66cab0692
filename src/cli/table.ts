import { formatBytes, formatMicros } from "../base/units.js";
import { errorCount } from "../bench/merge-records.js";
import type { MetricRecord, OperationResult, RatioRecord, RunResult, TargetResult } from "../bench/result.js";
import { costByMember, isOpenLoop, type OperationCost, sendLagP99 } from "../report/figures.js";
import { observedText } from "../report/format.js";
import { totalPerSecond, variantTable } from "../report/variants.js";
import type { Output } from "./output.js";

/** "1,234,567", "12.3" below 100. */
export function formatCount(count: number): string {
  return count < 100 ? count.toFixed(1) : Math.round(count).toLocaleString("en-US");
}

/** What a run found, for people: a table, ratios with their spread, and what weakens or forbids conclusions. */
export function printResult(result: RunResult, output: Output): void {
  output.line();
  for (const line of comparisonTable(result)) output.line(line);
  for (const lines of [variantLines(result), metricLines(result), ratioLines(result)]) {
    if (lines.length > 0) output.line();
    for (const line of lines) output.line(line);
  }
  output.line();
  for (const target of result.targets) {
    for (const check of target.checks) {
      if (check.verdict === "valid") continue;
      const verdict = output.style("red", check.verdict === "invalid" ? "inconsistent" : "unknown");
      output.line(`${verdict}: ${target.label}, ${check.name}: ${check.detail}`);
    }
  }
  for (const threshold of result.thresholds) {
    if (threshold.passed) continue;
    const { target, metric, expression, observed } = threshold;
    const why =
      observed === null ? "there were no samples" : `observed ${observedText(expression, observed, formatMicros)}`;
    output.line(`${output.style("red", "threshold")}: ${target}, ${metric} ${expression}: ${why}`);
  }
  for (const warning of result.warnings) output.line(`${output.style("yellow", "warning")}: ${warning.message}`);
  if (result.interrupted) output.line("interrupted: the figures are of what had been measured by then");
}

const COLUMNS = ["operation", "target", "ops/s", "of rounds", "p50", "p99", "p99.9", "max"];
const COST_COLUMNS = ["cpu/op", "written/op", "syncs/op"];

export function comparisonTable(result: RunResult): string[] {
  const names = [...new Set(result.targets.flatMap((target) => target.operations.map((operation) => operation.name)))];
  const rows = names.flatMap((name) =>
    result.targets.flatMap((target) => {
      const operation = target.operations.find((each) => each.name === name);
      return operation === undefined ? [] : [row(result, target, operation)];
    }),
  );
  const lag = isOpenLoop(result) ? ["send lag"] : [];
  return alignColumns([[...COLUMNS, ...lag, "errors", ...COST_COLUMNS], ...rows]);
}

/** Operations per second of every variant, a column for each target; nothing where there are no variants. */
export function variantLines(result: RunResult): string[] {
  const matrix = variantTable(result);
  if (matrix === undefined) return [];
  const { paths, targets, rows } = matrix;
  return alignColumns(
    [
      [...paths, ...targets.map((target) => `${target} ops/s`)],
      ...rows.map(({ values, cells }) => [
        ...values,
        ...cells.map((target) =>
          target === undefined || target.rounds.length === 0 ? "-" : formatCount(totalPerSecond(result, target)),
        ),
      ]),
    ],
    paths.length,
  );
}

/**
 * What the servers used per operation of any kind, in the order of `COST_COLUMNS`: of each server process, "5.1+3.6+3.5 us".
 */
function costCells(result: RunResult, target: TargetResult): string[] {
  const members = costByMember(target.rounds, result.counted);
  const cost = (figure: keyof OperationCost, digits: number, unit: string): string => {
    const each = members.map((member) => member[figure]?.toFixed(digits));
    return each.length === 0 || each.includes(undefined) ? "-" : `${each.join("+")}${unit}`;
  };
  return [cost("cpuMicros", 1, " us"), cost("writtenBytes", 0, " B"), cost("syncs", 3, "")];
}

function row(result: RunResult, target: TargetResult, operation: OperationResult): string[] {
  const { latency } = operation;
  const micros = (value: number | undefined): string => (value === undefined ? "-" : formatMicros(value));
  const rates = target.rounds.map(
    (round) => round.operations.find((each) => each.name === operation.name)?.opsPerSecond ?? 0,
  );
  return [
    operation.name,
    target.warmUp.steady ? target.label : `${target.label} (not warmed)`,
    formatCount(operation.opsPerSecond),
    rates.length < 2 ? "-" : `${formatCount(Math.min(...rates))}-${formatCount(Math.max(...rates))}`,
    micros(latency?.p50),
    micros(latency?.p99),
    micros(latency?.p999),
    micros(latency?.max),
    ...(isOpenLoop(result) ? [micros(sendLagP99(target.rounds) ?? undefined)] : []),
    String(errorCount(operation)),
    ...costCells(result, target),
  ];
}

/** What an operation cost the servers of each target, and what else its workload measures. */
export function metricLines(result: RunResult): string[] {
  return result.targets.flatMap((target) => {
    const told = target.metrics.map(metricText).filter((text) => text !== undefined);
    return told.length === 0 ? [] : [`${target.label}: ${told.join(", ")}`];
  });
}

function metricText({ name, value }: MetricRecord): string | undefined {
  switch (name) {
    case "cpu-per-operation":
      return `${formatMicros(value)} of server CPU per operation`;
    case "written-bytes-per-operation":
      return `${formatBytes(Math.round(value))} written`;
    case "syncs-per-operation":
      return `${value.toFixed(3)} syncs`;
    case "fairness":
      return `fairness ${value.toFixed(3)}`;
    case "events-per-acquisition":
      return value === 0 ? undefined : `${value.toFixed(1)} events per acquisition`;
    case "taken-again-share":
      return value === 0 ? undefined : `${(value * 100).toFixed(1)}% taken again by who released`;
    case "holders-lost":
    case "disconnects":
    case "sessions-lost":
      return value === 0 ? undefined : `${value} ${name}`;
    default:
      return undefined;
  }
}

const METRIC_WORDS: Readonly<Record<RatioRecord["metric"], string>> = {
  opsPerSecond: "ops/s",
  p50: "p50",
  p99: "p99",
  cpuMicrosPerOperation: "cpu/op",
};

/**
 * One line per pair of targets and operation: "core / zookeeper, read: 2.10x ops/s (95%: 2.01-2.20), ..."; without the "95%"
 * it is the range of the rounds.
 */
export function ratioLines(result: RunResult): string[] {
  const groups = new Map<string, RatioRecord[]>();
  for (const ratio of result.ratios) {
    const key = `${ratio.numerator} / ${ratio.denominator}, ${ratio.operation}`;
    groups.set(key, [...(groups.get(key) ?? []), ratio]);
  }
  return [...groups].flatMap(([key, ratios]) => {
    const told = ratios.filter((ratio) => ratio.value !== null).map(ratioText);
    const [missing] = ratios.filter((ratio) => ratio.value === null);
    if (told.length > 0) return [`${key}: ${told.join(", ")}`];
    return [`${key}: no ratio, ${missing?.note ?? ""}`];
  });
}

function ratioText(ratio: RatioRecord): string {
  const { interval, min, max, value } = ratio;
  const range = (low: number, high: number): string => `${low.toFixed(2)}-${high.toFixed(2)}`;
  const spread =
    interval !== null
      ? ` (${Math.round(interval.confidence * 100)}%: ${range(interval.low, interval.high)})`
      : min === null || max === null
        ? ""
        : ` (${range(min, max)})`;
  return `${(value as number).toFixed(2)}x ${METRIC_WORDS[ratio.metric]}${spread}`;
}

/** The first columns are words, to the left; the rest are figures, to the right. */
export function alignColumns(rows: readonly (readonly string[])[], wordColumns = 2): string[] {
  const widths = (rows[0] as readonly string[]).map((_, column) =>
    Math.max(...rows.map((cells) => (cells[column] as string).length)),
  );
  return rows.map((cells) =>
    cells
      .map((cell, column) =>
        column < wordColumns ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number),
      )
      .join("  ")
      .trimEnd(),
  );
}
