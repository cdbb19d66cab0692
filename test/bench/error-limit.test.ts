import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EXIT } from "../../src/base/user-error.js";
import { ErrorLimit } from "../../src/bench/error-limit.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import { RunAbortedError, runProfile } from "../../src/bench/run-profile.js";
import { fakeMemory, fakeParticipant } from "../support/fake-driver.js";

const SECOND = 1_000_000;

test("a burst that the rest of the run can make up for is no reason, however dense it is", () => {
  const limit = new ErrorLimit(0.05, 1_000);
  // An election: everything fails for two seconds of sixty, at 1,000 a second.
  assert.equal(limit.isExceeded({ attempts: 2_000, errors: 2_000 }, 58 * SECOND), false);
  assert.equal(limit.isExceeded({ attempts: 3_001, errors: 3_001 }, 57 * SECOND), true);
});

test("a few errors end no run early, also where none is allowed", () => {
  const limit = new ErrorLimit(0, 1_000);
  assert.equal(limit.isExceeded({ attempts: 5_000, errors: 99 }, 0), false);
  assert.equal(limit.isExceeded({ attempts: 5_000, errors: 100 }, 55 * SECOND), true);
});

test("errors of earlier rounds count, and what is still to come of later ones", () => {
  const limit = new ErrorLimit(0.01, 1_000);
  limit.endRound({ attempts: 10_000, errors: 250 });
  assert.equal(limit.isExceeded({ attempts: 0, errors: 0 }, 20 * SECOND), false);
  assert.equal(limit.isExceeded({ attempts: 1_000, errors: 100 }, 20 * SECOND), true);
});

test("in a closed loop what may come is bounded by a multiple of the fastest pace", () => {
  const limit = new ErrorLimit(0.1, undefined);
  limit.notePace(500);
  limit.notePace(100);
  assert.equal(limit.isExceeded({ attempts: 1_000, errors: 1_000 }, 5 * SECOND), false);
  assert.equal(limit.isExceeded({ attempts: 1_500, errors: 1_500 }, 4 * SECOND), true);
});

test("an open loop is ended only where the whole of it fails, whatever follows", () => {
  const run = fc.record({
    errorsMax: fc.double({ min: 0, max: 1, noNaN: true }),
    rate: fc.integer({ min: 1, max: 5_000 }),
    seconds: fc.integer({ min: 1, max: 60 }),
    failing: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
  });
  fc.assert(
    fc.property(run, ({ errorsMax, rate, seconds, failing }) => {
      const limit = new ErrorLimit(errorsMax, rate);
      let errors = 0;
      let ended = false;
      for (let second = 1; second <= seconds; second++) {
        if (failing[second - 1]) errors += rate;
        ended ||= limit.isExceeded({ attempts: rate * second, errors }, (seconds - second) * SECOND);
      }
      if (ended) assert.ok(errors > errorsMax * rate * seconds);
    }),
  );
});

test("a target that fails everything is given up at once, with what was measured, and says why", async () => {
  const text = `
name: test
workload: {kind: mix, operations: {read: 1}}
connections: 4
duration: 1h
rounds: 1
warmUp: {min: 0s, max: 0s}
loop: {rate: 2000/s}
errorsMax: 0.001%
`;
  const profile = { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} };
  const participants = [fakeParticipant("fake", { memory: fakeMemory(), failEvery: 2 })];
  await assert.rejects(runProfile({ profile, participants, workers: 1 }), (error: unknown) => {
    assert.ok(error instanceof RunAbortedError);
    assert.match(
      error.message,
      /fake failed \d+ operations of round 1, (49|50)(\.\d+)?% of .*: the 0\.001% that the profile/,
    );
    assert.equal(error.kind.exitCode, EXIT.regression);
    const [target] = error.partial.targets;
    assert.ok(target!.operations[0]!.ok > 0);
    assert.equal(target!.rounds.length, 1);
    return true;
  });
});

test("errors of earlier rounds are in the number and the share that are told", async () => {
  const text = `
name: test
workload: {kind: mix, operations: {read: 1}}
connections: 4
duration: 300ms
rounds: 1000
warmUp: {min: 0s, max: 0s}
loop: {rate: 2000/s}
errorsMax: 0.05%
`;
  const profile = { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} };
  const participants = [fakeParticipant("fake", { memory: fakeMemory(), failEvery: 2 })];
  await assert.rejects(runProfile({ profile, participants, workers: 1 }), (error: unknown) => {
    assert.ok(error instanceof RunAbortedError);
    const told = /fake failed (\d+) operations of rounds 1 to (\d+), (\d+)(?:\.\d+)?% of/.exec(error.message);
    const [failed, rounds, share] = (told ?? []).slice(1).map(Number) as [number, number, number];
    // Three hundred fail in each round: 0.05% of all 600,000 that may come.
    assert.ok(rounds > 1 && failed >= 250, error.message);
    assert.ok(share >= 40 && share <= 50, error.message);
    return true;
  });
});
