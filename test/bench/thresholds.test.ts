import assert from "node:assert/strict";
import { test } from "node:test";
import { fairnessOf } from "../../src/bench/fairness.js";
import { createHistogram, recordOf } from "../../src/bench/histogram.js";
import { mergeRecords, totalOf } from "../../src/bench/merge-records.js";
import type { OperationResult } from "../../src/bench/result.js";
import { evaluateThreshold, parseThreshold } from "../../src/bench/thresholds.js";

function operationOf(name: string, latencies: readonly number[], errors: Record<string, number> = {}): OperationResult {
  const histogram = createHistogram();
  for (const latency of latencies) histogram.recordValue(latency);
  const latency = recordOf(histogram);
  histogram.destroy();
  return { name, ok: latencies.length, errors, opsPerSecond: latencies.length, latency, service: null };
}

const READ = operationOf(
  "read",
  Array.from({ length: 1_000 }, (_, index) => index + 1),
  { NONODE: 10 },
);

const JUDGED: readonly (readonly [string, boolean])[] = [
  ["p(99)<1ms", true],
  ["p(99)<900us", false],
  ["p(50)<=500us", true],
  ["med==500us", true],
  ["max!=1ms", false],
  ["min<2us", true],
  ["avg>400us", true],
  ["rate>=1000/s", true],
  ["rate>1000", false],
  ["count>999", true],
  ["errors<1%", true],
  ["errors<0.5%", false],
];

for (const [expression, passed] of JUDGED) {
  test(`${expression} is ${passed ? "kept" : "missed"}`, () => {
    assert.equal(evaluateThreshold(parseThreshold("read", expression), "core", READ).passed, passed);
  });
}

for (const expression of ["p(99)<1ms", "rate<1", "count<1", "errors<1%", "max<1h"]) {
  test(`${expression} fails without samples`, () => {
    const threshold = parseThreshold("read", expression);
    assert.deepEqual(
      [operationOf("read", []), undefined].map((operation) => evaluateThreshold(threshold, "core", operation).passed),
      [false, false],
    );
  });
}

for (const expression of [
  "p(99)<5",
  "p(101)<5ms",
  "p99<5ms",
  "rate>1ms",
  "errors<0.1",
  "count>1.5",
  "speed>1",
  "max <",
]) {
  test(`${expression} is no threshold`, () => {
    assert.throws(() => parseThreshold("read", expression), /is not a threshold/);
  });
}

test("histograms are merged, not averaged", () => {
  const fast = operationOf("read", new Array<number>(99).fill(100));
  const slow = operationOf("write", new Array<number>(1).fill(10_000));
  const total = totalOf([fast, slow, READ], ["read", "write"]);
  assert.equal(total.ok, 1_100);
  const merged = mergeRecords([fast.latency, slow.latency, null]);
  assert.equal(merged?.count, 100);
  assert.equal(merged.p50, 100);
  assert.ok(Math.abs(merged.max - 10_000) <= 10);
  assert.equal(mergeRecords([null]), null);
});

test("fairness is Jain's index", () => {
  assert.equal(fairnessOf([5, 5, 5, 5]), 1);
  assert.equal(fairnessOf([8, 0, 0, 0]), 0.25);
  assert.equal(fairnessOf([]), 0);
});
