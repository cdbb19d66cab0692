import type uPlot from "uplot";
import type { ChartSeries, ChartSpec } from "./chart-spec.js";

// The page's own script: it runs in a browser, inline, after uPlot, and imports nothing at run time. What it needs of
// the browser is declared here, so that no other file of the project sees the browser's names.

interface PageElement {
  textContent: string | null;
  readonly clientWidth: number;
  readonly dataset: Record<string, string | undefined>;
  querySelector(selector: string): PageElement | null;
  replaceChildren(...children: PageElement[]): void;
}

declare const document: {
  readonly documentElement: PageElement;
  getElementById(id: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
};
declare const window: {
  readonly uPlot: typeof uPlot;
  readonly devicePixelRatio: number;
  addEventListener(event: "beforeprint" | "afterprint", listener: () => void): void;
  matchMedia(query: string): { addEventListener(event: "change", listener: () => void): void };
  getComputedStyle(element: PageElement): { getPropertyValue(name: string): string };
};
declare const ResizeObserver: new (listener: () => void) => { observe(element: PageElement): void };

const HEIGHT = { throughput: 240, latency: 220, percentiles: 340, rates: 300 } as const;
const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [12, 5]];
/** Labels nearer to each other than this, in CSS pixels, would run into each other. */
const LABEL_SPACE = { x: 44, y: 18 } as const;

const styleOf = (name: string): string =>
  window.getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const compact = (value: number): string => {
  if (value >= 1e6) return `${trim(value / 1e6)}M`;
  return value >= 1e3 ? `${trim(value / 1e3)}k` : trim(value);
};

const trim = (value: number): string => String(Number(value.toPrecision(3)));

const micros = (value: number): string => {
  if (value >= 1e6) return `${trim(value / 1e6)} s`;
  return value >= 1e3 ? `${trim(value / 1e3)} ms` : `${trim(value)} µs`;
};

/** 1, 2 and 5 of each power of ten within the bounds. */
function logSplits(min: number, max: number): number[] {
  const splits: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
    for (const step of [1, 2, 5]) {
      const value = step * 10 ** power;
      if (value >= min * 0.999 && value <= max * 1.001) splits.push(value);
    }
  }
  return splits;
}

/** Bounds on 1, 2 or 5 of a power of ten around the data, so that the axis ends on a label. */
function logBounds(low: number, high: number): [number, number] {
  const steps = logSplits(low / 10, high * 10);
  const min = steps.filter((step) => step <= low).at(-1) ?? low;
  const max = steps.find((step) => step >= high) ?? high;
  return min < max ? [min, max] : [min / 2, max * 2];
}

const percentileLabel = (inverse: number): string => {
  if (inverse < 1.001) return "0%";
  const nines = Math.round(Math.log10(inverse));
  return `${(100 - 100 / inverse).toFixed(Math.max(0, nines - 2))}%`;
};

/** 0%, 50%, 90%, 99%, 99.9% and on, as far as the data goes. */
function percentileSplits(max: number): number[] {
  const splits = [1, 2];
  for (let inverse = 10; inverse <= max * 1.001; inverse *= 10) splits.push(inverse);
  return splits;
}

function yBounds(spec: ChartSpec): [number, number] {
  const [low, high] = spec.yBounds;
  if (spec.kind === "throughput") return [0, high === 0 ? 1 : high * 1.06];
  return high === 0 ? [1, 10] : logBounds(Math.max(1, low), high);
}

function shade(spec: ChartSpec): (plot: uPlot) => void {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const { from, to, label } of spec.shades) {
      const left = plot.valToPos(from, "x", true);
      const right =
        to === null ? bbox.left + bbox.width : Math.min(plot.valToPos(to, "x", true), bbox.left + bbox.width);
      ctx.fillStyle = styleOf("--fault");
      ctx.fillRect(left, bbox.top, Math.max(right - left, 1), bbox.height);
      ctx.strokeStyle = styleOf("--fault-edge");
      ctx.lineWidth = window.devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(left, bbox.top);
      ctx.lineTo(left, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillStyle = styleOf("--muted");
      ctx.font = `${11 * window.devicePixelRatio}px system-ui, sans-serif`;
      ctx.textAlign = "left";
      ctx.fillText(label, left + 4 * window.devicePixelRatio, bbox.top + 13 * window.devicePixelRatio);
    }
    ctx.restore();
  };
}

/** The values under the pointer, one group for each target. */
function readout(spec: ChartSpec, index: number): string {
  const x = spec.x[index];
  if (x === undefined) return "";
  const show = spec.kind === "throughput" ? compact : micros;
  const byTarget = new Map<string, string[]>();
  for (const { label, values: column } of spec.series) {
    const value = column[index];
    if (value === null || value === undefined) continue;
    const shown = byTarget.get(label);
    if (shown === undefined) byTarget.set(label, [show(value)]);
    else shown.push(show(value));
  }
  const place =
    spec.kind === "percentiles"
      ? `at ${percentileLabel(x)}`
      : spec.kind === "rates"
        ? `at ${compact(x)}/s`
        : `second ${Math.floor(x)}`;
  return [place, ...[...byTarget].map(([label, shown]) => `${label}: ${shown.join(", ")}`)].join("  ·  ");
}

