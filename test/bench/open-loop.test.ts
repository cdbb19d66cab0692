import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { decodeHistogram } from "../../src/bench/histogram.js";
import { totalOf } from "../../src/bench/merge-records.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import type { LoadedProfile } from "../../src/bench/profile/profile.js";
import { runProfile } from "../../src/bench/run-profile.js";
import { exitCodeOf } from "../../src/bench/verdict.js";
import { fakeMemory, fakeParticipant, notesOf } from "../support/fake-driver.js";

function profileOf(more: string): LoadedProfile {
  const text = `
name: test
workload: {kind: mix, operations: {read: 70, write: 20, create: 10}}
rounds: 1
warmUp: {min: 0s, max: 0s}
${more}`;
  return { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} };
}

test("a stall of a second shows in full in an open loop's latency, for every operation that was due", async () => {
  const rate = 500;
  const memory = fakeMemory();
  const profile = profileOf(`connections: 2\ndepth: 1\nduration: 2s\nloop: {rate: ${rate}/s}`);
  const participants = [fakeParticipant("fake", { memory, stall: { afterAnswers: rate / 2, millis: 1_000 } })];
  const result = await runProfile({ profile, participants, workers: 1 });
  const [target] = result.targets;
  const operations = target!.operations;
  const ok = operations.reduce((sum, operation) => sum + operation.ok, 0);
  assert.equal(ok, rate * 2, "no arrival of the window is dropped or skipped");
  // Arrivals during the stall waited from 1,000 ms down to 0, evenly: so many of all waited longer than each of these.
  const all = decodeHistogram(totalOf(operations, ["read", "write", "create"]).latency!.encoded);
  const [longest, ...waits] = [0, 100, 250, 400, 450].map((longer) =>
    all.getValueAtPercentile(100 * (1 - longer / (rate * 2))),
  );
  all.destroy();
  // The stall began with an answer, up to one gap of arrivals after the operation before.
  assert.ok(longest! >= 995_000, `the longest latency is ${longest} us`);
  [100, 250, 400, 450].forEach((longer, index) => {
    const expected = 1_000_000 - (longer / rate) * 1e6;
    const found = waits[index]!;
    // No shorter than the arithmetic says but for the gap it began in; longer only where this machine was late.
    assert.ok(found >= expected - 5_000, `${longer} operations waited ${expected} us or longer: ${found}`);
    assert.ok(found <= expected + 150_000, `only ${longer} operations waited ${expected} us: ${found}`);
  });
  // Only the one operation that each connection had outstanding was served slowly.
  for (const { name, service } of operations)
    assert.ok(service!.p50 < 200_000, `${name}: ${service!.p50} us of service`);
  const slowlyServed = operations.filter(({ service }) => service!.max > 900_000).length;
  assert.ok(slowlyServed <= 2, `${slowlyServed} operations were served slowly`);
  const lag = target!.rounds[0]!.client.sendLag;
  assert.ok(lag !== null && lag.p50 < 500_000, "waiting for a slot is no send lag");
});

test("what is never answered counts as failed, and so does what could never be sent", async () => {
  const profile = profileOf("connections: 2\ndepth: 1\nduration: 1s\nsessionTimeout: 1s\nloop: {rate: 100/s}");
  const participants = [
    fakeParticipant("fake", { memory: fakeMemory(), stall: { afterAnswers: 20, millis: 600_000 } }),
  ];
  const result = await runProfile({ profile, participants, workers: 1 });
  const errors: Record<string, number> = {};
  let ok = 0;
  for (const operation of result.targets[0]!.operations) {
    ok += operation.ok;
    for (const [name, count] of Object.entries(operation.errors)) errors[name] = (errors[name] ?? 0) + count;
  }
  assert.equal(errors["UNANSWERED"], 2);
  assert.equal(ok + 2 + errors["UNSENT"]!, 100);
  assert.equal(exitCodeOf(result), EXIT.regression);
});

test("a run repeats operation for operation, whatever the number of workers", async () => {
  const connections = 5;
  const noted = 40;
  const notes: string[][] = [];
  for (const [workers, loop] of [
    [1, "closed"],
    [1, "closed"],
    [2, "closed"],
    [2, "{rate: 2000/s, arrival: poisson}"],
  ] as const) {
    const memory = fakeMemory(connections, noted);
    const participants = [fakeParticipant("fake", { memory, notedOperations: noted })];
    await runProfile({
      profile: profileOf(`connections: ${connections}\ndepth: 3\nduration: 2s\nseed: 9\nloop: ${loop}`),
      participants,
      workers,
    });
    notes.push(notesOf(memory, connections, noted));
  }
  assert.equal(notes[0]![0]!.split(" ").length, noted);
  assert.equal(new Set(notes[0]).size, connections, "connections differ");
  assert.deepEqual(notes[1], notes[0]);
  assert.deepEqual(notes[2], notes[0]);
  assert.deepEqual(notes[3], notes[0]);
});

test("a warm-up of no time leaves the target not warmed, without ratios", async () => {
  const participants = ["first", "second"].map((label) => fakeParticipant(label, { memory: fakeMemory() }));
  const result = await runProfile({ profile: profileOf("connections: 2\nduration: 200ms"), participants, workers: 1 });
  assert.ok(result.ratios.every((ratio) => ratio.value === null && /was not warmed/.test(ratio.note)));
  assert.ok(result.warnings.some((warning) => warning.code === "not-warmed" && warning.target === "first"));
});
