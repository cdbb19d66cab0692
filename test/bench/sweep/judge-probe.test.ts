import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadReport } from "../../../src/bench/load/load.js";
import type { HistogramRecord, RoundResult, SweepPoint } from "../../../src/bench/result.js";
import { judgeProbe } from "../../../src/bench/sweep/judge-probe.js";
import { parseObjective } from "../../../src/bench/sweep/objectives.js";
import { histogramOf } from "../../support/results.js";

const DURATION_MICROS = 1_000_000;
const SAMPLES = 1_000;

interface Window {
  /** From the send to the answer, of every operation. */
  readonly serviceMicros: number;
  /** How late every send was. */
  readonly lagMicros: number;
  readonly saturated?: boolean;
  /** As many of what was due were not answered in the window. */
  readonly unanswered?: number;
}

const evenly = (micros: number): HistogramRecord => histogramOf(Array.from({ length: SAMPLES }, () => micros));

function judge(objective: string, window: Window): SweepPoint {
  const { serviceMicros, lagMicros, saturated = false, unanswered = 0 } = window;
  const { encoded: _, ...sendLag } = evenly(lagMicros);
  const round: RoundResult = {
    index: 0,
    startMicros: 0,
    durationMicros: DURATION_MICROS,
    operations: [
      {
        name: "read",
        ok: SAMPLES,
        errors: {},
        opsPerSecond: SAMPLES,
        latency: evenly(serviceMicros + lagMicros),
        service: evenly(serviceMicros),
      },
    ],
    seconds: [],
    client: {
      workers: 1,
      connections: 1,
      depth: 1,
      ratePerSecond: SAMPLES,
      cpuMicros: 0,
      eventLoopUtilizationMax: saturated ? 1 : 0.1,
      sendLag,
      saturated,
    },
    members: [],
    idleCpuMicros: {},
  };
  const counts = {
    ok: SAMPLES,
    errors: {},
    answeredInWindow: SAMPLES - unanswered,
    backlogAtStart: 0,
    backlogAtEnd: 0,
  };
  const report = { operations: [{ name: "read", ...counts }] } as unknown as LoadReport;
  const basis = { objectives: [parseObjective(objective, ["read"])], counted: ["read"], errorsMax: 0 };
  return judgeProbe("bracket", SAMPLES, round, [report], basis);
}

for (const objective of ["p(50)<2us", "read:p(50)<2us", "avg<2us", "max<=2us"]) {
  test(`an objective that the service alone misses is missed by the target, however late the sends: ${objective}`, () => {
    const { held, clientLimited, reasons } = judge(objective, { serviceMicros: 60, lagMicros: 300 });
    assert.deepEqual([held, clientLimited, reasons.length], [false, false, 1], reasons.join());
  });
}

test("an objective that the service alone would have held is missed by late sends", () => {
  const { held, clientLimited, reasons } = judge("p(50)<200us", { serviceMicros: 60, lagMicros: 300 });
  assert.deepEqual([held, clientLimited, reasons.at(-1)], [false, true, "the sends themselves were late"]);
});

test("sends that were hardly late are no reason, though the service alone would just have held", () => {
  const { held, clientLimited } = judge("p(50)<200us", { serviceMicros: 190, lagMicros: 20 });
  assert.deepEqual([held, clientLimited], [false, false]);
});

test("a saturated worker is to blame for slow service too: it is what takes the answers", () => {
  const slow = { serviceMicros: 500, lagMicros: 10, saturated: true };
  const { clientLimited, reasons } = judge("p(50)<200us", slow);
  assert.deepEqual([clientLimited, reasons.at(-1)], [true, "a load worker was saturated"]);
});

test("late sends are to blame for what was not answered where the objective held, and for a rate that was missed", () => {
  const late = { serviceMicros: 60, lagMicros: 300 };
  assert.equal(judge("p(50)<1ms", { ...late, unanswered: 100 }).clientLimited, true);
  assert.equal(judge("rate>2000/s", late).clientLimited, true);
});

test("a window that held blames nobody", () => {
  const { held, clientLimited, reasons } = judge("p(50)<1ms", { serviceMicros: 60, lagMicros: 300, saturated: true });
  assert.deepEqual([held, clientLimited, reasons], [true, false, []]);
});
