import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { readResult } from "../../src/report/files.js";
import { core } from "../../src/targets/core/kind.js";
import { etcd } from "../../src/targets/etcd/kind.js";
import type { TargetKind } from "../../src/targets/target.js";
import { zookeeper } from "../../src/targets/zookeeper/kind.js";
import { haveReal } from "./real.js";
import { Zabench } from "./zabench.js";

export const SWEPT: readonly TargetKind[] = [core, zookeeper, etcd];

/** Sweeps a real target from the command line, and holds its answer against the probes behind it. */
export function testSweepOf(kind: TargetKind): void {
  const folder = mkdtempSync(join(tmpdir(), "zabench-sweep-"));
  const zabench = new Zabench(folder);
  after(() => rmSync(folder, { recursive: true, force: true }));

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
