import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DriverSource } from "../../../src/bench/load/driver-source.js";
import { parseProfile } from "../../../src/bench/profile/parse.js";
import type { TargetResult } from "../../../src/bench/result.js";
import { runProfile } from "../../../src/bench/run-profile.js";
import { core } from "../../../src/targets/core/kind.js";
import type { Address, Ensemble } from "../../../src/targets/target.js";
import { type Carelessness, carelessSource } from "../../support/careless-driver.js";

let ensemble: Ensemble;
let members: readonly Address[];

before(async () => {
  ensemble = await core.start({ servers: 1 });
  members = ensemble.members.map((member) => member.client);
});

after(async () => {
  await ensemble.stop();
});

const WORKLOADS = {
  lock: "{kind: lock, hold: 5ms}",
  herd: "{kind: lock, watching: all, hold: 5ms}",
  shared: "{kind: shared-lock, writers: 50%, hold: 5ms}",
  semaphore: "{kind: semaphore, leases: 2, hold: 60ms}",
  coarse: "{kind: coarse-lock, hold: 5ms, lockDelay: 300ms, lost: 30%, verifyEvery: 1ms}",
} as const;

async function runOnCore(workload: keyof typeof WORKLOADS, driver: DriverSource): Promise<TargetResult> {
  const text = `
name: test
workload: ${WORKLOADS[workload]}
connections: 6
duration: 1500ms
warmUp: {min: 0s, max: 0s}
rounds: 1
sessionTimeout: 10s`;
  const result = await runProfile({
    profile: { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} },
    participants: [{ label: "core", ensemble, driver }],
    workers: 2,
  });
  return result.targets[0]!;
}

const CARELESS: readonly (readonly [keyof typeof WORKLOADS, Carelessness, string])[] = [
  ["lock", "skips-ownership-check", "mutual-exclusion"],
  ["herd", "skips-ownership-check", "mutual-exclusion"],
  ["shared", "skips-ownership-check", "shared-exclusion"],
  ["semaphore", "skips-ownership-check", "semaphore-limit"],
  ["coarse", "skips-ownership-check", "mutual-exclusion"],
  ["coarse", "forgets-lock-delay", "lock-delay"],
  ["coarse", "believes-every-sequencer", "sequencer"],
];

/** A session is careless by chance, and not every carelessness is punished: a round may pass in which nothing went wrong. */
const ROUNDS_MAX = 6;

for (const [workload, carelessness, check] of CARELESS) {
  test(`${workload} on the core: a session that ${carelessness.replaceAll("-", " ")} is found`, async () => {
    const verdicts: (string | undefined)[] = [];
    while (verdicts.at(-1) !== "invalid" && verdicts.length < ROUNDS_MAX) {
      const { checks } = await runOnCore(workload, carelessSource(members, carelessness));
      verdicts.push(checks.find((each) => each.name === check)?.verdict);
    }
    assert.equal(verdicts.at(-1), "invalid", `${check} in ${verdicts.length} rounds: ${verdicts.join(", ")}`);
  });
}
