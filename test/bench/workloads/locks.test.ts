import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT } from "../../../src/base/user-error.js";
import { parseProfile } from "../../../src/bench/profile/parse.js";
import type { RunResult } from "../../../src/bench/result.js";
import { runProfile } from "../../../src/bench/run-profile.js";
import { exitCodeOf } from "../../../src/bench/verdict.js";
import { fakeMemory, fakeParticipant, type PlantedMistake } from "../../support/fake-driver.js";

/** Held for longer than a busy machine keeps a thread waiting, so that a second holder finds the first. */
const WORKLOADS = {
  lock: "{kind: lock, hold: 60ms}",
  herd: "{kind: lock, watching: all, hold: 60ms}",
  shared: "{kind: shared-lock, writers: 30%, hold: 60ms}",
  semaphore: "{kind: semaphore, leases: 2, hold: 60ms}",
  coarse: "{kind: coarse-lock, hold: 60ms, lockDelay: 20ms, lost: 40%, verifyEvery: 1ms}",
} as const;

async function runOnFake(workload: string, mistake?: PlantedMistake): Promise<RunResult> {
  const text = `
name: test
workload: ${workload}
connections: 5
duration: 1500ms
warmUp: {min: 0s, max: 0s}
rounds: 1
sessionTimeout: 1s`;
  return await runProfile({
    profile: { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} },
    participants: [fakeParticipant("fake", { memory: fakeMemory(), mistake })],
    workers: 2,
  });
}

const PLANTED: readonly (readonly [PlantedMistake, keyof typeof WORKLOADS, string])[] = [
  ["lock-granted-twice", "lock", "mutual-exclusion"],
  ["token-repeats", "lock", "fencing-tokens"],
  ["lock-granted-twice", "herd", "mutual-exclusion"],
  ["lock-granted-twice", "shared", "shared-exclusion"],
  ["token-repeats", "shared", "fencing-tokens"],
  ["lock-granted-twice", "semaphore", "semaphore-limit"],
  ["token-shared", "semaphore", "fencing-tokens"],
  ["lock-granted-twice", "coarse", "mutual-exclusion"],
  ["token-repeats", "coarse", "fencing-tokens"],
  ["lock-delay-ignored", "coarse", "lock-delay"],
  ["sequencer-outlives-holder", "coarse", "sequencer"],
  ["sequencer-dies-early", "coarse", "sequencer"],
];

for (const [mistake, workload, check] of PLANTED) {
  test(`${workload}: ${mistake} is found`, async () => {
    const result = await runOnFake(WORKLOADS[workload], mistake);
    const record = result.targets[0]!.checks.find((each) => each.name === check);
    assert.equal(record?.verdict, "invalid", JSON.stringify(result.targets[0]!.checks));
    assert.match(record.detail, /violations, the first: /);
    assert.equal(exitCodeOf(result), EXIT.inconsistent);
  });
}

const REPORTED: Readonly<Record<keyof typeof WORKLOADS, { operations: readonly string[]; checks: readonly string[] }>> =
  {
    lock: { operations: ["acquire", "hand-over", "release"], checks: ["mutual-exclusion", "fencing-tokens"] },
    herd: { operations: ["acquire", "hand-over", "release"], checks: ["mutual-exclusion", "fencing-tokens"] },
    shared: {
      operations: ["acquire-read", "acquire-write", "hand-over", "release"],
      checks: ["shared-exclusion", "fencing-tokens"],
    },
    semaphore: { operations: ["acquire", "hand-over", "release"], checks: ["semaphore-limit", "fencing-tokens"] },
    coarse: {
      operations: ["acquire", "hand-over", "release", "verify", "take-over"],
      checks: ["mutual-exclusion", "fencing-tokens", "lock-delay", "sequencer"],
    },
  };

for (const [workload, { operations, checks }] of Object.entries(REPORTED)) {
  test(`${workload}: a service that is right passes, over two workers, with every operation and figure`, async () => {
    const result = await runOnFake(WORKLOADS[workload as keyof typeof WORKLOADS]);
    const target = result.targets[0]!;
    assert.deepEqual(
      Object.fromEntries(target.checks.map((check) => [check.name, check.verdict])),
      Object.fromEntries(checks.map((name) => [name, "valid"])),
    );
    assert.deepEqual(
      target.operations.map((operation) => operation.name),
      operations,
    );
    for (const operation of target.operations) assert.ok(operation.ok > 0, operation.name);
    const metric = (name: string): number => target.metrics.find((each) => each.name === name)!.value;
    assert.ok(metric("fairness") > 0 && metric("fairness") <= 1, `fairness ${metric("fairness")}`);
    assert.ok(metric("acquisitions-per-second") > 0);
    assert.equal(metric("events-per-acquisition"), 0, "the fake service sends none");
    if (workload === "coarse") assert.ok(metric("holders-lost") > 0);
    assert.equal(exitCodeOf(result), EXIT.ok);
  });
}

test("a take-over lasts for the lock delay at the least, a hand-over does not", async () => {
  const { operations } = (await runOnFake(WORKLOADS.coarse)).targets[0]!;
  const latency = (name: string) => operations.find((operation) => operation.name === name)!.latency!;
  assert.ok(latency("take-over").min >= 20_000, `${latency("take-over").min} us`);
  assert.ok(latency("hand-over").min < 20_000, `${latency("hand-over").min} us`);
});

test("a lock delay that was never tested is unknown, not green", async () => {
  const never = WORKLOADS.coarse.replace("lost: 40%", "lost: 0.0001%");
  const result = await runOnFake(never);
  assert.equal(result.targets[0]!.checks.find((check) => check.name === "lock-delay")?.verdict, "unknown");
  assert.equal(exitCodeOf(result), EXIT.insufficient);
  const without = await runOnFake(WORKLOADS.coarse.replace("lost: 40%", "lost: 0%"));
  assert.equal(
    without.targets[0]!.checks.some((check) => check.name === "lock-delay"),
    false,
  );
  assert.equal(exitCodeOf(without), EXIT.ok);
});

test("writers only, and readers only, are reported as what they are", async () => {
  for (const [writers, operation] of [
    ["100%", "acquire-write"],
    ["0%", "acquire-read"],
  ] as const) {
    const result = await runOnFake(`{kind: shared-lock, writers: ${writers}, hold: 1ms}`);
    assert.deepEqual(
      result.targets[0]!.operations.map((each) => each.name),
      [operation, "hand-over", "release"],
    );
    assert.equal(exitCodeOf(result), EXIT.ok);
  }
});
