import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { driverSource } from "../../src/bench/drivers.js";
import type { Participant } from "../../src/bench/participant.js";
import { loadProfile } from "../../src/bench/profile/load.js";
import type { LoadedProfile, Workload } from "../../src/bench/profile/profile.js";
import type { TargetResult } from "../../src/bench/result.js";
import { runProfile } from "../../src/bench/run-profile.js";
import { kindOf } from "../../src/bench/workloads/registry.js";
import { targetKind } from "../../src/targets/kinds.js";
import { TARGET_NAMES, type TargetName } from "../../src/targets/target.js";
import { haveReal } from "../support/real.js";

const PROFILES = ["lock-exclusive", "lock-herd", "lock-shared", "semaphore", "lock-coarse"] as const;
const CONNECTIONS = 8;

/** Short, and with enough losses for the lock delay to show. */
function shortened(name: string): LoadedProfile {
  const loaded = loadProfile(name);
  const { workload } = loaded.profile;
  const often: Workload = workload.kind === "coarse-lock" ? { ...workload, lost: 0.3 } : workload;
  return {
    ...loaded,
    profile: {
      ...loaded.profile,
      workload: often,
      connections: CONNECTIONS,
      durationMicros: 1_500_000,
      rounds: 1,
      warmUp: { ...loaded.profile.warmUp, minMicros: 0, maxMicros: 0 },
    },
  };
}

function metric(target: TargetResult, name: string): number {
  const found = target.metrics.find((each) => each.name === name);
  assert.ok(found, `${target.label} ${name}`);
  return found.value;
}

for (const servers of [1, 3]) {
  describe(`lock profiles on ${servers} servers of every target they name`, { timeout: 240_000 }, () => {
    const participants = new Map<TargetName, Participant>();
    const results = new Map<string, readonly TargetResult[]>();

    before(async () => {
      for (const name of TARGET_NAMES) {
        const kind = targetKind(name);
        if ((await kind.find()).length === 0) continue;
        const ensemble = await kind.start({ servers });
        const members = ensemble.members.map((member) => member.client);
        participants.set(name, { label: name, ensemble, driver: driverSource(name, members) });
      }
    });
    after(async () => {
      await Promise.all([...participants.values()].map(({ ensemble }) => ensemble.stop()));
    });

    for (const name of PROFILES) {
      it(`${name}: every operation is measured, and every check is green`, async (context) => {
        const profile = shortened(name);
        const { workload } = profile.profile;
        const named = kindOf(workload).targets(workload);
        for (const target of named) {
          if (!haveReal(context, participants.has(target), target, targetKind(target).remedy)) return;
        }
        const run = named.map((target) => participants.get(target)!);
        const { targets } = await runProfile({ profile, participants: run, workers: 2 });
        results.set(name, targets);
        assert.deepEqual(
          targets.map((target) => target.label),
          named,
        );
        for (const target of targets) {
          assert.ok(target.checks.length > 0);
          for (const check of target.checks)
            assert.equal(check.verdict, "valid", JSON.stringify([target.label, check]));
          for (const operation of target.operations) {
            assert.ok(operation.ok > 0, `${target.label} ${operation.name}`);
            assert.deepEqual(operation.errors, {}, `${target.label} ${operation.name}`);
          }
          assert.ok(metric(target, "fairness") > 0);
          assert.ok(metric(target, "events-per-acquisition") > 0, `${target.label} tells who waits`);
        }
      });
    }

    it("of a herd many more are woken for each grant than of a queue", (context) => {
      const [exclusive, herd] = ["lock-exclusive", "lock-herd"].map((name) => results.get(name));
      if (!haveReal(context, exclusive !== undefined && herd !== undefined, "a run of both", "see above")) return;
      for (const target of herd!) {
        const queued = exclusive!.find((each) => each.label === target.label)!;
        const events = [target, queued].map((each) => metric(each, "events-per-acquisition"));
        assert.ok(events[0]! > 2 * events[1]!, `${target.label}: ${events.join(" and ")}`);
      }
    });
  });
}
