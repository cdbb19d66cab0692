import assert from "node:assert/strict";
import { test } from "node:test";
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

const KINDS: readonly TargetKind[] = [core, zookeeper, etcd];
const PROFILES = [
  "leader-election",
  "fifo-queue",
  "barrier",
  "naming",
  "kafka-metadata",
  "codis-routing",
  "ha-failover",
] as const;

/** Recipes, and what others do with ZooKeeper, on one and on three servers of every target; `choose` says which of them. */
export function testSystems(choose: (names: readonly string[]) => readonly string[]): void {
  for (const servers of [1, 3]) {
    const names = choose(PROFILES);
    test(`recipes and what others do with ZooKeeper, on every target of ${servers} servers`, async (context) => {
      for (const kind of KINDS) {
        if (!haveReal(context, (await kind.find()).length > 0, kind.name, kind.remedy)) return;
      }
      const ensembles: Ensemble[] = [];
      try {
        for (const kind of KINDS) ensembles.push(await kind.start({ servers }));
        for (const name of names) {
          const profile = overrideProfile(loadProfile(name), { duration: "2500ms", warmUp: "0s", rounds: "1" });
          const targets = kindOf(profile.profile.workload).targets(profile.profile.workload);
          await context.test(`${name} on ${targets.join(", ")}`, async () => {
            const participants = ensembles
              .filter((ensemble) => targets.includes(ensemble.target))
              .map((ensemble) => ({
                label: ensemble.target,
                ensemble,
                driver: driverSource(
                  ensemble.target,
                  ensemble.members.map((member) => member.client),
                ),
              }));
            assert.equal(participants.length, targets.length);
            const result = await runProfile({ profile, participants, workers: 2 });
            for (const target of result.targets) {
              assert.ok(target.checks.length > 0);
              for (const check of target.checks) {
                assert.equal(check.verdict, "valid", `${target.label} ${check.name}: ${check.detail}`);
              }
              for (const operation of target.operations) {
                assert.deepEqual(operation.errors, {}, `${target.label} ${operation.name}`);
              }
              for (const { metric } of profile.profile.thresholds) {
                const operation = target.operations.find((each) => each.name === metric);
                assert.ok((operation?.ok ?? 0) > 0, `${target.label}: ${metric} was never measured`);
              }
            }
          });
        }
      } finally {
        for (const ensemble of ensembles) await ensemble.stop();
      }
    });
  }
}
