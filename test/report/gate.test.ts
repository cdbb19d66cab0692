import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunResult } from "../../src/bench/result.js";
import { GATE_METRICS, type GateComparison, type GateMetric, type GateOptions, gate } from "../../src/report/gate.js";
import { gateText } from "../../src/report/gate-text.js";
import { gateCases, junit } from "../../src/report/junit.js";
import {
  CORE,
  ETCD,
  insufficient,
  interrupted,
  leaderKill,
  makeResult,
  type TargetPlan,
  ZOOKEEPER,
} from "../support/results.js";

const METRICS = Object.keys(GATE_METRICS) as GateMetric[];
const OPTIONS: GateOptions = { maxRegression: 0.1, reference: "zookeeper", metrics: METRICS };

function result(
  core: TargetPlan,
  change: { seed?: number; rounds?: number; spread?: number; others?: TargetPlan[] } = {},
): RunResult {
  const { seed = 11, rounds = 4, spread = 0.03, others = [ZOOKEEPER] } = change;
  return makeResult({ seed, targets: [core, ...others], rounds, seconds: 4, spread });
}

/** The core with its throughput divided, and so its latency multiplied, by `factor`. */
function slower(factor: number, plan: TargetPlan = CORE): TargetPlan {
  const operations = Object.entries(plan.operations).map(([name, { opsPerSecond, latencyMicros }]) => [
    name,
    { opsPerSecond: opsPerSecond / factor, latencyMicros: latencyMicros * factor },
  ]);
  return { ...plan, operations: Object.fromEntries(operations) };
}

const baseline = result(CORE);
const find = (comparisons: readonly GateComparison[], operation: string, metric: GateMetric): GateComparison => {
  const found = comparisons.find((each) => each.operation === operation && each.metric === metric);
  assert.ok(found, `no comparison of ${operation} ${metric}`);
  return found;
};

test("equal results pass, and another run of the same software does", () => {
  assert.equal(gate(baseline, baseline, OPTIONS).exitCode, 0);
  const again = gate(baseline, result(CORE, { seed: 12 }), OPTIONS);
  assert.equal(again.exitCode, 0, gateText(again));
  assert.equal(again.comparisons.length, 7);
});

test("a planted regression of throughput and latency exits 3 and names the figures", () => {
  const report = gate(baseline, result(slower(1.3), { seed: 12 }), OPTIONS);
  assert.equal(report.exitCode, 3);
  for (const metric of ["opsPerSecond", "p50"] as const) {
    const comparison = find(report.comparisons, "read", metric);
    assert.equal(comparison.verdict, "regression");
    assert.equal(comparison.reference, "zookeeper");
    assert.ok((comparison.loss ?? 0) > 0.15, comparison.sentence);
  }
  assert.match(find(report.comparisons, "read", "opsPerSecond").sentence, /core, read: throughput is 2\d\.\d% worse/);
});

test("a planted regression of CPU alone exits 3", () => {
  const report = gate(baseline, result({ ...CORE, cpuMicrosPerOperation: 14 }, { seed: 12 }), OPTIONS);
  assert.equal(report.exitCode, 3);
  assert.deepEqual(
    report.comparisons.filter((each) => each.verdict === "regression").map((each) => each.metric),
    ["cpuMicrosPerOperation"],
  );
});

test("an improvement passes", () => {
  const report = gate(result(slower(1.5)), baseline, OPTIONS);
  assert.equal(report.exitCode, 0);
  assert.ok((find(report.comparisons, "read", "p50").loss ?? 0) < -0.2);
});

test("a slower machine is no regression where the reference slowed as much, and is one without a reference", () => {
  const machine = result(slower(1.4), { seed: 12, others: [slower(1.4, ZOOKEEPER)] });
  assert.equal(gate(baseline, machine, { ...OPTIONS, metrics: ["opsPerSecond", "p50"] }).exitCode, 0);
  const absolute = gate(baseline, machine, { ...OPTIONS, reference: "redis" });
  assert.equal(absolute.exitCode, 3);
  assert.match(absolute.warnings.join("\n"), /'redis' was not measured/);
});

