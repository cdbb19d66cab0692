import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../../src/base/random.js";
import { ArrivalSchedule } from "../../src/bench/load/arrivals.js";
import { nowMicros } from "../../src/bench/load/clock.js";
import { drawOperation, operationChoice, roundSeed } from "../../src/bench/load/streams.js";
import { isImproving, isSteady, isWarm, warmUpWindowMicros } from "../../src/bench/warm-up.js";
import { DueHeap } from "../../src/bench/workloads/mix/due-heap.js";

/** Due times of all connections until `untilMicros`, in order. */
function duesOf(
  arrival: "constant" | "poisson",
  ratePerSecond: number,
  connections: number,
  untilMicros: number,
): number[] {
  const dues: number[] = [];
  for (let connection = 0; connection < connections; connection++) {
    const schedule = new ArrivalSchedule({ kind: "open", ratePerSecond, arrival }, connections, 7, connection);
    for (; schedule.due < untilMicros; schedule.take()) dues.push(schedule.due);
  }
  return dues.sort((a, b) => a - b);
}

test("constant arrivals are evenly spaced over all connections and do not drift", () => {
  const dues = duesOf("constant", 1_000, 7, 1e6 * 60);
  assert.equal(dues.length, 60_000);
  dues.forEach((due, index) => {
    assert.ok(Math.abs(due - index * 1_000) < 0.01, `arrival ${index} is due at ${due}`);
  });
});

test("Poisson arrivals have the rate asked for and exponential gaps", () => {
  const dues = duesOf("poisson", 2_000, 5, 1e6 * 30);
  assert.ok(Math.abs(dues.length - 60_000) < 4 * Math.sqrt(60_000), `${dues.length} arrivals`);
  const gaps = dues.slice(1).map((due, index) => due - dues[index]!);
  const longer = gaps.filter((gap) => gap > 500).length / gaps.length;
  assert.ok(Math.abs(longer - Math.exp(-1)) < 0.02, `${longer} of gaps are longer than the mean`);
});

test("the heap gives entries in the order they are due", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 60 }), (dues) => {
      const heap = new DueHeap(dues.length);
      for (const [entry, due] of dues.entries()) heap.push(entry, due);
      const popped: number[] = [];
      while (heap.length > 0) {
        assert.equal(heap.earliestDue, Math.min(...dues.filter((_, entry) => !popped.includes(entry))));
        popped.push(heap.pop());
      }
      assert.equal(heap.earliestDue, Number.POSITIVE_INFINITY);
      assert.deepEqual(
        [...popped].sort((a, b) => a - b),
        dues.map((_, entry) => entry),
      );
    }),
  );
});

test("operations are drawn by weight", () => {
  const choice = operationChoice({ operations: { write: 10, read: 90, create: 0 } });
  assert.deepEqual(choice.operations, ["read", "write"]);
  const source = new SeededRandom(3);
  let writes = 0;
  for (let draw = 0; draw < 100_000; draw++) writes += drawOperation(choice, source);
  assert.ok(Math.abs(writes - 10_000) < 500, `${writes} writes`);
});

test("rounds have seeds of their own", () => {
  assert.equal(new Set(Array.from({ length: 1_000 }, (_, round) => roundSeed(1, round))).size, 1_000);
});

test("the clock is the system's monotonic one, in microseconds", () => {
  const before = Number(process.hrtime.bigint()) / 1_000;
  const now = nowMicros();
  const after = Number(process.hrtime.bigint()) / 1_000;
  assert.ok(now > before - 50 && now < after + 50, `${now} outside ${before}..${after}`);
});

test("steady: the last three windows agree, and did something", () => {
  assert.equal(isSteady([100, 100], 0.1), false);
  assert.equal(isSteady([5, 100, 105, 95], 0.1), true);
  assert.equal(isSteady([100, 100, 130], 0.1), false);
  assert.equal(isSteady([0, 0, 0], 1), false);
  assert.equal(warmUpWindowMicros(60_000_000), 1_000_000);
  assert.ok(warmUpWindowMicros(600_000) * 3 <= 600_000);
});

test("an open loop is warm when its latency falls no more, however noisy it is", () => {
  assert.equal(isImproving([900, 500, 300, 250, 200, 180], 0.1), true);
  assert.equal(isImproving([200, 320, 190, 210, 300, 185], 0.1), false);
  assert.equal(isImproving([100, 100, 100], 0.1), true, "too few windows to tell");
  const windows = [900, 500, 300, 250, 200, 180].map((meanLatencyMicros) => ({
    opsPerSecond: 1_000,
    meanLatencyMicros,
  }));
  assert.equal(isWarm(windows, "closed", 0.1), true);
  assert.equal(isWarm(windows, "open", 0.1), false);
});
