import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { RunResult } from "../../src/bench/result.js";
import { type GateCommandOptions, gateCommand, runGate } from "../../src/cli/gate.js";
import { reportCommand, runReport } from "../../src/cli/report.js";
import { reportFolder, writeReports } from "../../src/report/files.js";
import { CORE, leaderKill, makeResult, type TargetPlan, ZOOKEEPER } from "../support/results.js";
import { Zabench } from "../support/zabench.js";

let folder = "";
let zabench: Zabench;
let root = "";
let baseline = "";

const SLOW: TargetPlan = {
  ...CORE,
  operations: {
    read: { opsPerSecond: 40_000, latencyMicros: 930 },
    write: { opsPerSecond: 6_800, latencyMicros: 1_240 },
  },
};

const made = (core: TargetPlan, seed: number, startedAt: string): RunResult => ({
  ...makeResult({ seed, targets: [core, ZOOKEEPER], rounds: 4, seconds: 3, spread: 0.02 }),
  startedAt,
});

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "zabench-gate-"));
  zabench = new Zabench(folder);
  root = join(folder, "reports");
  const write = async (result: RunResult): Promise<string> => {
    const path = reportFolder(root, result);
    await writeReports(result, path);
    return path;
  };
  baseline = await write(made(CORE, 1, "2025-01-01T00:00:00.000Z"));
  await write(made(CORE, 2, "2025-01-02T00:00:00.000Z"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function judged(
  options: Partial<GateCommandOptions> = {},
): Promise<{ readonly code: number; readonly text: string }> {
  let text = "";
  const defaults = {
    baseline,
    reports: root,
    maxRegression: "10%",
    reference: "zookeeper",
    metrics: "opsPerSecond,p50,p99,cpuMicrosPerOperation",
  };
  const code = await runGate({ ...defaults, ...options }, (more) => {
    text += more;
  });
  return { code, text };
}

test("equal software exits 0, judged by the newest result; a planted regression exits 3", async () => {
  const equal = await zabench.run("gate", "--baseline", baseline, "--reports", root);
  assert.equal(equal.code, 0, equal.stderr);
  assert.match(equal.stdout, /2025-01-02T00-00-00\.000Z/);
  assert.match(equal.stdout, /The gate passed: 7 figures/);
  const slow = made(SLOW, 3, "2025-01-03T00:00:00.000Z");
  const path = join(folder, "slow.json");
  writeFileSync(path, JSON.stringify(slow));
  const regressed = await zabench.run("gate", "--baseline", join(baseline, "result.json"), "--result", path);
  assert.equal(regressed.code, 3, regressed.stderr);
  assert.match(regressed.stdout, /core +read +throughput \/ zookeeper +\S+ +\S+ +3\d\.\d% worse +REGRESSION/);
  assert.match(regressed.stdout, /core, write: throughput is .*\d\.$/m);
});

test("--json prints the outcome as one value, --junit writes XML", async () => {
  const junit = join(folder, "gate.xml");
  const { code, text } = await judged({ json: true, junit });
  assert.equal(code, 0);
  const value = JSON.parse(text) as { passed: boolean; exitCode: number; comparisons: unknown[] };
  assert.deepEqual([value.passed, value.exitCode, value.comparisons.length], [true, 0, 7]);
  assert.match(readFileSync(junit, "utf8"), /<testsuite name="core" tests="9" failures="0" errors="0">/);
});

test("options choose the limit and the figures", async () => {
  const result = join(folder, "slow2.json");
  writeFileSync(result, JSON.stringify(made(SLOW, 4, "2025-01-04T00:00:00.000Z")));
  assert.equal((await judged({ result })).code, 3);
  assert.equal((await judged({ result, maxRegression: "90%" })).code, 0);
  assert.equal((await judged({ result, metrics: "cpuMicrosPerOperation" })).code, 0);
  await assert.rejects(judged({ maxRegression: "0.1" }), /'0\.1' is not a percentage/);
  await assert.rejects(
    judged({ metrics: "p50,p42" }),
    /--metrics: 'p42' is not a metric of the gate; use some of opsPerSecond/,
  );
});

test("results of other profiles are not compared", async () => {
  const result = join(folder, "other.json");
  writeFileSync(result, JSON.stringify(leaderKill()));
  await assert.rejects(
    judged({ result }),
    /other\.json: the results cannot be compared: .* run of 'read-heavy', the result a scenario of 'leader-kill'/,
  );
});

test("report writes the files again from the result alone", async () => {
  const copy = join(folder, "mine.json");
  writeFileSync(copy, readFileSync(join(baseline, "result.json")));
  const ran = await zabench.run("report", copy);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout.trim(), join(folder, "mine-report", "report.html"));
  for (const name of ["report.html", "seconds.csv", "core-read-latency-micros.hgrm"]) {
    assert.equal(readFileSync(join(folder, "mine-report", name), "utf8"), readFileSync(join(baseline, name), "utf8"));
  }
  assert.equal(await runReport(baseline), join(baseline, "report.html"));
  assert.equal(await runReport(copy, join(folder, "elsewhere")), join(folder, "elsewhere", "report.html"));
});

test("both commands describe themselves", () => {
  assert.match(gateCommand().helpInformation(), /--max-regression <percentage>/);
  assert.match(reportCommand().helpInformation(), /--output <folder>/);
});