test("the reference itself is not judged, and alone is compared in absolute figures", () => {
  const report = gate(baseline, result(CORE, { others: [slower(2, ZOOKEEPER)] }), OPTIONS);
  assert.ok(report.comparisons.every((each) => each.target === "core"));
  const alone = makeResult({ seed: 1, targets: [ZOOKEEPER], rounds: 4, seconds: 4, spread: 0.03 });
  const slow = makeResult({ seed: 2, targets: [slower(1.5, ZOOKEEPER)], rounds: 4, seconds: 4, spread: 0.03 });
  assert.equal(gate(alone, slow, OPTIONS).exitCode, 3);
});

/** The core alone, with these reads per second in its rounds. */
function reads(rates: readonly number[]): RunResult {
  const made = result(CORE, { rounds: rates.length });
  const rate = (of: RunResult["targets"][number]["operations"], opsPerSecond: number): typeof of =>
    of.filter((each) => each.name === "read").map((each) => ({ ...each, opsPerSecond }));
  const targets = made.targets.slice(0, 1).map((core) => ({
    ...core,
    operations: rate(core.operations, rates.reduce((sum, each) => sum + each, 0) / rates.length),
    rounds: core.rounds.map((round, index) => ({ ...round, operations: rate(round.operations, rates[index] ?? 0) })),
  }));
  return { ...made, targets };
}

test("a loss within the spread of the rounds does not fail, and says so", () => {
  const judged = (before: readonly number[], now: readonly number[]): ReturnType<typeof gate> =>
    gate(reads(before), reads(now), { ...OPTIONS, metrics: ["opsPerSecond"] });
  const noisy = judged([800, 1000, 1200, 1010], [700, 850, 1100, 790]);
  assert.equal(noisy.comparisons[0]?.verdict, "within-spread");
  assert.equal(noisy.exitCode, 0);
  assert.match(
    gateText(noisy),
    /14\.2% worse, 860 operations\/s .* by more than the spread of the rounds .* run more rounds/,
  );
  // The same loss, where the rounds agree with each other.
  assert.equal(judged([1000, 1004, 1001, 1005], [860, 861, 859, 860]).exitCode, 3);
  // Worse than every round of the baseline, and just over the limit: not beyond what is tolerated of them.
  assert.equal(judged([1000, 1001, 1002, 1003], [880, 899, 905, 910]).comparisons[0]?.verdict, "within-spread");
  // One round of four that overlaps leaves too much to chance with four rounds, not with eight.
  const many = [800, 801, 802, 803, 804, 805, 806, 999];
  assert.equal(judged([1000, 1001, 1002, 1003, 1004, 1005, 1006, 998], many).exitCode, 3);
});

test("a loss at the limit passes and one beyond it does not", () => {
  const verdict = (maxRegression: number): string | undefined =>
    gate(reads([1000, 1000, 1000]), reads([860, 860, 860]), { ...OPTIONS, metrics: ["opsPerSecond"], maxRegression })
      .comparisons[0]?.verdict;
  assert.equal(verdict(0.1401), "passed");
  assert.equal(verdict(0.1399), "regression");
});

test("equal software does not fail by chance, and a loss of 30% is found, run after run", () => {
  const run = (core: TargetPlan, seed: number): RunResult =>
    makeResult({ seed, targets: [core, ZOOKEEPER], rounds: 4, seconds: 2, spread: 0.05 });
  const first = run(CORE, 100);
  for (let seed = 101; seed < 113; seed++) {
    const equal = gate(first, run(CORE, seed), OPTIONS);
    assert.equal(equal.exitCode, 0, `seed ${seed}\n${gateText(equal)}`);
    const slow = gate(first, run(slower(1.43), seed), OPTIONS);
    assert.equal(slow.exitCode, 3, `seed ${seed}\n${gateText(slow)}`);
  }
});

test("too few rounds are not enough to tell: 5", () => {
  const report = gate(result(CORE, { rounds: 2 }), result(slower(2), { rounds: 2, seed: 12 }), OPTIONS);
  assert.equal(report.exitCode, 5);
  assert.ok(report.comparisons.every((each) => each.verdict === "insufficient"));
  assert.match(report.comparisons[0]?.sentence ?? "", /2 rounds with enough samples against 2 are too few/);
});

