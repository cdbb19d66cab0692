import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import { parseObjective } from "../../src/bench/sweep/objectives.js";
import { runSweep } from "../../src/bench/sweep/run-sweep.js";
import { readResult } from "../../src/report/files.js";
import { zookeeper } from "../../src/targets/zookeeper/kind.js";
import { randomOfCommit, sampleOf } from "../support/commit-sample.js";
import { fakeMemory, fakeParticipant } from "../support/fake-driver.js";
import { haveReal } from "../support/real.js";
import { SWEPT, testSweepOf } from "../support/sweep-suite.js";
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

// The others are swept by the long suite.
for (const kind of sampleOf(SWEPT, 1, randomOfCommit())) testSweepOf(kind);

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
