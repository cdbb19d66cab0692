import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT, UserError } from "../../src/base/user-error.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import type { LoadedProfile } from "../../src/bench/profile/profile.js";
import type { RunResult } from "../../src/bench/result.js";
import { RunAbortedError, runProfile } from "../../src/bench/run-profile.js";
import { exitCodeOf } from "../../src/bench/verdict.js";
import { variantLines } from "../../src/cli/table.js";
import { operationsCsv } from "../../src/report/csv.js";
import { renderPage } from "../../src/report/page/page.js";
import { resultSchema } from "../../src/report/schema.js";
import type { Member } from "../../src/targets/target.js";
import { fakeEnsemble, fakeMember, fakeMemory, fakeParticipant, type PlantedMistake } from "../support/fake-driver.js";

function profileOf(workload: string, more = "", warmUp = "{min: 0s, max: 0s}"): LoadedProfile {
  const text = `
name: test
workload: ${workload}
connections: 4
duration: 300ms
warmUp: ${warmUp}
rounds: 2
sessionTimeout: 1s
${more}`;
  return { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} };
}

const MIX = "{kind: mix, operations: {read: 50, readLinearizable: 20, write: 20, create: 10}}";

async function runOnFake(profile: LoadedProfile, mistake?: PlantedMistake, workers = 2): Promise<RunResult> {
  const participants = [fakeParticipant("fake", { memory: fakeMemory(), mistake })];
  return await runProfile({ profile, participants, workers });
}

test("everything a mix may do is right on a service that is right", async () => {
  const everything =
    "{read: 9, readLinearizable: 9, exists: 9, children: 9, sync: 9, write: 9, setVersioned: 9, multi: 9, create: 9, delete: 9}";
  const workload = `{kind: mix, operations: ${everything}, createKind: ephemeralSequential, tree: {depth: 0, fanOut: 1}}`;
  const result = await runOnFake(profileOf(workload, "keys: 20"));
  const [target] = result.targets;
  assert.deepEqual(
    target!.checks.map((check) => [check.name, check.verdict, check.detail]),
    [
      "session-order",
      "write-order",
      "linearizable-read",
      "children-complete",
      "multi-atomic",
      "compare-and-set",
      "created-kept",
    ].map((name) => [name, "valid", ""]),
  );
  assert.equal(target!.operations.length, 10);
  for (const operation of target!.operations) assert.ok(operation.ok > 10, operation.name);
  assert.equal(exitCodeOf(result), EXIT.ok);
});

test("variants of a profile are targets of their own, compared with their like only", async () => {
  const profile = profileOf(
    "{kind: mix, operations: {read: 1}}",
    "variants: {servers: [1, 3], workload.operations: {reads: {read: 1}, both: {read: 1, write: 1}}}",
    "{min: 100ms, max: 3s, steadiness: 100%}",
  );
  const { variants } = profile.profile;
  assert.deepEqual(
    variants.map(({ label }) => label),
    ["1-reads", "1-both", "3-reads", "3-both"],
  );
  const memory = fakeMemory();
  const participants = ["first", "second"].flatMap((base) =>
    variants.map((variant) => ({ ...fakeParticipant(`${base}-${variant.label}`, { memory }), variant })),
  );
  const result = await runProfile({ profile, participants, workers: 1 });
  assert.equal(exitCodeOf(result), EXIT.ok);
  assert.deepEqual(
    result.targets.map(({ variant, operations }) => [variant, operations.map(({ name }) => name)]),
    [...variants, ...variants].map((variant) => [
      variant.values,
      variant.label.endsWith("reads") ? ["read"] : ["read", "write"],
    ]),
  );
  const pairs = new Set(result.ratios.map(({ numerator, denominator }) => `${numerator} ${denominator}`));
  assert.deepEqual(
    [...pairs],
    variants.map(({ label }) => `first-${label} second-${label}`),
  );
  assert.deepEqual(variantLines(result)[0], "servers  workload.operations  first ops/s  second ops/s");
  assert.match(variantLines(result)[4]!, /^3 {8}both {16}\s+[\d,]+\s+[\d,]+$/);
  const [header, row] = operationsCsv(result).split("\n");
  assert.ok(header!.startsWith("target,version,servers,variant,round,operation,"));
  assert.ok(row!.startsWith("first-1-reads,0.0.0,1,servers=1 workload.operations=reads,all,read,"));
  assert.match(renderPage(result), /<th scope="row" class="text">3<\/th><th scope="row" class="text">both<\/th>/);
  assert.ok(resultSchema.safeParse(JSON.parse(JSON.stringify(result))).success);
});

