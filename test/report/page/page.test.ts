import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunResult } from "../../../src/bench/result.js";
import { chartGroups, percentileCharts } from "../../../src/report/page/chart-data.js";
import type { ChartSpec } from "../../../src/report/page/chart-spec.js";
import { html, Markup, scriptJson } from "../../../src/report/page/markup.js";
import { renderPage } from "../../../src/report/page/page.js";
import { sweepCharts } from "../../../src/report/page/sweep-section.js";
import {
  CORE,
  histogramOf,
  insufficient,
  interrupted,
  leaderKill,
  makeResult,
  swept,
  threeTargets,
  ZOOKEEPER,
} from "../../support/results.js";

const HOSTILE = `</script><script>alert(1)</script><!-- "'&`;

/** The same value with every text of it replaced, but those that decide the shape. */
function hostile(value: unknown, key = ""): unknown {
  if (typeof value === "string")
    return ["encoded", "startedAt", "verdict", "metric", "phase", "code"].includes(key) ? value : HOSTILE;
  if (Array.isArray(value)) return value.map((each) => hostile(each, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, hostile(each, name)]));
}

describe("markup", () => {
  test("values are escaped, markup is not, nothing is left out", () => {
    const inner = html`<b>${"a<b"}</b>`;
    assert.equal(
      html`<p title="${`"'`}">${inner}${["&", 1, inner]}${null}</p>`.text,
      `<p title="&quot;&#39;"><b>a&lt;b</b>&amp;1<b>a&lt;b</b></p>`,
    );
    assert.ok(inner instanceof Markup);
  });

  test("JSON in a script cannot end it, and reads back the same", () => {
    const value = { [HOSTILE]: [HOSTILE, "\u2028\u2029", 1, null] };
    const { text } = scriptJson(value);
    assert.doesNotMatch(text, /[<>&\u2028\u2029]/);
    assert.deepEqual(JSON.parse(text), value);
  });
});

describe("page", () => {
  test("has exactly its own three scripts, whatever the result's texts are", () => {
    for (const result of [threeTargets(), leaderKill(), insufficient(), swept()]) {
      const page = renderPage(hostile(result) as RunResult);
      assert.equal(page.match(/<script/gi)?.length, 3);
      assert.equal(page.match(/<\/script/gi)?.length, 3);
      assert.ok(!page.includes("alert(1)</script>"));
    }
  });

  test("refers to nothing outside itself", () => {
    const page = renderPage(threeTargets());
    const links = [...page.matchAll(/(?:src|href)\s*=\s*"([^"]*)"/g)].map((match) => match[1]);
    assert.deepEqual(links, ["data:,"]);
    assert.doesNotMatch(page, /@import|url\(|sourceMappingURL/);
    assert.match(page, /default-src 'none'/);
  });

  test("shows a failed and an unknown check above everything else", () => {
    const page = renderPage(insufficient());
    assert.ok(page.indexOf("zookeeper was inconsistent") < page.indexOf('class="card"'));
    assert.match(page, /✗ INVALID/);
    assert.match(page, /\? UNKNOWN/);
    assert.match(page, /<h3>No ratio could be drawn<\/h3><ul><li><b>zookeeper not warmed<\/b>: core over zookeeper /);
  });

  test("a sweep: the rate found, what it is worth, its curve and every probe", () => {
    const result = swept();
    const page = renderPage(result);
    assert.match(page, /<div class="figure">23,936<\/div>/);
    assert.match(page, /<div class="figure">≥ 60,085<\/div>/);
    assert.match(page, /Beyond that the load generator was the limit, not the target\./);
    assert.equal(page.match(/did not hold<\/span>/g)?.length, 6);
    const charts = sweepCharts(result).map(([, spec]) => spec);
    assert.deepEqual(
      charts.map(({ kind, series }) => [kind, series.map(({ label }) => label)]),
      [
        ["rates", ["core", "zookeeper"]],
        ["rates", ["core", "zookeeper"]],
      ],
    );
    for (const { x, series, shades } of charts) {
      assert.deepEqual(
        [...x].sort((a, b) => a - b),
        x,
      );
      for (const { values } of series) assert.equal(values.filter((value) => value !== null).length, 7);
      assert.deepEqual(
        shades.map(({ from, to }) => [from, to]),
        result.sweep!.targets.map(({ ratePerSecond }) => [ratePerSecond, ratePerSecond]),
      );
    }
  });

  test("ratios are told with their interval, and a difference that may be chance is not called real", () => {
    const result = makeResult({ seed: 2, targets: [CORE, ZOOKEEPER], rounds: 6, seconds: 2, spread: 0.03 });
    assert.match(renderPage(result), /<span class="verdict">real<\/span>/);
    const ratios = result.ratios.map((record) => ({
      ...record,
      value: 1.01,
      interval: { confidence: 0.95, low: 0.97, high: 1.05 },
    }));
    const page = renderPage({ ...result, ratios });
    assert.doesNotMatch(page, /verdict">real|the difference is real/);
    assert.match(page, /0\.970× – 1\.05×/);
    assert.match(page, /may be chance/);
  });

  test("histogram precision is said, and the send lag beside the figures of an open loop", () => {
    const open = makeResult({ seed: 2, targets: [CORE], rounds: 1, seconds: 2, spread: 0.03, ratePerSecond: 1_000 });
    assert.match(renderPage(open), /differs from the sample it stands for by at most 0\.1%, or by 1 µs/);
    assert.match(renderPage(open), />Send lag<span class="unit">p99, worst round</);
    assert.doesNotMatch(renderPage(threeTargets()), /p99, worst round/);
  });

  test("a percentile without enough samples is no number", () => {
    const result = threeTargets();
    const few = histogramOf([100, 120, 140, 160, 180, 200, 220, 240, 260, 280, ...new Array<number>(20).fill(300)]);
    const targets = result.targets.map((target) => ({
      ...target,
      operations: target.operations.map((operation) => ({ ...operation, latency: few })),
    }));
    const page = renderPage({ ...result, targets });
    assert.match(page, /a figure needs 1,000 samples/);
    assert.match(page, /a figure needs 10,000 samples/);
  });
});

describe("chart data", () => {
  const aligned = (spec: ChartSpec): boolean => spec.series.every((series) => series.values.length === spec.x.length);

  test("a line for each target and round, at the middle of each second", () => {
    const groups = chartGroups(threeTargets());
    assert.deepEqual(
      groups.map((group) => [group.operation, group.target]),
      [
        ["read", null],
        ["write", null],
      ],
    );
    for (const { throughput, p50, p99 } of groups) {
      assert.equal(throughput.series.length, 15);
      assert.deepEqual(throughput.x.slice(0, 3), [0.5, 1.5, 2.5]);
      assert.ok([throughput, p50, p99].every(aligned));
    }
  });

  test("faults are shaded in charts of their own target, with the same bounds for all", () => {
    const groups = chartGroups(leaderKill());
    assert.deepEqual(
      groups.map((group) => group.target),
      ["zookeeper", "etcd"],
    );
    assert.deepEqual(groups[0]?.throughput.shades, [{ label: "kill leader", from: 8, to: 13 }]);
    assert.deepEqual(groups[1]?.throughput.shades, [{ label: "kill leader", from: 8, to: 12 }]);
    assert.deepEqual(groups[0]?.p99.yBounds, groups[1]?.p99.yBounds);
    const [line] = groups[0]?.throughput.series ?? [];
    assert.equal(line?.values[9], 0);
    assert.equal(groups[0]?.p99.series[0]?.values[9], null);
  });

  test("a fault that never ended is shaded to the end", () => {
    const result = leaderKill();
    const targets = result.targets.map((target) => ({
      ...target,
      outages: target.outages.map((outage) => ({ ...outage, endMicros: null })),
    }));
    assert.equal(chartGroups({ ...result, targets })[0]?.throughput.shades[0]?.to, null);
  });

  test("a second that the round did not last to the end of is not drawn", () => {
    const result = threeTargets();
    const targets = result.targets.map((target) => ({
      ...target,
      rounds: target.rounds.map((round) => ({ ...round, durationMicros: 19_400_000 })),
    }));
    assert.equal(chartGroups({ ...result, targets })[0]?.throughput.x.length, 19);
  });

  test("percentile curves rise with the percentile and end at the maximum", () => {
    const result = threeTargets();
    for (const [operation, spec] of percentileCharts(result)) {
      assert.ok(aligned(spec));
      assert.ok(spec.x.every((at, index) => index === 0 || at > (spec.x[index - 1] ?? 0)));
      for (const series of spec.series) {
        const values = series.values.filter((value) => value !== null);
        assert.ok(values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0)));
        const target = result.targets[series.style];
        assert.equal(values.at(-1), target?.operations.find((each) => each.name === operation)?.latency?.max);
      }
    }
  });

  test("targets without a round or a sample have no line", () => {
    const [group] = chartGroups(interrupted());
    assert.deepEqual([...new Set(group?.throughput.series.map((series) => series.label))], ["core"]);
    const [first] = percentileCharts(interrupted());
    assert.deepEqual(
      first?.[1].series.map((series) => series.label),
      ["core"],
    );
    assert.deepEqual(chartGroups({ ...interrupted(), targets: [] }), []);
  });
});
