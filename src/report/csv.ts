import { stringify } from "csv-stringify/sync";
import type {
  HistogramRecord,
  LatencySummary,
  OperationResult,
  RoundResult,
  RunResult,
  TargetResult,
} from "../bench/result.js";
import { costByMember, costPerOperation, countedOk, errorCount, sendLagP99 } from "./figures.js";
import { percentileRows } from "./histogram.js";
import { ratioVerdict } from "./ratio-sentences.js";

type Row = Readonly<Record<string, string | number | null>>;

// A spreadsheet runs a field that begins with "=": names come from profiles and servers, so they are escaped.
const table = (columns: readonly string[], rows: readonly Row[]): string =>
  stringify([...rows], { header: true, columns: [...columns], escape_formulas: true });

const named = (errors: Readonly<Record<string, number>>): string =>
  Object.entries(errors)
    .map(([name, count]) => `${name}=${count}`)
    .join(" ");

/** "servers=3 loop.rate=5000/s". */
function variantText(target: TargetResult): string {
  return Object.entries(target.variant ?? {})
    .map(([path, name]) => `${path}=${name}`)
    .join(" ");
}

/** One row per target, round, second and operation. */
export function secondsCsv(result: RunResult): string {
  const columns = ["target", "round", "second", "operation", "ok", "errors", "p50_micros", "p99_micros", "max_micros"];
  const rows = result.targets.flatMap((target) =>
    target.rounds.flatMap((round) =>
      round.seconds.map((row) => ({
        target: target.label,
        round: round.index,
        second: row.second,
        operation: row.operation,
        ok: row.ok,
        errors: row.errors,
        p50_micros: row.p50,
        p99_micros: row.p99,
        max_micros: row.max,
      })),
    ),
  );
  return table(columns, rows);
}

const SUMMARY_KEYS = ["min", "mean", "stdDeviation", "p50", "p90", "p95", "p99", "p999", "p9999", "max"] as const;

function summaryColumns(series: string): readonly string[] {
  return SUMMARY_KEYS.map((key) => `${series}_${key === "stdDeviation" ? "std_deviation" : key}_micros`);
}

function summaryCells(series: string, summary: LatencySummary | null): Row {
  const columns = summaryColumns(series);
  return Object.fromEntries(
    SUMMARY_KEYS.map((key, index) => [columns[index] as string, summary === null ? null : summary[key]]),
  );
}

const COSTS = [
  { figure: "cpuMicros", column: "cpu_micros_per_operation" },
  { figure: "writtenBytes", column: "written_bytes_per_operation" },
  { figure: "syncs", column: "syncs_per_operation" },
] as const;

/** What the servers used per operation of any kind: all of them together, and as "1=12.5 2=8" each. */
function costCells(rounds: readonly RoundResult[], counted: readonly string[]): Row {
  const whole = costPerOperation(rounds, counted);
  const members = costByMember(rounds, counted).filter((member) => member.cpuMicros !== null);
  return Object.fromEntries(
    COSTS.flatMap(({ figure, column }) => [
      [column, whole[figure]],
      [`${column}_by_member`, members.map((member) => `${member.member}=${member[figure] ?? ""}`).join(" ")],
    ]),
  );
}

/**
 * One row per target, round and operation, and one with round "all" for the rounds together, whose send lag is that of the
 * worst round.
 */
export function operationsCsv(result: RunResult): string {
  const columns = [
    ...["target", "version", "servers", "variant", "round", "operation", "ok", "errors", "errors_by_name"],
    "ops_per_second",
    ...summaryColumns("latency"),
    ...summaryColumns("service"),
    ...[
      "send_lag_p99_micros",
      ...COSTS.map(({ column }) => column),
      ...COSTS.map(({ column }) => `${column}_by_member`),
    ],
  ];
  const row = (
    target: TargetResult,
    round: number | "all",
    rounds: readonly RoundResult[],
    operation: OperationResult,
  ): Row => ({
    target: target.label,
    version: target.version,
    servers: target.servers,
    variant: variantText(target),
    round,
    operation: operation.name,
    ok: operation.ok,
    errors: errorCount([operation]),
    errors_by_name: named(operation.errors),
    ops_per_second: operation.opsPerSecond,
    ...summaryCells("latency", operation.latency),
    ...summaryCells("service", operation.service),
    send_lag_p99_micros: sendLagP99(rounds),
    ...costCells(rounds, result.counted),
  });
  const rows = result.targets.flatMap((target) => [
    ...target.operations.map((operation) => row(target, "all", target.rounds, operation)),
    ...target.rounds.flatMap((round) =>
      round.operations.map((operation) => row(target, round.index, [round], operation)),
    ),
  ]);
  return table(columns, rows);
}

