import assert from "node:assert/strict";
import { test } from "node:test";
import { fairnessOf } from "../../../src/bench/fairness.js";
import { contentionMetrics } from "../../../src/bench/workloads/contention/metrics.js";

test("fairness is Jain's index, over those that share", () => {
  assert.equal(fairnessOf([5, 5, 5, 5]), 1);
  assert.equal(fairnessOf([8, 0, 0, 0]), 0.25);
  assert.equal(fairnessOf([4, 4, 0, 0], 2), 1, "two of them share nothing");
  assert.equal(fairnessOf([]), 0);
});

test("acquisitions count over all connections, fairness among contenders only, events by acquisition", () => {
  const measured = {
    figures: {
      acquisitions: [6, 6, 0, 0],
      events: [18, 6, 0, 0],
      "releases-waited-for": [6, 2],
      "taken-again": [2, 0],
    },
    durationMicros: 2_000_000,
    members: [],
  };
  const values = Object.fromEntries(contentionMetrics(measured, 0.5).map(({ name, value }) => [name, value]));
  assert.deepEqual(values, {
    "acquisitions-per-second": 6,
    fairness: 1,
    "events-per-acquisition": 2,
    "taken-again-share": 0.25,
  });
  const nothing = contentionMetrics({ figures: {}, durationMicros: 0, members: [] });
  assert.deepEqual(
    nothing.map(({ value }) => value),
    [0, 0, 0, 0],
  );
});
