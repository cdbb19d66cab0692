import assert from "node:assert/strict";
import { after, test } from "node:test";
import { driverSource } from "../../src/bench/drivers.js";
import { loadProfile } from "../../src/bench/profile/load.js";
import { overrideProfile } from "../../src/bench/profile/overrides.js";
import { runProfile } from "../../src/bench/run-profile.js";
import { kindOf } from "../../src/bench/workloads/registry.js";
import { core } from "../../src/targets/core/kind.js";
import { etcd } from "../../src/targets/etcd/kind.js";
import type { Ensemble, TargetKind } from "../../src/targets/target.js";
import { zookeeper } from "../../src/targets/zookeeper/kind.js";
import { haveReal } from "./real.js";

const PROFILES = [
  "watch-fanout",
  "watch-fanout-10000",
  "watch-many",
  "watch-reconnect",
  "session-storm",
  "session-idle",
  "config-push",
  "service-registry",
  "group-membership",
  "pub-sub",
];
const KINDS: readonly TargetKind[] = [core, zookeeper, etcd];

/**
 * Watch, session and recipe profiles as they come, in short, on one and on three servers of every target that they name;
 * `choose` says which of those that fit a target.
 */
export function testRecipeWorkloads(choose: (names: readonly string[]) => readonly string[]): void {
  for (const servers of [1, 3]) {
    for (const kind of KINDS) {
      const names = choose(PROFILES.filter((name) => fits(name, kind)));
      test(`on ${servers} of ${kind.name}`, { timeout: 300_000 }, async (context) => {
        if (!haveReal(context, (await kind.find()).length > 0, kind.name, kind.remedy)) return;
        const ensemble = await kind.start({ servers });
        after(() => ensemble.stop());
        try {
          for (const name of names) await context.test(name, async () => await run(name, ensemble));
        } finally {
          await ensemble.stop();
        }
      });
    }
  }
}

function fits(name: string, kind: TargetKind): boolean {
  const { workload } = loadProfile(name).profile;
  return kindOf(workload).targets(workload).includes(kind.name);
}

async function run(name: string, ensemble: Ensemble): Promise<void> {
  const { target, members } = ensemble;
  const driver = driverSource(
    target,
    members.map((member) => member.client),
  );
  const result = await runProfile({
    // A JVM that has just started takes seconds for the first of its changes to reach 10,000 watchers.
    profile: overrideProfile(loadProfile(name), {
      duration: name === "watch-fanout-10000" ? "6s" : "2s",
      warmUp: "0s",
      rounds: "1",
    }),
    participants: [{ label: target, ensemble, driver }],
    workers: 2,
  });
  const [measured] = result.targets;
  assert.ok(measured !== undefined && measured.checks.length > 0);
  for (const check of measured.checks) assert.equal(check.verdict, "valid", `${check.name}: ${check.detail}`);
  for (const operation of measured.operations) {
    assert.deepEqual(operation.errors, {}, operation.name);
    // Loads are reported by lives that are long enough, which they need not be on a busy machine.
    if (operation.name !== "report-load") assert.ok(operation.ok > 0, `${operation.name} was measured`);
  }
  for (const metric of measured.metrics) assert.ok(Number.isFinite(metric.value), metric.name);
}