test("a mix on two targets: rounds take turns, every reply is checked, costs and ratios are told", async () => {
  const participants = ["first", "second"].map((label) => fakeParticipant(label, { memory: fakeMemory() }));
  const events: string[] = [];
  const result = await runProfile({
    profile: profileOf(
      MIX,
      "thresholds: {read: ['p(99)<10s', 'rate>1/s'], total: ['errors<1%']}",
      "{min: 100ms, max: 3s, steadiness: 100%}",
    ),
    participants,
    workers: 2,
    onEvent: (event) => {
      if (event.kind === "measured") events.push(`${event.label} ${event.round}`);
    },
  });
  assert.deepEqual(events, ["first 1", "second 1", "first 2", "second 2"]);
  assert.equal(exitCodeOf(result), EXIT.ok);
  assert.deepEqual(JSON.parse(JSON.stringify(result)), result, "survives JSON");
  for (const target of result.targets) {
    assert.equal(target.warmUp.steady, true);
    assert.deepEqual(
      target.operations.map((operation) => operation.name),
      ["read", "readLinearizable", "write", "create"],
    );
    assert.deepEqual(
      target.checks.map((check) => [check.name, check.verdict]),
      [
        ["session-order", "valid"],
        ["write-order", "valid"],
        ["linearizable-read", "valid"],
      ],
    );
    for (const operation of target.operations) {
      const byRounds = target.rounds.map(
        (round) => round.operations.find((each) => each.name === operation.name)?.latency?.count ?? 0,
      );
      assert.equal(operation.latency?.count, byRounds[0]! + byRounds[1]!, "rounds are merged");
      assert.equal(operation.latency?.count, operation.ok);
      const rows = target.rounds.flatMap((round) => round.seconds.filter((row) => row.operation === operation.name));
      assert.equal(
        rows.reduce((sum, row) => sum + row.ok, 0),
        operation.ok,
        "rows account for every operation",
      );
    }
    for (const round of target.rounds) {
      assert.equal(round.durationMicros, 300_000);
      assert.equal(round.members.length, 1);
      assert.ok(round.members[0]!.cpuMicros > 0);
      assert.equal(round.client.connections, 4);
      assert.equal(Object.keys(round.idleCpuMicros).length, 1);
    }
  }
  const ratio = result.ratios.find((each) => each.operation === "read" && each.metric === "opsPerSecond");
  assert.equal(ratio?.numerator, "first");
  assert.ok(ratio.value !== null && ratio.min !== null && ratio.max !== null);
  assert.ok(ratio.min <= ratio.value && ratio.value <= ratio.max);
});

const PLANTED: readonly (readonly [PlantedMistake, string, string])[] = [
  ["listing-short", "{kind: mix, operations: {children: 1}}", "children-complete"],
  ["transaction-torn", "{kind: mix, operations: {multi: 1}}", "multi-atomic"],
  ["update-lost", "{kind: mix, operations: {setVersioned: 1, write: 1}}", "compare-and-set"],
  ["created-lost", "{kind: mix, operations: {create: 1, delete: 1}}", "created-kept"],
  ["order-regresses", MIX, "session-order"],
  ["writes-reordered", MIX, "write-order"],
  ["linearizable-read-stale", MIX, "linearizable-read"],
  ["lock-granted-twice", "{kind: lock, hold: 1ms}", "mutual-exclusion"],
  ["token-repeats", "{kind: lock}", "fencing-tokens"],
  ["event-lost", "{kind: watch-fanout}", "watch-delivery"],
  ["event-lost", "{kind: watch-fanout, watchersPerConnection: 3}", "watch-delivery"],
  ["event-lost", "{kind: watch-many, watchesPerConnection: 4, changers: 2}", "watch-delivery"],
  ["event-repeated-out-of-order", "{kind: watch-many, watchesPerConnection: 1}", "watch-order"],
  ["event-lost", "{kind: config-push}", "configuration-delivery"],
  ["event-repeated-out-of-order", "{kind: config-push, documents: 2}", "configuration-order"],
  ["event-repeated-out-of-order", "{kind: watch-fanout}", "watch-order"],
];

