import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { profileNames } from "../../src/bench/profile/load.js";
import { connect } from "../../src/client/client.js";
import { readResult } from "../../src/report/files.js";
import { etcd } from "../../src/targets/etcd/kind.js";
import type { TargetKind } from "../../src/targets/target.js";
import { zookeeper } from "../../src/targets/zookeeper/kind.js";
import { randomOfCommit, sampleOf } from "../support/commit-sample.js";
import { haveReal } from "../support/real.js";
import { runProfilesQuickly } from "../support/run-all.js";
import { Zabench } from "../support/zabench.js";

const folder = mkdtempSync(join(tmpdir(), "zabench-run-"));
const zabench = new Zabench(folder);
after(() => rmSync(folder, { recursive: true, force: true }));

async function rootsLeft(servers: string): Promise<readonly string[]> {
  const client = await connect({ servers });
  try {
    return (await client.getChildren("/zabench")).children;
  } finally {
    await client.close();
  }
}

interface Summary {
  readonly report: string;
  readonly targets: readonly {
    readonly label: string;
    readonly operations: readonly { readonly name: string; readonly ok: number; readonly errors: object }[];
    readonly checks: readonly { readonly name: string; readonly verdict: string }[];
  }[];
}

/** How many of the profiles CI runs; the long suite runs all. */
const SAMPLE = 5;
const SHORT = ["--duration", "500ms", "--warm-up", "0s", "--rounds", "2", "--connections", "6"];
const REAL: readonly TargetKind[] = [zookeeper, etcd];

for (const profile of ["read-heavy", "write-heavy", "lock-exclusive", "watch-fanout"]) {
  test(`${profile} on the core and every real target, in turns`, async (context) => {
    for (const kind of REAL) {
      if (!haveReal(context, (await kind.find()).length > 0, kind.name, kind.remedy)) return;
    }
    const labels = ["core", ...REAL.map((kind) => kind.name)];
    const { stdout, stderr } = await zabench.run(
      "run",
      profile,
      ...labels.flatMap((label) => ["-t", label]),
      ...SHORT,
      "--json",
    );
    const summary = JSON.parse(stdout) as Summary;
    assert.deepEqual(
      summary.targets.map((target) => target.label),
      labels,
    );
    for (const target of summary.targets) {
      for (const check of target.checks)
        assert.equal(check.verdict, "valid", `${target.label} ${check.name}\n${stderr}`);
      assert.ok(target.checks.length > 0);
      for (const operation of target.operations) {
        assert.ok(operation.ok > 0, `${target.label} ${operation.name}\n${stderr}`);
        assert.deepEqual(operation.errors, {}, `${target.label} ${operation.name}`);
      }
    }
    const result = await readResult(join(folder, summary.report, "..", "result.json"));
    for (const target of result.targets) {
      assert.equal(target.rounds.length, 2);
      for (const round of target.rounds) {
        assert.ok(
          round.members.every((member) => member.cpuMicros > 0),
          `${target.label}: what it cost is known`,
        );
        assert.equal(Object.keys(round.idleCpuMicros).length, labels.length - 1);
      }
    }
  });
}

test("run all: a sample of the profiles, chosen by the commit, on every target they name", async (context) => {
  for (const kind of REAL) {
    if (!haveReal(context, (await kind.find()).length > 0, kind.name, kind.remedy)) return;
  }
  const names = sampleOf(profileNames(), SAMPLE, randomOfCommit());
  context.diagnostic(names.join(", "));
  await runProfilesQuickly(folder, names);
});

for (const kind of REAL) {
  test(`an open loop on three servers of ${kind.name}, attached: every arrival is answered`, async (context) => {
    if (!haveReal(context, (await kind.find()).length > 0, kind.name, kind.remedy)) return;
    const ensemble = await kind.start({ servers: 3 });
    try {
      const addresses = ensemble.members.map(({ client }) => `${client.host}:${client.port}`).join(",");
      const target = `${kind.name}://${addresses}`;
      const { code, stdout, stderr } = await zabench.run(
        "run",
        "write-heavy",
        "-t",
        target,
        ...SHORT,
        "--rate",
        "200/s",
        "--json",
      );
      assert.equal(code, EXIT.ok, stderr);
      const summary = JSON.parse(stdout) as Summary;
      assert.equal(summary.targets[0]!.label, `${kind.name}-attached`);
      const ok = summary.targets[0]!.operations.reduce((sum, operation) => sum + operation.ok, 0);
      assert.equal(ok, 200, "two rounds of half a second at 200 a second");
      if (kind.name === "zookeeper") assert.deepEqual(await rootsLeft(addresses), [], "its roots are removed");
    } finally {
      await ensemble.stop();
    }
  });
}

test("self-test tells what the generator reached and judges it", async () => {
  const { code, stdout } = await zabench.run("self-test", "--json");
  const outcomes = JSON.parse(stdout) as {
    depth: number;
    opsPerSecond: number;
    opsPerSecondMin: number;
    passed: boolean;
  }[];
  assert.deepEqual(
    outcomes.map((outcome) => outcome.depth),
    [16, 1],
  );
  for (const outcome of outcomes) assert.equal(outcome.passed, outcome.opsPerSecond >= outcome.opsPerSecondMin);
  assert.equal(code, outcomes.every((outcome) => outcome.passed) ? EXIT.ok : EXIT.insufficient);
});
