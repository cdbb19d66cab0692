import type { OperationResult, RoundResult, RunResult, SecondRow, TargetResult } from "../../bench/result.js";
import { operationNames, outageWithinRound } from "../figures.js";
import { percentileRows } from "../histogram.js";
import type { ChartSeries, ChartShade, ChartSpec } from "./chart-spec.js";

/** The charts of one operation, over all targets or (`target` not null) of one. */
export interface ChartGroup {
  readonly operation: string;
  readonly target: string | null;
  readonly throughput: ChartSpec;
  readonly p50: ChartSpec;
  readonly p99: ChartSpec;
}

type Measure = (row: SecondRow) => number | null;

/** Seconds that the round did not last to the end of would show a fall that never was. */
function wholeSeconds(round: RoundResult): number {
  return Math.max(1, Math.floor(round.durationMicros / 1_000_000 + 0.05));
}

interface TimeChart {
  readonly id: string;
  readonly kind: "throughput" | "latency";
  readonly yLabel: string;
  readonly measure: Measure;
  /** Of a second without a row. */
  readonly absent: number | null;
}

const TIME_CHARTS = {
  throughput: {
    id: "throughput",
    kind: "throughput",
    yLabel: "operations per second",
    measure: (row) => row.ok,
    absent: 0,
  },
  p50: { id: "p50", kind: "latency", yLabel: "median latency (log scale)", measure: (row) => row.p50, absent: null },
  p99: { id: "p99", kind: "latency", yLabel: "p99 latency (log scale)", measure: (row) => row.p99, absent: null },
} as const satisfies Record<string, TimeChart>;

function timeChart(
  chart: TimeChart,
  targets: readonly (readonly [TargetResult, number])[],
  operation: string,
  prefix: string,
  shades: readonly ChartShade[],
): ChartSpec {
  const seconds = Math.max(0, ...targets.flatMap(([target]) => target.rounds.map(wholeSeconds)));
  const series = targets.flatMap(([target, style]) =>
    target.rounds.map((round): ChartSeries => {
      const values: (number | null)[] = new Array(seconds).fill(null);
      values.fill(chart.absent, 0, wholeSeconds(round));
      for (const row of round.seconds) {
        if (row.operation === operation && row.second < wholeSeconds(round)) values[row.second] = chart.measure(row);
      }
      return { label: target.label, style, values };
    }),
  );
  return {
    id: `${prefix}-${chart.id}`,
    kind: chart.kind,
    xLabel: "seconds into the round",
    yLabel: chart.yLabel,
    x: Array.from({ length: seconds }, (_, second) => second + 0.5),
    series,
    yBounds: boundsOf(series),
    shades,
  };
}

/** Without a value there is nothing to bound: zeros. */
function boundsOf(series: readonly ChartSeries[]): readonly [number, number] {
  const values = series.flatMap((each) => each.values.filter((value) => value !== null));
  return values.length === 0 ? [0, 0] : [Math.min(...values), Math.max(...values)];
}

/** Rounds are drawn over each other, and so are their faults: those that overlap become one. */
function shadesOf(target: TargetResult): readonly ChartShade[] {
  const shades: ChartShade[] = [];
  for (const outage of target.outages) {
    const interval = outageWithinRound(target, outage);
    if (interval === null) continue;
    const from = interval.fromMicros / 1e6;
    const to = interval.toMicros === null ? null : interval.toMicros / 1e6;
    const index = shades.findIndex(
      (shade) => shade.label === outage.fault && from <= (shade.to ?? from) && (to ?? shade.from) >= shade.from,
    );
    const other = shades[index];
    if (other === undefined) shades.push({ label: outage.fault, from, to });
    else {
      const end = to === null || other.to === null ? null : Math.max(to, other.to);
      shades[index] = { label: outage.fault, from: Math.min(from, other.from), to: end };
    }
  }
  return shades;
}

/**
 * Throughput and latency over time. All targets share a chart, a line for each round; where faults were injected each
 * target has charts of its own with the same bounds, since its faults struck at its own times.
 */
export function chartGroups(result: RunResult): readonly ChartGroup[] {
  const targets = result.targets
    .map((target, index) => [target, index] as const)
    .filter(([target]) => target.rounds.length > 0);
  const apart = targets.some(([target]) => target.outages.length > 0);
  return operationNames(result).flatMap((operation, position) => {
    const measured = targets.filter(([target]) => target.operations.some((each) => each.name === operation));
    const sets = apart ? measured.map((each) => [each]) : [measured];
    const groups = sets
      .filter((set) => set.length > 0)
      .map((set, index): ChartGroup => {
        const shades = set.flatMap(([target]) => shadesOf(target));
        const prefix = `time-${position}-${index}`;
        return {
          operation,
          target: apart ? (set[0]?.[0].label ?? null) : null,
          throughput: timeChart(TIME_CHARTS.throughput, set, operation, prefix, shades),
          p50: timeChart(TIME_CHARTS.p50, set, operation, prefix, shades),
          p99: timeChart(TIME_CHARTS.p99, set, operation, prefix, shades),
        };
      });
    const bounded = (kind: "throughput" | "p50" | "p99"): readonly [number, number] =>
      boundsOf(groups.flatMap((group) => group[kind].series));
    return groups.map((group) => ({
      ...group,
      throughput: { ...group.throughput, yBounds: bounded("throughput") },
      p50: { ...group.p50, yBounds: bounded("p50") },
      p99: { ...group.p99, yBounds: bounded("p99") },
    }));
  });
}

/** Latency by percentile, of all rounds together; x is 1 / (1 - percentile), and the maximum stands at the sample count. */
export function percentileCharts(result: RunResult): readonly (readonly [string, ChartSpec])[] {
  return operationNames(result).flatMap((operation, position) => {
    const curves = result.targets.flatMap((target, style) => {
      const found = target.operations.find((each) => each.name === operation);
      const points = found === undefined ? [] : curve(found);
      return points.length === 0 ? [] : [{ label: target.label, style, points: new Map(points) }];
    });
    if (curves.length === 0) return [];
    const x = [...new Set(curves.flatMap(({ points }) => [...points.keys()]))].sort((a, b) => a - b);
    const series = curves.map(({ label, style, points }) => ({
      label,
      style,
      values: x.map((at) => points.get(at) ?? null),
    }));
    const spec: ChartSpec = {
      id: `percentiles-${position}`,
      kind: "percentiles",
      xLabel: "percentile of operations (log scale)",
      yLabel: "latency (log scale)",
      x,
      series,
      yBounds: boundsOf(series),
      shades: [],
    };
    return [[operation, spec] as const];
  });
}

function curve(operation: OperationResult): readonly (readonly [number, number])[] {
  if (operation.latency === null) return [];
  const rows = percentileRows(operation.latency);
  const total = rows.at(-1)?.totalCount ?? 0;
  // A logarithmic axis has no zero: a latency below the resolution stands at 1 µs.
  const value = (micros: number): number => Math.max(1, micros);
  const inner = rows.flatMap((row) => {
    const x = 1 / (1 - row.percentile);
    return x < total ? [[Number(x.toFixed(6)), value(row.valueMicros)] as const] : [];
  });
  const last = rows.at(-1);
  return last === undefined || total < 2 ? inner : [...inner, [total, value(last.valueMicros)] as const];
}
