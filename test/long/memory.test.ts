import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProfile } from "../../src/bench/profile/parse.js";
import { runProfile } from "../../src/bench/run-profile.js";
import { fakeMemory, fakeParticipant } from "../support/fake-driver.js";

const MINUTES = 10;

/** The median of what was read in a span of the run: a collection that is late or early makes single readings lie. */
function median(readings: readonly number[]): number {
  return [...readings].sort((a, b) => a - b)[Math.floor(readings.length / 2)] ?? Number.NaN;
}

test(`the harness is no larger after ${MINUTES} minutes of a run than after one, by a tenth`, async () => {
  const text = `
name: memory
workload: {kind: mix, operations: {read: 50, readLinearizable: 20, write: 20, create: 10}}
connections: 20
depth: 2
duration: ${MINUTES}m
rounds: 1
warmUp: {min: 0s, max: 0s}
loop: {rate: 2000/s, arrival: poisson}
`;
  const readings: { readonly second: number; readonly bytes: number }[] = [];
  const result = await runProfile({
    profile: { profile: parseProfile(text, "memory.yaml"), text, file: "memory.yaml", overrides: {} },
    participants: [fakeParticipant("fake", { memory: fakeMemory() })],
    workers: 2,
    onEvent: (event) => {
      if (event.kind !== "measuring") return;
      readings.push({ second: event.elapsedMicros / 1e6, bytes: process.memoryUsage.rss() });
    },
  });
  const between = (from: number, to: number): number =>
    median(readings.filter(({ second }) => second >= from && second < to).map(({ bytes }) => bytes));
  const early = between(45, 75);
  const late = between(MINUTES * 60 - 30, MINUTES * 60);
  const shown = Array.from({ length: MINUTES }, (_, minute) =>
    Math.round(between(minute * 60, minute * 60 + 60) / 2 ** 20),
  );
  assert.ok(
    late <= early * 1.1,
    `${early} bytes after a minute, ${late} at the end; MiB by minute: ${shown.join(", ")}`,
  );
  const seconds = result.targets[0]!.rounds[0]!.seconds.length;
  assert.ok(seconds >= MINUTES * 60 * 4, `every second of each operation is in the result: ${seconds}`);
});