/** The full percentile spectrum of every target and operation, all rounds together. */
export function percentilesCsv(result: RunResult): string {
  const columns = ["target", "operation", "series", "percentile", "value_micros", "total_count"];
  const series = (label: string, operation: string, name: string, histogram: HistogramRecord | null): Row[] =>
    histogram === null
      ? []
      : percentileRows(histogram).map((row) => ({
          target: label,
          operation,
          series: name,
          percentile: row.percentile,
          value_micros: row.valueMicros,
          total_count: row.totalCount,
        }));
  const rows = result.targets.flatMap((target) =>
    target.operations.flatMap((operation) => [
      ...series(target.label, operation.name, "latency", operation.latency),
      ...series(target.label, operation.name, "service", operation.service),
    ]),
  );
  return table(columns, rows);
}

/** One row per pair of targets, operation and figure. */
export function ratiosCsv(result: RunResult): string {
  const columns = [
    ...["numerator", "denominator", "operation", "metric", "ratio", "confidence", "interval_low", "interval_high"],
    ...["pairs", "min", "max", "verdict", "note"],
  ];
  const rows = result.ratios.map((record) => ({
    numerator: record.numerator,
    denominator: record.denominator,
    operation: record.operation,
    metric: record.metric,
    ratio: record.value,
    confidence: record.interval?.confidence ?? null,
    interval_low: record.interval?.low ?? null,
    interval_high: record.interval?.high ?? null,
    pairs: record.pairs,
    min: record.min,
    max: record.max,
    verdict: ratioVerdict(record),
    note: record.note,
  }));
  return table(columns, rows);
}

/** One row per probe of a sweep, in the order they were measured. */
export function sweepCsv(result: RunResult): string {
  const columns = [
    ...["target", "probe", "purpose", "asked_per_second", "achieved_per_second", "duration_micros", "held", "reasons"],
    ...["client_limited", "errors", "backlog_at_start", "backlog_at_end", "send_lag_p99_micros"],
    ...["cpu_micros_per_operation", ...summaryColumns("latency")],
  ];
  const rows = (result.sweep?.targets ?? []).flatMap(({ target, points }) =>
    points.map((point, index) => ({
      target,
      probe: index + 1,
      purpose: point.purpose,
      asked_per_second: point.askedPerSecond,
      achieved_per_second: point.achievedPerSecond,
      duration_micros: point.durationMicros,
      held: String(point.held),
      reasons: point.reasons.join("; "),
      client_limited: String(point.clientLimited),
      errors: point.errors,
      backlog_at_start: point.backlogAtStart,
      backlog_at_end: point.backlogAtEnd,
      send_lag_p99_micros: point.sendLagP99,
      cpu_micros_per_operation: point.cpuMicrosPerOperation,
      ...summaryCells("latency", point.latency),
    })),
  );
  return table(columns, rows);
}

/** One row per target, round and server process: what it used, and per successful operation of the round. */
export function membersCsv(result: RunResult): string {
  const columns = [
    ...["target", "round", "member", "operations", "cpu_micros", "written_bytes", "syncs", "resident_bytes"],
    ...["cpu_micros_per_operation", "written_bytes_per_operation", "syncs_per_operation"],
  ];
  const rows = result.targets.flatMap((target) =>
    target.rounds.flatMap((round) => {
      const operations = countedOk([round], result.counted);
      const per = (figure: number | null): number | null =>
        figure === null || operations === 0 ? null : figure / operations;
      return round.members.map((member) => ({
        target: target.label,
        round: round.index,
        member: member.member,
        operations,
        cpu_micros: member.cpuMicros,
        written_bytes: member.writtenBytes,
        syncs: member.syncs,
        resident_bytes: member.residentBytes,
        cpu_micros_per_operation: per(member.cpuMicros),
        written_bytes_per_operation: per(member.writtenBytes),
        syncs_per_operation: per(member.syncs),
      }));
    }),
  );
  return table(columns, rows);
}
