import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFraction, SeededRandom } from "../../../src/base/random.js";
import { ArrivalSchedule } from "../../../src/bench/load/arrivals.js";
import type { LoadReport } from "../../../src/bench/load/load.js";
import { Recorder } from "../../../src/bench/load/recorder.js";
import { mergeOperations } from "../../../src/bench/merge.js";
import type { RoundResult, SweepPoint } from "../../../src/bench/result.js";
import { judgeProbe } from "../../../src/bench/sweep/judge-probe.js";
import { parseObjective } from "../../../src/bench/sweep/objectives.js";
import { RateSearch } from "../../../src/bench/sweep/rate-search.js";

// The arrivals, the recorder, the judge and the search of a real sweep; only time and the target are simulated.

const CONNECTIONS = 20;
const LEAD_IN_MICROS = 500_000;
const DURATION_MICROS = 5_000_000;
const DRAIN_MICROS = 10_000_000;

interface VirtualTarget {
  readonly capacityPerSecond: number;
  readonly arrival: "constant" | "poisson";
  /** Service takes this long beside its turn; more now and then. */
  readonly seed: number;
  /** Stops for so long once in a window, in one window of so many. */
  readonly stall?: { readonly micros: number; readonly oneIn: number };
}

/** One window of a leaky bucket that serves operation after operation. */
function window(target: VirtualTarget, ratePerSecond: number, random: SeededRandom): LoadReport {
  const endMicros = LEAD_IN_MICROS + DURATION_MICROS;
  const dues: number[] = [];
  for (let connection = 0; connection < CONNECTIONS; connection++) {
    const loop = { kind: "open", ratePerSecond, arrival: target.arrival } as const;
    const schedule = new ArrivalSchedule(loop, CONNECTIONS, random.uint32(), connection);
    for (; schedule.due < endMicros; schedule.take()) dues.push(schedule.due);
  }
  dues.sort((a, b) => a - b);
  const stalled = target.stall !== undefined && randomFraction(random) * target.stall.oneIn < 1;
  const stallAt = stalled ? randomFraction(random) * endMicros : Number.POSITIVE_INFINITY;
  const recorder = new Recorder(["read"], true, { recordMicros: LEAD_IN_MICROS, endMicros }, () => undefined);
  let servedUntil = 0;
  let stallTaken = false;
  for (const due of dues) {
    if (!stallTaken && due >= stallAt) {
      servedUntil = Math.max(servedUntil, stallAt) + (target.stall?.micros ?? 0);
      stallTaken = true;
    }
    const jitter = 0.5 + randomFraction(random);
    servedUntil = Math.max(servedUntil, due) + (1e6 / target.capacityPerSecond) * jitter;
    if (servedUntil < endMicros + DRAIN_MICROS) recorder.succeeded(0, due, due, servedUntil);
    else recorder.failed(0, "UNANSWERED", due, endMicros + DRAIN_MICROS);
  }
  return {
    operations: recorder.finish(),
    sendLag: undefined,
    cpuMicros: 0,
    utilization: 0.5,
    checks: [],
    figures: {},
    disconnects: 0,
    sessionsLost: 0,
  };
}

async function sweep(target: VirtualTarget, objective: string): Promise<{ rate: number | null; points: SweepPoint[] }> {
  const random = new SeededRandom(target.seed);
  const points: SweepPoint[] = [];
  const basis = { objectives: [parseObjective(objective, ["read"])], counted: ["read"], errorsMax: 0 };
  const search = new RateSearch(
    async (rate, purpose) => {
      const report = window(target, rate, random);
      const round: RoundResult = {
        index: 0,
        startMicros: 0,
        durationMicros: DURATION_MICROS,
        operations: mergeOperations([report], DURATION_MICROS),
        seconds: [],
        client: {
          workers: 1,
          connections: CONNECTIONS,
          depth: 1,
          ratePerSecond: rate,
          cpuMicros: 0,
          eventLoopUtilizationMax: 0.5,
          sendLag: null,
          saturated: false,
        },
        members: [],
        idleCpuMicros: {},
      };
      const point = judgeProbe(purpose, rate, round, [report], basis);
      points.push(point);
      return point;
    },
    { startPerSecond: 900, minPerSecond: 20, maxPerSecond: 1e6, tolerance: 0.05, probesMax: 80 },
  );
  assert.equal(
    await search.run(),
    "found",
    JSON.stringify(points.map(({ askedPerSecond, held }) => [askedPerSecond, held])),
  );
  return { rate: search.confirmed, points };
}

for (const [name, arrival, objective] of [
  ["constant arrivals", "constant", "p(99)<10ms"],
  ["Poisson arrivals", "poisson", "p(99)<100ms"],
  ["an objective that only the backlog breaks", "constant", "p(99)<10s"],
] as const) {
  test(`the known capacity of a simulated target is found within 5%: ${name}`, async () => {
    for (const [index, capacityPerSecond] of [1_234, 3_000, 8_000].entries()) {
      const { rate } = await sweep({ capacityPerSecond, arrival, seed: 100 + index }, objective);
      assert.ok(rate !== null && Math.abs(rate / capacityPerSecond - 1) <= 0.05, `${rate} of ${capacityPerSecond}`);
    }
  });
}

test("a stall of half a second in one window of eight does not hide the capacity", async () => {
  const stall = { micros: 500_000, oneIn: 8 };
  for (const seed of [1, 2, 3, 4]) {
    const { rate } = await sweep({ capacityPerSecond: 2_000, arrival: "constant", seed, stall }, "p(99)<50ms");
    assert.ok(rate !== null && Math.abs(rate / 2_000 - 1) <= 0.05, `${rate} with seed ${seed}`);
  }
});

test("a queue that grows by less than the objective shows within a window is told by its backlog", async () => {
  const random = new SeededRandom(9);
  const report = window({ capacityPerSecond: 2_000, arrival: "constant", seed: 9 }, 2_030, random);
  const [operation] = report.operations;
  assert.ok(operation!.backlogAtEnd > 2 * operation!.backlogAtStart + 50);
  assert.ok(operation!.answeredInWindow < 0.99 * operation!.ok);
});