for (const [mistake, workload, check] of PLANTED) {
  test(`a service that errs is caught: ${mistake}`, async () => {
    // What is lost is an error too, and errors would end the run before its checks are judged.
    const result = await runOnFake(profileOf(workload, "errorsMax: 100%"), mistake);
    const record = result.targets[0]!.checks.find((each) => each.name === check);
    assert.equal(record?.verdict, "invalid", JSON.stringify(result.targets[0]!.checks));
    assert.match(record.detail, /violations, the first: /);
    assert.equal(exitCodeOf(result), EXIT.inconsistent);
  });
}

test("operations outstanding together may be answered in any order: that is no step back in a session's history", async () => {
  const participants = [fakeParticipant("fake", { memory: fakeMemory(), readsAsOfSend: true })];
  const result = await runProfile({ profile: profileOf(MIX, "depth: 8"), participants, workers: 2 });
  for (const { name, verdict, detail } of result.targets[0]!.checks)
    assert.equal(verdict, "valid", `${name}: ${detail}`);
});

test("locks: acquisitions, hand-overs and fairness, over two workers", async () => {
  const result = await runOnFake(profileOf("{kind: lock, locks: 1}"));
  const target = result.targets[0]!;
  assert.deepEqual(
    target.checks.map((check) => check.verdict),
    ["valid", "valid"],
  );
  assert.ok(target.operations.every((operation) => operation.ok > 0));
  const fairness = target.metrics.find((metric) => metric.name === "fairness");
  assert.ok(fairness !== undefined && fairness.value > 0 && fairness.value <= 1);
  assert.equal(exitCodeOf(result), EXIT.ok);
});

test("watch fan-out: the last delivery is timed once per change, over two workers", async () => {
  const result = await runOnFake(profileOf("{kind: watch-fanout, watchersPerConnection: 3}"));
  const target = result.targets[0]!;
  assert.deepEqual(
    target.checks.map((check) => [check.name, check.verdict]),
    [
      ["watch-order", "valid"],
      ["watch-delivery", "valid"],
    ],
  );
  const count = (name: string): number => target.operations.find((operation) => operation.name === name)!.ok;
  assert.ok(count("deliver-last") > 0);
  assert.equal(count("deliver"), count("deliver-last") * 4 * 3);
  assert.equal(count("deliver-first"), count("deliver-last"));
  assert.equal(count("deliver-median"), count("deliver-last"));
  assert.equal(exitCodeOf(result), EXIT.ok);
});

test("errors are counted by name and fail the run's limit", async () => {
  const participants = [fakeParticipant("fake", { memory: fakeMemory(), failEvery: 5 })];
  // A fifth fails: too many, but never so many that the rest of the run could not make up for it.
  const result = await runProfile({ profile: profileOf(MIX, "errorsMax: 18%"), participants, workers: 1 });
  const read = result.targets[0]!.operations[0]!;
  assert.ok((read.errors["NONODE"] ?? 0) > 0);
  assert.equal(exitCodeOf(result), EXIT.regression);
  assert.ok(result.warnings.some((warning) => warning.code === "errors" && /NONODE/.test(warning.message)));
});

test("a threshold without samples fails", async () => {
  const profile = profileOf(
    "{kind: mix, operations: {read: 1, write: 0.0000001}}",
    "thresholds: {write: ['p(99)<1h']}",
  );
  const result = await runOnFake(profile);
  const record = result.thresholds.find((threshold) => threshold.metric === "write");
  assert.deepEqual([record?.observed, record?.passed], [null, false]);
});

