import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../../src/base/random.js";
import { ArrivalSchedule, highestRatePerSecond, meanRatePerSecond } from "../../src/bench/load/arrivals.js";
import { nowMicros } from "../../src/bench/load/clock.js";
import { drawOperation, operationChoice, roundSeed } from "../../src/bench/load/streams.js";
import type { Loop } from "../../src/bench/profile/profile.js";
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

type OpenLoop = Extract<Loop, { kind: "open" }>;

/** How many operations of all connections are due in [from, to), microseconds. */
function countBetween(loop: OpenLoop, from: number, to: number, leadInMicros: number, connections = 3): number {
  let count = 0;
  for (let connection = 0; connection < connections; connection++) {
    const schedule = new ArrivalSchedule(loop, connections, 7, connection, leadInMicros);
    for (; schedule.due < to; schedule.take()) if (schedule.due >= from) count++;
  }
  return count;
}

const STEPPED: OpenLoop = {
  kind: "open",
  arrival: "constant",
  ratePerSecond: 1_000,
  pieces: [
    { fromPerSecond: 1_000, toPerSecond: 1_000, durationMicros: 2e6 },
    { fromPerSecond: 4_000, toPerSecond: 4_000, durationMicros: 1.5e6 },
    { fromPerSecond: 10, toPerSecond: 10, durationMicros: 1e6 },
  ],
};

test("stepped arrivals keep each step's rate, the first before it begins and the last after it ends", () => {
  const leadIn = 500_000;
  assert.equal(countBetween(STEPPED, 0, leadIn, leadIn), 500);
  assert.equal(countBetween(STEPPED, leadIn, leadIn + 2e6, leadIn), 2_000);
  assert.equal(countBetween(STEPPED, leadIn + 2e6, leadIn + 3.5e6, leadIn), 6_000);
  assert.equal(countBetween(STEPPED, leadIn + 3.5e6, leadIn + 4.5e6, leadIn), 10);
  assert.equal(countBetween(STEPPED, leadIn + 4.5e6, leadIn + 14.5e6, leadIn), 100);
  assert.equal(meanRatePerSecond(STEPPED, 5.5e6), (2_000 + 6_000 + 10 + 10) / 5.5);
  assert.equal(meanRatePerSecond(STEPPED, 1e6), 1_000);
  assert.equal(highestRatePerSecond(STEPPED), 4_000);
});

test("ramping arrivals come when the rate's integral says, up and down, without drift", () => {
  for (const [fromPerSecond, toPerSecond] of [
    [100, 5_000],
    [5_000, 100],
    [300, 300],
  ] as const) {
    const pieces = [{ fromPerSecond, toPerSecond, durationMicros: 10e6 }];
    const loop: OpenLoop = { kind: "open", arrival: "constant", ratePerSecond: fromPerSecond, pieces };
    const dues: number[] = [];
    for (let connection = 0; connection < 4; connection++) {
      const schedule = new ArrivalSchedule(loop, 4, 7, connection);
      for (; schedule.due < 10e6; schedule.take()) dues.push(schedule.due);
    }
    dues.sort((a, b) => a - b);
    const whole = ((fromPerSecond + toPerSecond) / 2) * 10;
    assert.ok(Math.abs(dues.length - whole) <= 1, `${dues.length} of ${whole}`);
    dues.forEach((due, index) => {
      const seconds = due / 1e6;
      const count = fromPerSecond * seconds + ((toPerSecond - fromPerSecond) / 20) * seconds * seconds;
      assert.ok(Math.abs(count - index) < 1e-3, `arrival ${index} is due where ${count} should have been`);
    });
    assert.equal(meanRatePerSecond(loop, 10e6), (fromPerSecond + toPerSecond) / 2);
    // Of half the ramp, the mean of its own ends.
    assert.equal(meanRatePerSecond(loop, 5e6), (fromPerSecond + (fromPerSecond + toPerSecond) / 2) / 2);
  }
});

test("Poisson arrivals follow the steps", () => {
  const poisson: OpenLoop = { ...STEPPED, arrival: "poisson" };
  for (const [from, to, expected] of [
    [0, 2e6, 2_000],
    [2e6, 3.5e6, 6_000],
  ] as const) {
    const count = countBetween(poisson, from, to, 0);
    assert.ok(Math.abs(count - expected) < 4 * Math.sqrt(expected), `${count} of ${expected}`);
  }
});

test("schedules depend on the seed, the connection and the course alone", () => {
  for (const arrival of ["constant", "poisson"] as const) {
    const dues = (connection: number, seed: number): number[] => {
      const schedule = new ArrivalSchedule({ ...STEPPED, arrival }, 5, seed, connection, 1_000);
      return Array.from({ length: 2_000 }, () => {
        schedule.take();
        return schedule.due;
      });
    };
    const first = dues(2, 9);
    assert.deepEqual(dues(2, 9), first);
    assert.notDeepEqual(dues(3, 9), first);
    if (arrival === "poisson") assert.notDeepEqual(dues(2, 10), first);
    for (const [at, due] of first.slice(1).entries()) assert.ok(due > first[at]!, "due times only grow");
  }
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
