import type { RunResult, SweepCurvePoint, SweepPoint, TargetSweep } from "../../bench/result.js";
import { duration, list, perSecond, significant } from "../format.js";
import { sweepSentence } from "../sweep-sentences.js";
import type { ChartSpec } from "./chart-spec.js";
import { html, type Markup } from "./markup.js";
import { cell, none, table, targetCell, textCell } from "./tables.js";

const CURVES = [
  { id: "sweep-p50", name: "Median latency", figure: "p50" },
  { id: "sweep-p99", name: "p99 latency", figure: "p99" },
] as const;

/** Latency against the rate asked for: a line for each target, a mark where its rate was found. Captions with charts. */
export function sweepCharts(result: RunResult): readonly (readonly [string, ChartSpec])[] {
  const targets = (result.sweep?.targets ?? []).filter(({ curve }) => curve.some(({ latency }) => latency !== null));
  if (targets.length === 0) return [];
  const x = [...new Set(targets.flatMap(({ curve }) => curve.map((point) => point.askedPerSecond)))].sort(
    (a, b) => a - b,
  );
  return CURVES.map(({ id, name, figure }) => {
    const valueAt = (curve: readonly SweepCurvePoint[], rate: number): number | null => {
      const micros = curve.find(({ askedPerSecond }) => askedPerSecond === rate)?.latency?.[figure];
      // A logarithmic axis has no zero: a latency below the resolution stands at 1 µs.
      return micros === undefined ? null : Math.max(1, micros);
    };
    const series = targets.map(({ target, curve }) => ({
      label: target,
      style: styleOf(result, target),
      values: x.map((rate) => valueAt(curve, rate)),
    }));
    const values = series.flatMap((each) => each.values.filter((value) => value !== null));
    const shades = targets.flatMap(({ target, ratePerSecond }) =>
      ratePerSecond === null ? [] : [{ label: target, from: ratePerSecond, to: ratePerSecond }],
    );
    const spec: ChartSpec = {
      id,
      kind: "rates",
      xLabel: "operations per second asked for",
      yLabel: `${name.toLowerCase()} (log scale)`,
      x,
      series,
      yBounds: [Math.min(...values), Math.max(...values)],
      shades,
    };
    return [`${name} by rate`, spec] as const;
  });
}

function styleOf(result: RunResult, label: string): number {
  return Math.max(
    0,
    result.targets.findIndex((target) => target.label === label),
  );
}

/** What was found, a card for each target. */
export function sweepCards(result: RunResult): Markup | null {
  const { sweep } = result;
  if (sweep === null) return null;
  const cards = sweep.targets.map(
    (target) => html`<article class="card"><h3>${target.target}</h3>
${
  target.ratePerSecond === null
    ? html`<div class="figure none">no rate</div>`
    : html`<div class="figure">${bound(target)}${perSecond(target.ratePerSecond)}</div>`
}
<div class="muted">operations per second sustained</div>
<ul><li>${sweepSentence(result, target)}</li></ul></article>`,
  );
  return html`<div class="cards">${cards}</div>`;
}

const bound = ({ outcome, confirmed }: TargetSweep): string =>
  outcome === "found" ? "" : confirmed && (outcome === "rate-max" || outcome === "client-saturated") ? "≥ " : "~ ";

const PURPOSES: Readonly<Record<SweepPoint["purpose"], string>> = {
  bracket: "looking around",
  bisect: "closing in",
  confirm: "confirming",
  beyond: "beyond it",
};

export function sweepTable(result: RunResult): Markup | null {
  const { sweep } = result;
  if (sweep === null) return null;
  const rows = sweep.targets.flatMap(({ target, points }) =>
    points.map(
      (point) => html`<tr>${targetCell(result, target)}<td class="text">${PURPOSES[point.purpose]}</td>
${cell(perSecond(point.askedPerSecond))}${cell(perSecond(point.achievedPerSecond))}
<td class="text"><span class="verdict ${point.held ? "valid" : "unknown"}">${point.held ? "✓ held" : "✗ did not hold"}</span></td>
${(["p50", "p99", "max"] as const).map((figure) => cell(point.latency === null ? none : duration(point.latency[figure])))}
${cell(`${point.backlogAtStart} – ${point.backlogAtEnd}`)}
${cell(point.sendLagP99 === null ? none : duration(point.sendLagP99))}
${cell(point.cpuMicrosPerOperation === null ? none : significant(point.cpuMicrosPerOperation))}
${textCell(list(point.reasons))}</tr>`,
    ),
  );
  return table(
    [
      { name: "Target", kind: "text" },
      { name: "Probe", kind: "text" },
      { name: "Asked", unit: "operations/s" },
      { name: "Answered", unit: "operations/s" },
      { name: "Outcome", kind: "text" },
      { name: "p50", unit: "latency" },
      { name: "p99", unit: "latency" },
      { name: "Max", unit: "latency" },
      { name: "Backlog", unit: "start – end" },
      { name: "Send lag", unit: "p99" },
      { name: "CPU", unit: "µs/op" },
      { name: "Why not", kind: "wide" },
    ],
    rows,
  );
}

export function sweepNote(result: RunResult): string {
  const { sweep } = result;
  if (sweep === null) return "";
  return `Each rate was asked for in windows of ${duration(sweep.probeMicros)} or more. It holds where a window keeps ${list(sweep.objectives)}, answers 99% of what falls due in it and leaves no growing backlog. The rate named lies at most ${Number((sweep.tolerance * 100).toPrecision(3))}% below the highest; the lines mark it.`;
}