test("too few samples for a percentile are not enough to tell: 5", () => {
  const few: TargetPlan = { ...CORE, operations: { read: { opsPerSecond: 100, latencyMicros: 500 } } };
  const other: TargetPlan = { ...ZOOKEEPER, operations: few.operations };
  const plan = { targets: [few, other], rounds: 4, seconds: 4, spread: 0.02 };
  const report = gate(makeResult({ ...plan, seed: 1 }), makeResult({ ...plan, seed: 2 }), OPTIONS);
  assert.equal(find(report.comparisons, "read", "p50").verdict, "passed");
  assert.equal(find(report.comparisons, "read", "p99").verdict, "insufficient");
  assert.equal(report.exitCode, 5);
  assert.equal(
    gate(makeResult({ ...plan, seed: 1 }), makeResult({ ...plan, seed: 2 }), { ...OPTIONS, metrics: ["p50"] }).exitCode,
    0,
  );
});

test("a target, or an operation, that is gone from the result is not enough to tell: 5", () => {
  const three = result(CORE, { others: [ZOOKEEPER, ETCD] });
  const report = gate(three, baseline, OPTIONS);
  assert.equal(report.exitCode, 5);
  assert.match(gateText(report), /etcd was not measured/);
  const readsOnly: TargetPlan = {
    ...CORE,
    operations: { read: CORE.operations["read"] ?? { opsPerSecond: 1, latencyMicros: 1 } },
  };
  assert.equal(find(gate(baseline, result(readsOnly), OPTIONS).comparisons, "write", "p50").verdict, "insufficient");
});

test("a target that was not warmed has no figure: 5", () => {
  const report = gate(baseline, result({ ...CORE, steady: false }), OPTIONS);
  assert.equal(report.exitCode, 5);
  assert.match(report.comparisons[0]?.sentence ?? "", /core was not warmed/);
});

test("an interrupted run does not pass, however good its figures: 5", () => {
  const report = gate(baseline, { ...baseline, interrupted: true }, OPTIONS);
  assert.equal(report.exitCode, 5);
  assert.equal(gate(interrupted(), interrupted(), OPTIONS).exitCode, 5);
});

test("a failed check outranks everything: 4, and an unknown one is not enough to tell: 5", () => {
  const check = { name: "order", detail: "went back", observations: 3 };
  const invalid = result({ ...slower(2), checks: [{ ...check, verdict: "invalid" }] });
  assert.equal(gate(baseline, invalid, OPTIONS).exitCode, 4);
  const unknown = result({ ...CORE, checks: [{ ...check, verdict: "unknown" }] });
  assert.equal(gate(baseline, unknown, OPTIONS).exitCode, 5);
});

test("a target of which nothing was checked is not enough to tell: 5", () => {
  const report = gate(baseline, result({ ...CORE, checks: [] }), OPTIONS);
  assert.equal(report.exitCode, 5);
  assert.match(gateText(report), /core was not checked/);
  assert.ok(
    gateCases(report).some((each) => each.outcome === "error" && each.message.startsWith("core was not checked")),
  );
  const reference = gate(baseline, result(CORE, { others: [{ ...ZOOKEEPER, checks: [] }] }), OPTIONS);
  assert.equal(reference.exitCode, 5);
});

test("a threshold the run missed exits 3", () => {
  const missed = { target: "core", metric: "latency", expression: "p(99)<1ms", observed: null, passed: false };
  const report = gate(baseline, { ...baseline, thresholds: [missed] }, OPTIONS);
  assert.equal(report.exitCode, 3);
  assert.match(gateText(report), /core: threshold missed: latency p\(99\)<1ms, no samples/);
});

test("absolute figures of another environment cannot be told from these, ratios can", () => {
  const elsewhere = { ...baseline, environment: { ...baseline.environment, cpuModel: "another CPU" } };
  const absolute = gate(elsewhere, baseline, { ...OPTIONS, reference: "none" });
  assert.equal(absolute.exitCode, 5);
  assert.match(absolute.incomplete.join("\n"), /another CPU against/);
  const slowed = gate(elsewhere, result(slower(1.5), { seed: 12 }), { ...OPTIONS, reference: "none" });
  assert.equal(slowed.exitCode, 5, "nor is a slower machine a regression");
  assert.equal(gate(elsewhere, baseline, OPTIONS).exitCode, 0);
});

