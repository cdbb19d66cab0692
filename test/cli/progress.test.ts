import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunEvent } from "../../src/bench/events.js";
import type { Output } from "../../src/cli/output.js";
import { Progress } from "../../src/cli/progress.js";

function fakeOutput(live: boolean): { readonly output: Output; readonly written: string[] } {
  const written: string[] = [];
  const write = (text: string | Uint8Array): boolean => {
    written.push(String(text));
    return true;
  };
  const stream = { write, columns: 40 } as Output["stream"];
  const output: Output = { stream, live, line: (text = "") => void write(`${text}\n`), style: (_, text) => text };
  return { output, written };
}

function measuring(elapsedMicros: number): RunEvent {
  const durationMicros = 10_000_000;
  return {
    kind: "measuring",
    label: "core",
    round: 1,
    rounds: 3,
    elapsedMicros,
    durationMicros,
    opsPerSecond: 5_000,
    errors: 0,
  };
}

const MEASURED: RunEvent = {
  kind: "measured",
  label: "core",
  round: 1,
  rounds: 3,
  opsPerSecond: 5_000,
  p50: 200,
  p99: 1_500,
  errors: 2,
};

test("without a terminal: plain lines of progress, one every two seconds at the most", () => {
  const { output, written } = fakeOutput(false);
  let now = 0;
  const progress = new Progress(output, () => now);
  for (; now < 10_000; now += 250) progress.show(measuring(now * 1_000));
  progress.show(MEASURED);
  assert.equal(written.length, 6);
  assert.equal(written[1], "core: round 1 of 3 20%, 5,000/s\n");
  assert.equal(written[5], "core: round 1 of 3: 5,000/s, p50 200 us, p99 1.50 ms, 2 errors\n");
});

test("on a terminal: one line redrawn, no wider than it, gone before what stays", () => {
  const { output, written } = fakeOutput(true);
  const progress = new Progress(output);
  progress.show(measuring(5_000_000));
  progress.show(measuring(6_000_000));
  progress.show(MEASURED);
  progress.clear();
  assert.ok(written.slice(0, 2).every((text) => text.startsWith("\r\x1b[K") && text.length <= 4 + 39));
  assert.deepEqual(written.slice(2, 3), ["\r\x1b[K"]);
  assert.equal(written.length, 4, "nothing to clear after what stays");
  assert.ok(!written.slice(0, 2).join("").includes("\n"));
});