function line(series: ChartSeries, spec: ChartSpec): uPlot.Series {
  return {
    label: series.label,
    stroke: styleOf(`--target-${series.style % DASHES.length}`),
    width: spec.kind === "percentiles" || spec.kind === "rates" ? 2 : 1.5,
    dash: [...(DASHES[series.style % DASHES.length] ?? [])],
    spanGaps: spec.kind === "percentiles" || spec.kind === "rates",
    points: { show: spec.kind === "rates" || (spec.kind !== "percentiles" && spec.x.length < 3) },
  };
}

function options(spec: ChartSpec, width: number, output: PageElement | null): uPlot.Options {
  const ink = styleOf("--muted");
  const grid = { stroke: styleOf("--grid"), width: 1 };
  const axis = {
    stroke: ink,
    grid,
    ticks: grid,
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
  };
  const [yMin, yMax] = yBounds(spec);
  const percentiles = spec.kind === "percentiles";
  const last = spec.x.at(-1) ?? 1;
  const xMax = percentiles ? Math.max(10, last) : spec.kind === "rates" ? last * 1.06 : Math.max(1, spec.x.length);
  const y: uPlot.Axis = {
    ...axis,
    label: spec.yLabel,
    labelSize: 18,
    size: 62,
    values: (_, splits) => splits.map((split) => (spec.kind === "throughput" ? compact(split) : micros(split))),
  };
  const x: uPlot.Axis = { ...axis, label: spec.xLabel, labelSize: 18, size: 34 };
  if (percentiles) {
    x.filter = keepAll;
    x.splits = () => percentileSplits(xMax);
    x.values = (plot, splits) => thinned(splits, (split) => plot.valToPos(split, "x"), LABEL_SPACE.x, percentileLabel);
  }
  if (spec.kind === "rates") x.values = (_, splits) => splits.map(compact);
  if (spec.kind !== "throughput") {
    y.filter = keepAll;
    y.splits = () => logSplits(yMin, yMax);
    y.values = (plot, splits) => thinned(splits, (split) => plot.valToPos(split, "y"), LABEL_SPACE.y, micros);
  }
  return {
    width,
    height: HEIGHT[spec.kind],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: percentiles
        ? { time: false, distr: 3, log: 10, range: () => [1, xMax] }
        : { time: false, range: () => [0, xMax] },
      y: spec.kind === "throughput" ? { range: () => [yMin, yMax] } : { distr: 3, log: 10, range: () => [yMin, yMax] },
    },
    axes: [x, y],
    series: [{}, ...spec.series.map((series) => line(series, spec))],
    hooks: {
      drawAxes: [shade(spec)],
      setCursor: [
        (plot) => {
          const { idx } = plot.cursor;
          if (output !== null) output.textContent = idx === null || idx === undefined ? "" : readout(spec, idx);
        },
      ],
    },
  };
}

/** uPlot drops labels of logarithmic axes by a rule of its own; here the ones that would overlap are dropped instead. */
const keepAll = (_: uPlot, splits: number[]): number[] => splits;

/** Leaves out labels that would stand less than `space` from the one before; their grid lines stay. */
function thinned(
  splits: readonly number[],
  position: (split: number) => number,
  space: number,
  label: (split: number) => string,
): (string | null)[] {
  let last = Number.NEGATIVE_INFINITY;
  return splits.map((split) => {
    const at = position(split);
    if (Math.abs(at - last) < space) return null;
    last = at;
    return label(split);
  });
}

const specs = JSON.parse(document.getElementById("chart-data")?.textContent ?? "[]") as readonly ChartSpec[];
const byId = new Map(specs.map((spec) => [spec.id, spec]));
const drawn = new Map<PageElement, uPlot>();

function draw(figure: PageElement): void {
  const spec = byId.get(figure.dataset["chart"] ?? "");
  const plotArea = figure.querySelector(".plot");
  if (spec === undefined || plotArea === null || plotArea.clientWidth === 0) return;
  drawn.get(figure)?.destroy();
  plotArea.replaceChildren();
  const data = [[...spec.x], ...spec.series.map((series) => [...series.values])] as uPlot.AlignedData;
  const area = plotArea as unknown as NonNullable<ConstructorParameters<typeof uPlot>[2]>;
  drawn.set(figure, new window.uPlot(options(spec, plotArea.clientWidth, figure.querySelector("output")), data, area));
}

const figures = [...document.querySelectorAll("[data-chart]")];
const drawAll = (): void => figures.forEach(draw);

for (const figure of figures) {
  const plotArea = figure.querySelector(".plot");
  if (plotArea === null) continue;
  let width = plotArea.clientWidth;
  draw(figure);
  new ResizeObserver(() => {
    if (plotArea.clientWidth === width) return;
    width = plotArea.clientWidth;
    draw(figure);
  }).observe(plotArea);
}
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
// Paper is white: the charts are drawn anew in light colours for it.
window.addEventListener("beforeprint", () => {
  document.documentElement.dataset["scheme"] = "light";
  drawAll();
});
window.addEventListener("afterprint", () => {
  delete document.documentElement.dataset["scheme"];
  drawAll();
});
