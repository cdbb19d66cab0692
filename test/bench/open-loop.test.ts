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

const EVERYTHING =
  "{read: 10, readLinearizable: 5, exists: 5, children: 2, sync: 2, write: 10, setVersioned: 5, multi: 5, create: 20, delete: 20}";

/** What each connection did in a run, operation by operation. */
async function operationsOf(workers: number, more: string): Promise<readonly string[]> {
  const connections = 5;
  const noted = 40;
  const memory = fakeMemory(connections, noted);
  const text = `
name: test
workload: {kind: mix, operations: ${EVERYTHING}, multiWrites: 3}
connections: ${connections}
depth: 3
keys: 200
duration: 500ms
seed: 9
rounds: 1
warmUp: {min: 0s, max: 0s}
${more}`;
  const profile = { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} };
  const participants = [fakeParticipant("fake", { memory, notedOperations: noted })];
  await runProfile({ profile, participants, workers });
  const notes = notesOf(memory, connections, noted);
  assert.equal(new Set(notes).size, connections, "connections differ");
  return notes;
}

/** How far the shorter of two runs got, they must be the same: on a busy machine a worker may start late. */
function assertRepeats(run: readonly string[], first: readonly string[], message: string): void {
  for (const [connection, notes] of run.entries()) {
    const [own, other] = [notes.split(" "), (first[connection] as string).split(" ")];
    const length = Math.min(own.length, other.length);
    assert.ok(length >= 10, `connection ${connection} got to ${length} operations: ${message}`);
    assert.deepEqual(own.slice(0, length), other.slice(0, length), `connection ${connection}: ${message}`);
  }
}

const LOOPS = [
  "closed",
  "{rate: 2000/s}",
  "{rate: 2000/s, arrival: poisson}",
  "{steps: [{rate: 1000/s, for: 100ms}, {rate: 4000/s, for: 200ms}]}",
  "{steps: [{rate: 1000/s, for: 100ms}, {rate: 4000/s, for: 200ms}], arrival: poisson}",
  "{from: 500/s, to: 4000/s, over: 400ms}",
  "{from: 4000/s, to: 500/s, over: 400ms, arrival: poisson}",
];

const SHAPES = [
  "distribution: uniform\nvalueBytes: 100",
  "distribution: sequential\nvalueBytes: {kind: uniform, min: 1, max: 8000}",
  "distribution: {kind: zipfian, exponent: 1.1}\nvalueBytes: {kind: weighted, sizes: [{bytes: 10, weight: 9}, {bytes: 8000, weight: 1}]}",
  "distribution: {kind: hotSet, keys: 5%, operations: 80%}\nvalueBytes: {kind: lognormal, median: 500, sigma: 1, min: 1, max: 8000}",
];

for (const [index, shape] of SHAPES.entries()) {
  test(`a run repeats operation for operation, whatever the workers and arrivals: ${shape.replaceAll("\n", ", ")}`, async () => {
    const first = await operationsOf(1, `loop: closed\n${shape}`);
    assertRepeats(await operationsOf(1, `loop: closed\n${shape}`), first, "twice the same");
    // Every arrival with one of the shapes; arrivals and what arrives are drawn apart.
    for (const loop of index === 0 ? LOOPS : ["closed", LOOPS[index + 1] as string]) {
      assertRepeats(await operationsOf(2, `loop: ${loop}\n${shape}`), first, loop);
    }
  });
}

test("a warm-up of no time leaves the target not warmed, without ratios", async () => {
  const participants = ["first", "second"].map((label) => fakeParticipant(label, { memory: fakeMemory() }));
  const result = await runProfile({ profile: profileOf("connections: 2\nduration: 200ms"), participants, workers: 1 });
  assert.ok(result.ratios.every((ratio) => ratio.value === null && /was not warmed/.test(ratio.note)));
  assert.ok(result.warnings.some((warning) => warning.code === "not-warmed" && warning.target === "first"));
});
