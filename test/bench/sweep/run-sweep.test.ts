import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProfile } from "../../../src/bench/profile/parse.js";
import type { LoadedProfile } from "../../../src/bench/profile/profile.js";
import type { RunResult, SweepPoint, TargetSweep } from "../../../src/bench/result.js";
import { RunAbortedError } from "../../../src/bench/run-profile.js";
import { operationShare, parseObjective, samplesNeeded } from "../../../src/bench/sweep/objectives.js";
import { runSweep, type SweepOptions } from "../../../src/bench/sweep/run-sweep.js";
import { type FakeOptions, fakeEnsemble, fakeMember, fakeMemory, fakeParticipant } from "../../support/fake-driver.js";

const OPERATIONS = ["read", "write"];

function profileOf(more = "", weights = "read: 80, write: 20"): LoadedProfile {
  const text = `
name: test
workload: {kind: mix, operations: {${weights}}}
connections: 20
depth: 4
duration: 1s
warmUp: {min: 300ms, max: 600ms, steadiness: 50%}
${more}`;
  return { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} };
}

function optionsOf(fake: Omit<FakeOptions, "memory">, more: Partial<SweepOptions> = {}): SweepOptions {
  return {
    profile: profileOf(),
    participants: [fakeParticipant("fake", { memory: fakeMemory(), ...fake })],
    workers: 1,
    objectives: [parseObjective("med<500ms", OPERATIONS)],
    probeMicros: 500_000,
    tolerance: 0.2,
    ratePerSecondMax: 6_000,
    ...more,
  };
}

function sweepOf(result: RunResult): TargetSweep {
  assert.equal(result.kind, "sweep");
  return result.sweep!.targets[0]!;
}

test("what a sweep tells agrees with its probes", async () => {
  const probed: SweepPoint[] = [];
  const result = await runSweep(
    optionsOf(
      { capacityPerSecond: 3_000 },
      {
        workers: 2,
        onEvent: (event) => {
          if (event.kind === "probed") probed.push(event.point);
        },
      },
    ),
  );
  const sweep = sweepOf(result);
  assert.deepEqual(sweep.points, probed, "every probe was told of");
  // How fast this machine lets it be is not what is tested here.
  assert.ok(sweep.confirmed && sweep.ratePerSecond !== null, JSON.stringify(sweep.points));
  assert.ok(sweep.ratePerSecond < 3_150, `${sweep.ratePerSecond}`);
  const confirmations = sweep.points.filter(
    (point) => point.purpose === "confirm" && point.askedPerSecond === sweep.ratePerSecond,
  );
  assert.ok(confirmations.filter((point) => point.held).length >= 4);
  const [target] = result.targets;
  assert.deepEqual(
    target!.rounds.map((round) => [round.index, round.client.ratePerSecond?.toFixed(6)]),
    [0, 1, 2, 3, 4].map((index) => [index, sweep.ratePerSecond?.toFixed(6)]),
    "the rounds are the confirmations",
  );
  assert.deepEqual(
    target!.checks.map((check) => check.verdict),
    ["valid", "valid"],
  );
  const rates = sweep.curve.map((point) => point.askedPerSecond);
  assert.deepEqual(
    rates,
    [...new Set(sweep.points.map((point) => point.askedPerSecond))].sort((a, b) => a - b),
  );
  const windows = sweep.curve.reduce((sum, point) => sum + point.windows, 0);
  assert.equal(windows, sweep.points.length);
  assert.deepEqual([result.ratios, result.thresholds], [[], []]);
});

test("a client that is busy itself is named as the limit, not the target", async () => {
  let result = await runSweep(optionsOf({ clientBusyMicros: 400 }));
  // Where the machine takes the processor from the client, that is not busy by itself.
  for (let again = 0; again < 2 && sweepOf(result).outcome !== "client-saturated"; again++) {
    result = await runSweep(optionsOf({ clientBusyMicros: 400 }));
  }
  const sweep = sweepOf(result);
  assert.equal(sweep.outcome, "client-saturated", JSON.stringify(sweep.points));
  assert.ok(sweep.ratePerSecond === null || sweep.ratePerSecond < 2_500);
  assert.ok(result.warnings.some((warning) => warning.code === "client-saturated"));
});