test("Ctrl-C ends the round early and keeps what was measured", async () => {
  const stop = new AbortController();
  const participants = ["first", "second"].map((label) => fakeParticipant(label, { memory: fakeMemory() }));
  const profile = profileOf(MIX, "seed: 7");
  const long = { ...profile, profile: { ...profile.profile, durationMicros: 60_000_000 } };
  const result = await runProfile({
    profile: long,
    participants,
    workers: 2,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.kind === "measuring" && event.elapsedMicros > 0) stop.abort();
    },
  });
  assert.equal(result.interrupted, true);
  assert.equal(exitCodeOf(result), EXIT.interrupted);
  const [first, second] = result.targets;
  assert.equal(first!.rounds.length, 1);
  assert.ok(first!.rounds[0]!.durationMicros < 30_000_000);
  assert.ok(first!.operations[0]!.ok > 0);
  assert.equal(second!.rounds.length, 0);
});

test("a target that dies ends the run with its name, and what was measured is kept", async () => {
  let dead = false;
  const member = fakeMember(() =>
    dead ? undefined : { cpuMicros: 1, writtenBytes: 1, residentBytes: 1, syncs: undefined },
  );
  const participant = fakeParticipant("fake", { memory: fakeMemory() }, fakeEnsemble({ members: [member] }));
  const profile = profileOf(MIX);
  const long = { ...profile, profile: { ...profile.profile, durationMicros: 60_000_000 } };
  await assert.rejects(
    runProfile({
      profile: long,
      participants: [participant],
      workers: 1,
      onEvent: (event) => {
        if (event.kind === "measuring" && event.elapsedMicros > 0) dead = true;
      },
    }),
    (error: unknown) => {
      assert.ok(error instanceof RunAbortedError);
      assert.match(error.message, /target fake at 127\.0\.0\.1:1 died: its server 1 has ended/);
      assert.ok(error.partial.targets[0]!.operations[0]!.ok > 0);
      return true;
    },
  );
});

test("a target that cannot be reached is a user error that names it", async () => {
  const participant = fakeParticipant("fake", { memory: fakeMemory(), refuse: "at once" });
  await assert.rejects(
    runProfile({ profile: profileOf(MIX), participants: [participant], workers: 1 }),
    (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /target fake at 127\.0\.0\.1:1 failed with CONNECTIONLOSS/);
      return true;
    },
  );
});

test("a target that goes away while a round is prepared is told of when its sessions would have expired", async () => {
  const member: Member = { ...fakeMember(() => undefined), role: () => Promise.resolve("unreachable") };
  const ensemble = { managed: false, members: [member] };
  const participant = fakeParticipant("fake", { memory: fakeMemory(), refuse: "never" }, ensemble);
  const begin = performance.now();
  await assert.rejects(
    runProfile({ profile: profileOf(MIX), participants: [participant], workers: 1 }),
    /target fake at 127\.0\.0\.1:1 has not answered for 1\.00 s while a round was prepared/,
  );
  const tookMs = performance.now() - begin;
  assert.ok(tookMs < 20_000, `${tookMs} ms`);
});

test("a target that goes away in a round is told of also where the workload does not see its connections go", async () => {
  const member: Member = { ...fakeMember(() => undefined), role: () => Promise.resolve("unreachable") };
  const options = { memory: fakeMemory(), stall: { afterAnswers: 100, millis: 60_000 } };
  const participant = fakeParticipant("fake", options, { managed: false, members: [member] });
  const profile = profileOf(MIX);
  const long = { ...profile, profile: { ...profile.profile, durationMicros: 60_000_000 } };
  await assert.rejects(runProfile({ profile: long, participants: [participant], workers: 1 }), (error: unknown) => {
    assert.ok(error instanceof RunAbortedError);
    assert.match(error.message, /target fake at 127\.0\.0\.1:1 was out of reach of every client/);
    return true;
  });
});