test("another load or another number of servers is no baseline", () => {
  const changed = (change: object): RunResult => ({
    ...baseline,
    targets: baseline.targets.map((target) => ({
      ...target,
      rounds: target.rounds.map((round) => ({ ...round, client: { ...round.client, ...change } })),
    })),
  });
  for (const change of [{ connections: 1 }, { depth: 99 }, { ratePerSecond: 7 }]) {
    const report = gate(baseline, changed(change), OPTIONS);
    assert.equal(report.exitCode, 5);
    assert.match(
      gateText(report),
      new RegExp(`core was under another load in the baseline: ${Object.keys(change)[0]} `),
    );
  }
  const servers = { ...baseline, targets: baseline.targets.map((target) => ({ ...target, servers: 3 })) };
  const report = gate(baseline, servers, OPTIONS);
  assert.equal(report.exitCode, 5);
  assert.match(report.incomplete.join("\n"), /core has 3 servers, in the baseline 1/);
});

test("what is known to differ besides the figures is warned of", () => {
  const [core, zookeeper] = baseline.targets;
  assert.ok(core && zookeeper);
  const other: RunResult = {
    ...baseline,
    startedAt: "2025-04-04T05:06:07.089Z",
    profile: { ...baseline.profile, text: "name: read-heavy\n", overrides: {} },
    targets: [
      { ...core, servers: 3 },
      { ...zookeeper, version: "3.8.0" },
      { ...core, label: "new" },
    ],
  };
  const warnings = gate(baseline, other, OPTIONS).warnings.join("\n");
  assert.match(warnings, /profile's text has changed/);
  assert.match(warnings, /options over the profile differ/);
  assert.match(warnings, /reference zookeeper is 3\.8\.0, in the baseline 3\.9\.3/);
  assert.match(warnings, /new is not in the baseline/);
  assert.match(gate(baseline, baseline, OPTIONS).warnings.join("\n"), /one and the same run/);
});

test("attached targets have no server cost, and are compared without it", () => {
  const attached = (made: RunResult): RunResult => ({
    ...made,
    targets: made.targets.map((target) => ({
      ...target,
      managed: false,
      rounds: target.rounds.map((round) => ({ ...round, members: [] })),
    })),
  });
  const report = gate(attached(baseline), attached(baseline), OPTIONS);
  assert.equal(report.exitCode, 0);
  assert.ok(report.comparisons.every((each) => each.metric !== "cpuMicrosPerOperation"));
  assert.equal(gate(baseline, attached(baseline), OPTIONS).exitCode, 5);
});

test("results without anything to compare do not pass", () => {
  const empty = { ...baseline, targets: [] };
  assert.equal(gate(empty, empty, OPTIONS).exitCode, 5);
});

test("JUnit has a case for every comparison, check and threshold, in the three outcomes", () => {
  const report = gate(baseline, result(slower(1.3), { seed: 12 }), OPTIONS);
  const cases = gateCases(report);
  assert.ok(cases.some((each) => each.suite === "core" && each.name === "read p50" && each.outcome === "failure"));
  const thresholds = gateCases(gate(leaderKill(), leaderKill(), OPTIONS));
  assert.ok(thresholds.some((each) => each.name === "threshold: latency p(99)<5ms" && each.outcome === "failure"));
  const unclear = gateCases(gate(insufficient(), insufficient(), OPTIONS));
  assert.ok(unclear.some((each) => each.name.startsWith("check: writes") && each.outcome === "error"));
  const xml = junit('gate "a" & <b>\u0001', [
    { suite: "s", name: "one", outcome: "passed", message: "" },
    { suite: "s", name: "two", outcome: "failure", message: 'worse\nby "10%" & <more>' },
    { suite: "t", name: "three", outcome: "error", message: "unknown" },
  ]);
  assert.equal(
    xml,
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="gate &quot;a&quot; &amp; &lt;b&gt;\uFFFD" tests="3" failures="1" errors="1">
  <testsuite name="s" tests="2" failures="1" errors="0">
    <testcase classname="s" name="one"/>
    <testcase classname="s" name="two">
      <failure message="worse&#10;by &quot;10%&quot; &amp; &lt;more&gt;"/>
    </testcase>
  </testsuite>
  <testsuite name="t" tests="1" failures="0" errors="1">
    <testcase classname="t" name="three">
      <error message="unknown"/>
    </testcase>
  </testsuite>
</testsuites>
`,
  );
});
