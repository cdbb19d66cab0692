import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AcknowledgementTrace } from "../../src/chaos/outage.js";
import { survival } from "../../src/chaos/scenario/run-scenario.js";

const SECOND = 1_000_000;

/** Acknowledgements every `everyMicros` from `from` up to `to`, all in microseconds. */
function acknowledge(trace: AcknowledgementTrace, from: number, to: number, everyMicros: number): void {
  for (let at = from; at < to; at += everyMicros) trace.acknowledged(at);
}

describe("outages", () => {
  it("last from the last acknowledgement before the fault to the first after it", () => {
    const trace = new AcknowledgementTrace(10 * SECOND);
    acknowledge(trace, 1_000, 3 * SECOND, 1_000);
    trace.acknowledged(3_700_500);
    acknowledge(trace, 3_701_000, 10 * SECOND, 1_000);
    assert.equal(trace.silenceAfter(3 * SECOND), 3_700_500 - 2_999_000 - 1_000 + 1_000);
  });

  it("do not count silences that had ended before the fault", () => {
    const trace = new AcknowledgementTrace(10 * SECOND);
    trace.acknowledged(1_000);
    trace.acknowledged(2 * SECOND);
    acknowledge(trace, 2 * SECOND, 10 * SECOND, 1_000);
    assert.equal(trace.silenceAfter(5 * SECOND), 1_000);
  });

  it("never end where nothing was acknowledged after the fault", () => {
    const trace = new AcknowledgementTrace(10 * SECOND);
    acknowledge(trace, 0, 3 * SECOND, 1_000);
    assert.equal(trace.silenceAfter(3 * SECOND), null);
    assert.equal(trace.recoveryAfter(3 * SECOND), null);
    assert.equal(new AcknowledgementTrace(SECOND).silenceAfter(0), null);
  });

  it("are over for throughput once it is back at nine tenths", () => {
    const trace = new AcknowledgementTrace(10 * SECOND);
    acknowledge(trace, 0, 3 * SECOND, 1_000);
    acknowledge(trace, 4 * SECOND, 6 * SECOND, 2_000);
    acknowledge(trace, 6 * SECOND, 10 * SECOND, 1_000);
    const recovery = trace.recoveryAfter(3 * SECOND);
    assert.ok(recovery !== null && recovery >= 2_900_000 && recovery <= 3_100_000, String(recovery));
  });

  it("keep recovery open while throughput stays at half", () => {
    const trace = new AcknowledgementTrace(10 * SECOND);
    acknowledge(trace, 0, 3 * SECOND, 1_000);
    acknowledge(trace, 3 * SECOND, 10 * SECOND, 2_000);
    assert.equal(trace.recoveryAfter(3 * SECOND), null);
  });
});

describe("acknowledged writes", () => {
  it("are all there, or the loss is named", () => {
    const acknowledged = Float64Array.of(5, 6, 9);
    assert.equal(survival("check", acknowledged, new Set([5, 6, 7, 9]), 1).verdict, "valid");
    const lost = survival("check", acknowledged, new Set([5, 9]), 1);
    assert.equal(lost.verdict, "invalid");
    assert.match(lost.detail, /1 of 3 acknowledged writes are gone, the first one that stood at 6/);
  });
});
