import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import { parseObjective } from "../../src/bench/sweep/objectives.js";
import { runSweep } from "../../src/bench/sweep/run-sweep.js";
import { readResult } from "../../src/report/files.js";
import { core } from "../../src/targets/core/kind.js";
import { etcd } from "../../src/targets/etcd/kind.js";
import { zookeeper } from "../../src/targets/zookeeper/kind.js";
import { fakeMemory, fakeParticipant } from "../support/fake-driver.js";
import { haveReal } from "../support/real.js";
import { Zabench } from "../support/zabench.js";

const folder = mkdtempSync(join(tmpdir(), "zabench-sweep-"));
const zabench = new Zabench(folder);
after(() => rmSync(folder, { recursive: true, force: true }));

test("the capacity of a synthetic target in real threads is found within 5%", async () => {
  const capacityPerSecond = 2_000;
  const text = `
name: test
workload: {kind: mix, operations: {read: 80, write: 20}}
connections: 20
depth: 8
duration: 1s
warmUp: {min: 500ms, max: 1s, steadiness: 50%}
`;
  const result = await runSweep({
    profile: { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} },
    participants: [fakeParticipant("fake", { memory: fakeMemory(), capacityPerSecond })],
    workers: 1,
    objectives: [parseObjective("p(99)<100ms", ["read", "write"])],
    probeMicros: 2_000_000,
    tolerance: 0.05,
    ratePerSecondMax: 100_000,
  });
  const [sweep] = result.sweep!.targets;
  const told = JSON.stringify(
    sweep!.points.map(({ askedPerSecond, reasons }) => [Math.round(askedPerSecond), reasons]),
  );
  assert.equal(sweep!.outcome, "found", told);
  assert.ok(Math.abs(sweep!.ratePerSecond! / capacityPerSecond - 1) <= 0.05, `${sweep!.ratePerSecond}: ${told}`);
});

for (const kind of [core, zookeeper, etcd]) {
  test(`${kind.name}: the rate named passes four of five confirmations, and 1.25 times of it fails`, async (context) => {
    if (!haveReal(context, (await kind.find()).length > 0, kind.name, kind.remedy)) return;
    const { code, stdout, stderr } = await zabench.run(
      ...["sweep", "write-heavy", "-t", kind.name, "--slo", "p(99)<200ms", "--probe", "1s", "--tolerance", "20%"],
      ...["--warm-up", "6s", "--connections", "30", "--depth", "4", "--json"],
    );
    assert.ok(code === EXIT.ok || code === EXIT.insufficient, `${code}\n${stderr}`);
    const { report } = JSON.parse(stdout) as { readonly report: string };
    const result = await readResult(join(folder, report, "..", "result.json"));
    const [sweep] = result.sweep!.targets;
    assert.ok(sweep !== undefined && sweep.ratePerSecond !== null && sweep.confirmed, stderr);
    const confirmed = sweep.points
      .filter(({ purpose, askedPerSecond }) => purpose === "confirm" && askedPerSecond === sweep.ratePerSecond)
      .slice(-5);
    assert.ok(confirmed.filter(({ held }) => held).length >= 4, stderr);
    // On a machine where the clients are the limit the rate is only a lower bound, and the command says so.
    if (sweep.outcome === "found") {
      const beyond = sweep.points.filter(({ purpose }) => purpose === "beyond").slice(-2);
      assert.deepEqual(
        beyond.map(({ askedPerSecond, held }) => [askedPerSecond, held]),
        [1, 2].map(() => [sweep.ratePerSecond! * 1.25, false]),
      );
      assert.match(stderr, /sustains [\d,.]+ operations\/s/);
    } else {
      assert.equal(sweep.outcome, "client-saturated", stderr);
      assert.match(stderr, /the load generator was the limit/);
    }
    for (const check of result.targets[0]!.checks) assert.equal(check.verdict, "valid", check.name);
    const csv = readFileSync(join(folder, report, "..", "sweep.csv"), "utf8")
      .trimEnd()
      .split("\n");
    assert.equal(csv.length, sweep.points.length + 1);
  });
}

test("compare: six rounds in turns, an interval and a sentence for each ratio", async (context) => {
  if (!haveReal(context, (await zookeeper.find()).length > 0, zookeeper.name, zookeeper.remedy)) return;
  const { code, stdout, stderr } = await zabench.run(
    ...["compare", "read-heavy", "-t", "core", "-t", "zookeeper", "--duration", "1s", "--warm-up", "12s", "--json"],
  );
  const summary = JSON.parse(stdout) as {
    readonly report: string;
    readonly ratios: readonly {
      readonly metric: string;
      readonly value: number | null;
      readonly interval: { readonly low: number; readonly high: number } | null;
      readonly pairs: number;
      readonly verdict: string;
      readonly sentence: string;
    }[];
    readonly targets: readonly { readonly warmUp: { readonly steady: boolean } }[];
  };
  const result = await readResult(join(folder, summary.report, "..", "result.json"));
  assert.deepEqual(
    result.targets.map(({ rounds }) => rounds.length),
    [6, 6],
  );
  if (!summary.targets.every(({ warmUp }) => warmUp.steady)) {
    assert.equal(code, EXIT.insufficient, "a target that is not warmed has no ratios");
    return;
  }
  assert.equal(code, EXIT.ok, stderr);
  for (const { value, interval, pairs, verdict, sentence } of summary.ratios) {
    assert.notEqual(sentence, "");
    if (value === null) continue;
    assert.equal(pairs, 6);
    assert.ok(interval !== null && interval.low <= value && value <= interval.high);
    assert.equal(verdict, interval.low > 1 || interval.high < 1 ? "real" : "not-told-apart");
  }
});
