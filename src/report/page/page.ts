import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { LatencySummary, RunResult } from "../../bench/result.js";
import { duration, elapsed, integer, list, significant } from "../format.js";
import { comparisons, notices, outageSentences, withoutRatio } from "../headline.js";
import { chartGroups, percentileCharts } from "./chart-data.js";
import type { ChartSpec } from "./chart-spec.js";
import { html, Markup, type Part, scriptJson } from "./markup.js";
import { ratioTable } from "./ratio-table.js";
import { STYLE } from "./style.js";
import { sweepCards, sweepCharts, sweepNote, sweepTable } from "./sweep-section.js";
import {
  checkTable,
  comparisonTable,
  loadTable,
  memberTable,
  metricTable,
  outagePhaseTable,
  outageTable,
  swatch,
  thresholdTable,
  variantMatrix,
} from "./tables.js";

/** More are counted in the title, and told by system where they are listed. */
const TARGETS_NAMED_MAX = 4;

/** Text that ends no script or style element, however it is quoted: ours and uPlot's have none. */
function inline(text: string): Markup {
  if (/<\/(script|style)|<!--/i.test(text)) throw new Error("a script or style to be inlined would end its element");
  return new Markup(text);
}

interface Assets {
  readonly uplotScript: Markup;
  readonly uplotStyle: Markup;
  readonly script: Markup;
}

