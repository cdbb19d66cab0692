import type { RatioRecord, RunResult } from "../../bench/result.js";
import { ratio } from "../format.js";
import { type RatioVerdict, ratioVerdict } from "../ratio-sentences.js";
import { html, type Markup } from "./markup.js";
import { cell, insufficient, none, table, targetCell, textCell } from "./tables.js";

const METRICS: Readonly<Record<RatioRecord["metric"], readonly [name: string, better: string]>> = {
  opsPerSecond: ["throughput", "higher is better"],
  p50: ["median latency", "lower is better"],
  p99: ["p99 latency", "lower is better"],
  cpuMicrosPerOperation: ["server CPU per operation", "lower is better"],
};

const DIFFERENCES: Readonly<Record<RatioVerdict, Markup>> = {
  real: html`<span class="verdict">real</span>`,
  "not-told-apart": html`<span class="lacking">may be chance</span>`,
  insufficient: html`<span class="lacking">insufficient</span>`,
};

export function ratioTable(result: RunResult): Markup | null {
  if (result.ratios.length === 0) return null;
  const axis = axisOf(result.ratios);
  const noted = result.ratios.some(({ note }) => note !== "");
  const confidence = result.ratios.find(({ interval }) => interval !== null)?.interval?.confidence;
  return table(
    [
      { name: "Operation", kind: "text" },
      { name: "Figure", kind: "text" },
      { name: "Of", kind: "text" },
      { name: "Over that of", kind: "text" },
      { name: "Ratio" },
      { name: "Interval", unit: confidence === undefined ? "none" : `${Math.round(confidence * 100)}% confidence` },
      { name: "On one scale", unit: "log; the line is 1×", kind: "text" },
      { name: "Difference", kind: "text" },
      { name: "Rounds", unit: "least to most" },
      ...(noted ? [{ name: "Note", kind: "wide" } as const] : []),
    ],
    result.ratios.map(
      (record) => html`<tr><td class="text">${record.operation}</td><td class="text">${figureName(record)}</td>
${targetCell(result, record.numerator)}${targetCell(result, record.denominator)}
${cell(record.value === null ? insufficient("warmed targets and enough samples") : ratio(record.value))}
${cell(record.interval === null ? none : `${ratio(record.interval.low)} – ${ratio(record.interval.high)}`)}
<td class="text">${drawn(record, axis)}</td><td class="text">${DIFFERENCES[ratioVerdict(record)]}</td>
${cell(record.min === null || record.max === null ? none : html`${ratio(record.min)} – ${ratio(record.max)}<span class="unit">${record.pairs} pairs</span>`)}
${noted ? textCell(record.note) : null}</tr>`,
    ),
  );
}

function figureName({ metric }: RatioRecord): Markup {
  const [name, better] = METRICS[metric];
  return html`${name}<span class="unit">${better}</span>`;
}

const WIDTH = 150;
const MARGIN = 7;

/** Logarithms of the ends of the scale that all ratios of the page are drawn on. */
interface Axis {
  readonly low: number;
  readonly high: number;
}

function axisOf(records: readonly RatioRecord[]): Axis {
  const ends = records.flatMap(({ value, interval, min, max }) =>
    value === null ? [] : [interval?.low ?? min ?? value, interval?.high ?? max ?? value],
  );
  // Ratios near to 1 are not drawn as if they were far from it.
  const logarithms = [1 / 1.1, 1.1, ...ends].filter((end) => end > 0).map((end) => Math.log(end));
  return { low: Math.min(...logarithms), high: Math.max(...logarithms) };
}

/** The ratio as a dot on its interval (a thick line), or on the range of its rounds (a thin one) where it has none. */
function drawn({ value, interval, min, max }: RatioRecord, axis: Axis): Markup | null {
  if (value === null || min === null || max === null) return null;
  const at = (figure: number): string => {
    const share = (Math.log(figure) - axis.low) / (axis.high - axis.low);
    return (MARGIN + share * (WIDTH - 2 * MARGIN)).toFixed(1);
  };
  const [low, high] = interval === null ? [min, max] : [interval.low, interval.high];
  return html`<svg class="interval" width="${WIDTH}" height="18" aria-hidden="true"><line class="one" x1="${at(1)}" x2="${at(1)}" y1="0" y2="18"/><line class="${interval === null ? "range" : "bounds"}" x1="${at(low)}" x2="${at(high)}" y1="9" y2="9"/><circle cx="${at(value)}" cy="9" r="3.5"/></svg>`;
}
