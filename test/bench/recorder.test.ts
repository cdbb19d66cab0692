import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createHistogram, decodeHistogram, HISTOGRAM_PRECISION, recordOf } from "../../src/bench/histogram.js";
import type { SecondBatch } from "../../src/bench/load/load.js";
import { Recorder } from "../../src/bench/load/recorder.js";
import { mergeOperations, SecondMerger } from "../../src/bench/merge.js";

const SECOND = 1_000_000;
const WINDOW = { recordMicros: SECOND, endMicros: 601 * SECOND };

function recorderOf(onSecond: (batch: SecondBatch) => void, names = ["read"]): Recorder {
  return new Recorder(names, true, WINDOW, onSecond);
}

/** Bytes a report holds, whatever they are in. */
function bytesOf(value: unknown): number {
  return JSON.stringify(value, (_, each) => (each instanceof Uint8Array ? "x".repeat(each.length) : each)).length;
}

test("ten minutes leave no more behind in a worker than one, and nothing in what merges the seconds", () => {
  const sizes: number[] = [];
  const merger = new SecondMerger(2);
  let heldMax = 0;
  for (const minutes of [1, 10]) {
    const recorders = [0, 1].map((worker) =>
      recorderOf((batch) => {
        if (minutes === 10) merger.add(worker, batch);
        heldMax = Math.max(heldMax, merger.held);
      }),
    );
    for (let micros = SECOND; micros < (1 + 60 * minutes) * SECOND; micros += 5_000) {
      for (const recorder of recorders) recorder.succeeded(0, micros, micros + 10, micros + 100 + (micros % 7_919));
    }
    const [first] = recorders.map((recorder) => recorder.finish());
    sizes.push(bytesOf(first));
    assert.equal(first![0]!.ok, minutes * 60 * 200);
  }
  assert.ok(sizes[1]! < sizes[0]! * 1.1, `${sizes[0]} bytes after one minute, ${sizes[1]} after ten`);
  assert.ok(heldMax <= 2, `${heldMax} histograms were held at once`);
  const rows = merger.finish();
  assert.deepEqual(
    rows.map((row) => row.second),
    Array.from({ length: rows.length }, (_, second) => second),
  );
  assert.ok(
    rows.every((row) => row.ok >= 398 || row.second >= 599),
    "both workers are in every row",
  );
  assert.ok(bytesOf(rows) / rows.length < 120, "a second costs a row");
});

test("a second is closed only when every worker has passed it, also one whose target is silent", () => {
  const merger = new SecondMerger(2);
  const [busy, silent] = [0, 1].map((worker) => recorderOf((batch) => merger.add(worker, batch)));
  for (let second = 1; second <= 5; second++)
    busy!.succeeded(0, second * SECOND, second * SECOND, second * SECOND + 50);
  assert.equal(merger.held, 4, "the other worker may still add to them");
  silent!.passTime(5 * SECOND + 10);
  assert.equal(merger.held, 0);
  silent!.succeeded(0, 5 * SECOND + 20, 5 * SECOND + 20, 5 * SECOND + 900);
  for (const recorder of [busy!, silent!]) recorder.finish();
  assert.deepEqual(
    merger.finish().map(({ second, ok, max }) => [second, ok, max]),
    [
      [0, 1, 50],
      [1, 1, 50],
      [2, 1, 50],
      [3, 1, 50],
      [4, 2, 880],
    ],
  );
});

test("the seconds, the total and what flows through the window agree", () => {
  const event = fc.record({
    started: fc.integer({ min: 0, max: 4 * SECOND }),
    took: fc.integer({ min: 1, max: 3 * SECOND }),
    fails: fc.boolean(),
  });
  const window = { recordMicros: SECOND, endMicros: 4 * SECOND };
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const merger = new SecondMerger(1);
      const recorder = new Recorder(["read"], false, window, (batch) => merger.add(0, batch));
      const ordered = [...events].sort((a, b) => a.started + a.took - (b.started + b.took));
      for (const { started, took, fails } of ordered) {
        if (fails) recorder.failed(0, "LOST", started, started + took);
        else recorder.succeeded(0, started, started, started + took);
      }
      const [operation] = recorder.finish();
      const rows = merger.finish();
      const count = (holds: (each: { started: number; ended: number; fails: boolean }) => boolean): number =>
        events.filter(({ started, took, fails }) => holds({ started, ended: started + took, fails })).length;
      const recorded = (started: number): boolean => started >= window.recordMicros;
      const due = ({ started }: { started: number }): boolean => started < window.recordMicros;
      assert.equal(
        rows.reduce((sum, row) => sum + row.ok, 0),
        operation!.ok,
      );
      assert.equal(
        operation!.ok,
        count(({ started, fails }) => recorded(started) && !fails),
      );
      assert.equal(
        operation!.backlogAtStart,
        count((each) => due(each) && each.ended >= window.recordMicros),
      );
      assert.equal(
        operation!.backlogAtEnd,
        count(({ ended }) => ended >= window.endMicros),
      );
      assert.equal(
        operation!.answeredInWindow,
        count(({ ended, fails }) => !fails && ended >= window.recordMicros && ended < window.endMicros),
      );
    }),
  );
});

test("a recorded latency differs from the true one by no more than the result says", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3_600_000_000 }), { minLength: 1, maxLength: 80 }), (latencies) => {
      const histogram = createHistogram();
      for (const latency of latencies) histogram.recordValue(latency);
      const record = recordOf(histogram)!;
      histogram.destroy();
      const decoded = decodeHistogram(record.encoded);
      const sorted = [...latencies].sort((a, b) => a - b);
      for (const percentile of [0, 50, 90, 99, 100]) {
        const rank = Math.max(1, Math.ceil((percentile / 100) * sorted.length));
        const exact = sorted[rank - 1] as number;
        const shown = decoded.getValueAtPercentile(percentile);
        const allowed = Math.max(HISTOGRAM_PRECISION.unitMicros, exact * HISTOGRAM_PRECISION.relativeErrorMax);
        assert.ok(Math.abs(shown - exact) <= allowed, `p${percentile}: ${shown} for ${exact}`);
      }
      decoded.destroy();
    }),
  );
});

test("what several workers report is merged, not averaged", () => {
  const reports = [100, 10_000].map((micros) => {
    const recorder = recorderOf(() => undefined);
    for (let sample = 0; sample < 50; sample++) recorder.succeeded(0, SECOND, SECOND, SECOND + micros);
    return { operations: recorder.finish() };
  });
  const [read] = mergeOperations(reports as unknown as Parameters<typeof mergeOperations>[0], 600 * SECOND);
  assert.equal(read!.latency!.p50, 100);
  assert.ok(Math.abs(read!.latency!.p90 - 10_000) <= 10);
});