function readAssets(): Assets {
  const require = createRequire(import.meta.url);
  const read = (path: string | URL): Markup =>
    inline(readFileSync(path, "utf8").replace(/^\/\/# sourceMappingURL.*$/m, ""));
  return {
    uplotScript: read(require.resolve("uplot/dist/uPlot.iife.min.js")),
    uplotStyle: read(require.resolve("uplot/dist/uPlot.min.css")),
    script: read(new URL("charts.js", import.meta.url)),
  };
}

/**
 * The report as one HTML file that loads nothing: scripts, styles and data are inside it, and its own policy forbids
 * the browser to fetch anything.
 */
export function renderPage(result: RunResult): string {
  const assets = readAssets();
  const groups = chartGroups(result);
  const percentiles = percentileCharts(result);
  const sweeps = sweepCharts(result);
  const specs = [
    ...sweeps.map(([, spec]) => spec),
    ...groups.flatMap((group) => [group.throughput, group.p50, group.p99]),
    ...percentiles.map(([, spec]) => spec),
  ];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<title>zabench: ${result.profile.name}, ${result.startedAt}</title>
<link rel="icon" href="data:,">
<style>${assets.uplotStyle}${inline(STYLE)}</style>
</head>
<body>
<main>
${header(result)}
${headline(result)}
${sweepSection(result, sweeps)}
${section("Variants", "All operations together; in small figures, as a multiple of the first row.", variantMatrix(result))}
<h2>Figures</h2>
<p class="note">${result.sweep === null ? "" : "Of the confirmations of the rate that was found. "}Latencies are of successful operations. “insufficient” stands where there are too few samples for a figure. Cost is what the server processes used, together and each, per operation of any kind. ${precision(result)}</p>
${comparisonTable(result)}
${section("Workload's own figures", null, metricTable(result))}
${section(
  "Outages as clients felt them",
  "From the last acknowledgement before to the first one after the fault; the shaded part of the charts is while the fault lasted.",
  outageTable(result),
)}
${outagePhaseTable(result)}
${overTime(result, groups)}
${percentileSection(result, percentiles)}
${section("Ratios", "Each target over another: the geometric mean of the pairs of interleaved rounds, and the interval that holds the true ratio with the confidence named (Student’s t on the logarithms of the pairs). A difference is called real where the interval leaves out 1×; each interval stands for itself, so of twenty between equal targets one does so by chance.", ratioTable(result))}
${section("Checks", null, checkTable(result))}
${section("Thresholds", null, thresholdTable(result))}
${warnings(result)}
<h2>How it was measured</h2>
<details open><summary>Load</summary>${loadTable(result)}</details>
${details("Cost of each server process", memberTable(result))}
${environment(result)}
</main>
<script type="application/json" id="chart-data">${scriptJson(specs)}</script>
<script>${assets.uplotScript};window.uPlot = uPlot;</script>
<script type="module">${assets.script}</script>
</body>
</html>
`;
  return page.text;
}

function section(title: string, note: string | null, body: Markup | null): Markup | null {
  if (body === null) return null;
  return html`<h2>${title}</h2>${note === null ? null : html`<p class="note">${note}</p>`}${body}`;
}

function details(title: string, body: Markup | null): Markup | null {
  return body === null ? null : html`<details><summary>${title}</summary>${body}</details>`;
}

function header(result: RunResult): Markup {
  const overrides = Object.entries(result.profile.overrides);
  const labels = result.targets.map(({ label }) => label);
  const crowd = labels.length > TARGETS_NAMED_MAX;
  const systems = [...new Set(result.targets.map(({ target, version }) => `${target} ${version}`))];
  const targets = crowd ? systems : result.targets.map(({ label, version }) => `${label} ${version}`);
  const servers = [
    ...new Set(result.targets.map((target) => (target.servers === 1 ? "1 server" : `${target.servers} servers`))),
  ];
  return html`<h1>${crowd ? `${labels.length} targets and variants` : list(labels) || "no target"}: ${result.profile.name}</h1>
<p class="lead">${result.profile.description}</p>
${overrides.length === 0 ? null : html`<p class="note">Changed for this run: ${overrides.map(([key, value]) => `${key} = ${value}`).join(", ")}</p>`}
<ul class="facts">
<li><b>Targets</b> ${list(targets) || "none"} (${list(servers) || "no server"})</li>
<li><b>Started</b> <time datetime="${result.startedAt}">${result.startedAt.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC")}</time></li>
<li><b>Took</b> ${elapsed(result.durationMicros)}</li>
<li><b>Machine</b> ${result.environment.cores} cores, ${result.environment.cpuModel}</li>
<li><b>Seed</b> ${String(result.seed)}</li>
</ul>`;
}

function headline(result: RunResult): Markup {
  const found = notices(result).map(
    ({ tone, title, text }) =>
      html`<div class="notice ${tone}" role="note"><strong>${title}</strong><p>${text}</p></div>`,
  );
  const outages = outageSentences(result).map((sentence) => html`<li>${sentence}</li>`);
  const cards = comparisons(result).map(
    (comparison) => html`<article class="card">
<h3>${comparison.numerator} over ${comparison.denominator}, ${comparison.operation}</h3>
${
  comparison.figure === null
    ? html`<div class="figure none">insufficient</div>`
    : html`<div class="figure">${comparison.figure}</div>`
}
<div class="muted">${comparison.caption}</div>
<ul>${comparison.sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul>
</article>`,
  );
  const missing = withoutRatio(result).map(({ reason, pairs }) => html`<li><b>${reason}</b>: ${pairs.join("; ")}</li>`);
  return html`${found}
${sweepCards(result)}
${outages.length === 0 ? null : html`<div class="card"><h3>What clients felt of the faults</h3><ul>${outages}</ul></div>`}
${cards.length === 0 ? null : html`<div class="cards">${cards}</div>`}
${missing.length === 0 ? null : html`<div class="card"><h3>No ratio could be drawn</h3><ul>${missing}</ul></div>`}`;
}

function figure(spec: ChartSpec, caption: string, full: boolean): Markup {
  const what = `${caption}: ${spec.yLabel} against ${spec.xLabel}, ${spec.kind === "rates" ? "a line for each target" : "a line for each round"} of ${list([...new Set(spec.series.map((series) => series.label))])}`;
  return html`<figure data-chart="${spec.id}" class="${full ? "full" : ""}">
<figcaption>${caption}</figcaption>
<div class="plot" role="img" aria-label="${what}"></div>
<output></output>
</figure>`;
}

function legend(result: RunResult): Markup {
  return html`<ul class="legend">${result.targets.map((target, style) => html`<li>${swatch(style)}${target.label} ${target.version}</li>`)}</ul>`;
}

function overTime(result: RunResult, groups: ReturnType<typeof chartGroups>): Markup | null {
  if (groups.length === 0) return null;
  const charts: Part = groups.map((group) => {
    const of = group.target === null ? group.operation : `${group.operation}, ${group.target}`;
    return html`<h3>${of}</h3><div class="charts">
${figure(group.throughput, `Throughput of ${of}`, true)}
${figure(group.p50, `Median latency of ${of}`, false)}
${figure(group.p99, `p99 latency of ${of}`, false)}
</div>`;
  });
  return html`<h2>Over time</h2>
<p class="note">A line for each round, drawn over each other from the start of the round${result.sweep === null ? "; rounds of the targets took turns" : ", each at the rate found of its target"}.</p>
${legend(result)}<noscript><p>The charts need JavaScript; seconds.csv beside this file holds their data.</p></noscript>${charts}`;
}

function precision({ histograms }: RunResult): string {
  const { significantDigits, relativeErrorMax, unitMicros } = histograms;
  return `Histograms keep ${significantDigits} significant digits: a latency shown differs from the sample it stands for by at most ${Number((relativeErrorMax * 100).toPrecision(3))}%, or by ${unitMicros} µs where that is more.`;
}

function sweepSection(result: RunResult, charts: ReturnType<typeof sweepCharts>): Markup | null {
  if (result.sweep === null) return null;
  return html`<h2>Latency by rate</h2><p class="note">${sweepNote(result)}</p>${legend(result)}
<div class="charts">${charts.map(([caption, spec]) => figure(spec, caption, false))}</div>
${details("Every probe, in the order they were measured", sweepTable(result))}`;
}

function percentileSection(result: RunResult, charts: ReturnType<typeof percentileCharts>): Markup | null {
  if (charts.length === 0) return null;
  const loop = result.targets.some((target) => target.operations.some((operation) => operation.service !== null))
    ? "Latency counts from the moment an operation was due, so waiting for a slow server is in it."
    : "Closed loop: latency counts from the send, and a slow server slows the sending down.";
  return html`<h2>Latency by percentile</h2><p class="note">All rounds together. ${loop}</p>${legend(result)}
<div class="charts">${charts.map(([operation, spec]) => figure(spec, `Latency of ${operation} by percentile`, charts.length === 1))}</div>`;
}

function warnings(result: RunResult): Markup | null {
  if (result.warnings.length === 0) return null;
  return html`<h2>Warnings</h2><ul>${result.warnings.map(
    (warning) =>
      html`<li><b>${warning.target === null ? "" : `${warning.target}: `}${warning.code}</b>: ${warning.message}</li>`,
  )}</ul>`;
}

const pairs = (entries: readonly (readonly [string, Part])[]): Markup =>
  html`<dl>${entries.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;

const calibrated = (summary: LatencySummary | null): Part =>
  summary === null
    ? html`<span class="lacking">not measured</span>`
    : `p50 ${duration(summary.p50)}, p99 ${duration(summary.p99)}, max ${duration(summary.max)} (${integer(summary.count)} samples)`;

function environment(result: RunResult): Markup {
  const { environment: machine, calibration, profile } = result;
  return html`<div class="columns"><div><h3>Environment</h3>${pairs([
    ["zabench", result.zabenchVersion],
    ["Node.js", machine.node],
    ["Platform", machine.platform],
    ["Kernel", machine.kernel],
    ["CPU", `${machine.cpuModel}, ${machine.cores} cores`],
    ["Memory", `${significant(machine.memoryBytes / 2 ** 30)} GiB`],
  ])}</div><div><h3>Calibration</h3>${pairs([
    ["fdatasync", calibrated(calibration.fdatasync)],
    ["Loopback round trip", calibrated(calibration.loopbackRoundTrip)],
    ["Timer jitter", calibrated(calibration.timerJitter)],
  ])}</div></div>
<h3>Targets and their flags</h3><div class="columns">${result.targets.map(
    (target) =>
      html`<div>${pairs([
        [
          target.label,
          `${target.version}, ${target.managed ? "started by zabench" : "attached"}, ${target.servers} server${target.servers === 1 ? "" : "s"}`,
        ],
        ["Warm-up", `${duration(target.warmUp.durationMicros)}, ${target.warmUp.steady ? "steady" : "NOT steady"}`],
        ...Object.entries(target.flags),
      ])}</div>`,
  )}</div>
<h3>Profile</h3>
<pre>${profile.text}</pre>`;
}