test("Ctrl-C keeps the probes that were measured", async () => {
  const stop = new AbortController();
  const result = await runSweep(
    optionsOf(
      { capacityPerSecond: 2_000 },
      {
        signal: stop.signal,
        onEvent: (event) => {
          if (event.kind === "probing" && event.number === 3 && event.elapsedMicros > 0) stop.abort();
        },
      },
    ),
  );
  const sweep = sweepOf(result);
  assert.equal(result.interrupted, true);
  assert.deepEqual([sweep.outcome, sweep.points.length, sweep.confirmed], ["interrupted", 2, false]);
  assert.ok(sweep.ratePerSecond! > 500, "what had held is told");
});

test("a target that dies ends the sweep with what had been found", async () => {
  let dead = false;
  const member = fakeMember(() =>
    dead ? undefined : { cpuMicros: 1, writtenBytes: 1, residentBytes: 1, syncs: undefined },
  );
  const memory = fakeMemory();
  const participant = fakeParticipant(
    "fake",
    { memory, capacityPerSecond: 2_000 },
    fakeEnsemble({ members: [member] }),
  );
  const sweeping = runSweep(
    optionsOf(
      {},
      {
        participants: [participant],
        onEvent: (event) => {
          if (event.kind === "probing" && event.number === 2 && event.elapsedMicros > 0) dead = true;
        },
      },
    ),
  );
  await assert.rejects(sweeping, (error: unknown) => {
    assert.ok(error instanceof RunAbortedError);
    assert.match(error.message, /its server 1 has ended/);
    const sweep = sweepOf(error.partial);
    assert.deepEqual([sweep.outcome, sweep.points.length], ["lost", 1]);
    return true;
  });
});

test("errors beyond the profile's limit are a reason not to hold, whatever the latency", async () => {
  const result = await runSweep(optionsOf({ failEvery: 5 }, { ratePerSecondMax: 400, probeMicros: 100_000 }));
  const sweep = sweepOf(result);
  assert.deepEqual([sweep.outcome, sweep.ratePerSecond], ["none", null]);
  assert.match(sweep.points[0]!.reasons.join(), /\d+ of \d+ operations failed$/);
});

test("an objective of a rare operation takes windows with enough of it, and is not held without", async () => {
  const objectives = [parseObjective("write:p(99)<500ms", OPERATIONS)];
  const profile = profileOf("", "read: 99, write: 1");
  const result = await runSweep(optionsOf({}, { profile, objectives, ratePerSecondMax: 2_000, probeMicros: 100_000 }));
  const sweep = sweepOf(result);
  assert.deepEqual([sweep.outcome, sweep.ratePerSecond], ["none", null]);
  assert.match(sweep.points[0]!.reasons.join(), /^write p\(99\)<500ms: (\d{1,2} samples, too few to tell|no samples)/);
});

test("objectives are thresholds, of all operations or of one", () => {
  assert.deepEqual(parseObjective("p(99)<10ms", OPERATIONS).metric, "total");
  const read = parseObjective(" read: p(99.9) <= 10ms", OPERATIONS);
  assert.deepEqual([read.metric, read.bound], ["read", 10_000]);
  assert.throws(() => parseObjective("fetch:p(99)<10ms", OPERATIONS), /--slo: 'fetch' is none of total, read, write/);
  assert.throws(() => parseObjective("p99<10ms", OPERATIONS), /--slo: 'p99<10ms' is not a threshold/);
  const { workload } = profileOf().profile;
  const shareOf = (metric: string): number => operationShare(workload, metric);
  assert.equal(samplesNeeded([read], shareOf), 12_500, "four of five operations are reads");
  assert.equal(samplesNeeded([parseObjective("p(99.9)<10ms", OPERATIONS)], shareOf), 10_000);
  assert.equal(samplesNeeded([parseObjective("avg<1ms", OPERATIONS)], shareOf), 200);
});
