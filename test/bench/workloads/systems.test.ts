import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EXIT } from "../../../src/base/user-error.js";
import { parseProfile } from "../../../src/bench/profile/parse.js";
import type { Profile } from "../../../src/bench/profile/profile.js";
import type { RunResult } from "../../../src/bench/result.js";
import { runProfile } from "../../../src/bench/run-profile.js";
import { exitCodeOf } from "../../../src/bench/verdict.js";
import { kindOf } from "../../../src/bench/workloads/registry.js";
import { core } from "../../../src/targets/core/kind.js";
import type { Ensemble } from "../../../src/targets/target.js";
import { erringSource, type SessionMistake } from "../../support/erring-driver.js";

const ELECTION = "{kind: leader-election, lead: 4ms}";
const QUEUE = "{kind: fifo-queue, producers: 2, capacity: 20}";
const KAFKA =
  "{kind: kafka-metadata, brokers: 2, topics: 2, partitions: 2, groups: 1, brokerLife: 150ms, consumerLife: 150ms, away: 5ms}";
const CODIS = "{kind: codis-routing, slots: 64, proxyLife: 200ms, away: 5ms}";
const HA = "{kind: ha-failover, active: 20ms, graceful: 20%}";
const BARRIER = "{kind: barrier}";
const NAMING = "{kind: naming}";

/** Each mistake, what it is planted in, and the checks that find it. */
const PLANTED: readonly (readonly [SessionMistake, string, ...string[]])[] = [
  ["two-leaders", ELECTION, "one-leader"],
  ["term-repeats", ELECTION, "terms"],
  ["item-lost", QUEUE, "items"],
  ["item-doubled", QUEUE, "items", "producer-order"],
  ["item-swapped", QUEUE, "items"],
  ["entered-early", BARRIER, "barrier-entry"],
  ["left-early", BARRIER, "barrier-exit"],
  ["id-repeats", NAMING, "unique-ids", "growing-ids"],
  ["id-skipped", NAMING, "id-gaps"],
  ["epoch-repeats", KAFKA, "controller-epoch"],
  ["offset-goes-back", KAFKA, "offsets"],
  ["partition-owned-twice", KAFKA, "partition-ownership"],
  ["command-missed", CODIS, "commands"],
  ["command-reordered", CODIS, "commands"],
  ["slot-row-stale", CODIS, "slot-rows"],
  ["fence-ignored", HA, "fencing"],
  ["fence-goes-back", HA, "epochs"],
  ["writes-forgotten", HA, "acknowledged-writes"],
];

/** A run is short, and on a busy machine nothing worth judging may happen in one. */
const ATTEMPTS_MAX = 5;

function parse(workload: string, durationMs: number): Profile {
  return parseProfile(textOf(workload, durationMs), "test.yaml");
}

function textOf(workload: string, durationMs: number): string {
  return `
name: test
workload: ${workload}
connections: 5
duration: ${durationMs}ms
warmUp: {min: 0s, max: 0s}
rounds: 1
sessionTimeout: 4s
`;
}

describe("workloads of recipes and of what others do with ZooKeeper, on the core", () => {
  let ensemble: Ensemble | undefined;

  before(async () => {
    ensemble = await core.start({ servers: 1 });
  });
  after(async () => {
    await ensemble?.stop();
  });

  async function run(workload: string, durationMs: number, mistake?: SessionMistake): Promise<RunResult> {
    assert.ok(ensemble);
    const text = textOf(workload, durationMs);
    const members = ensemble.members.map((member) => member.client);
    return await runProfile({
      profile: { profile: parse(workload, durationMs), text, file: "test.yaml", overrides: {} },
      participants: [{ label: "core", ensemble, driver: erringSource(members, mistake) }],
      workers: 2,
    });
  }

  for (const workload of [ELECTION, QUEUE, BARRIER, NAMING, KAFKA, CODIS, HA]) {
    test(`two workers, no mistake: ${workload}`, async () => {
      const parsed = parse(workload, 1_200).workload;
      const unmeasured = new Set(kindOf(parsed).operations(parsed));
      for (let attempt = 1; attempt <= ATTEMPTS_MAX && unmeasured.size > 0; attempt++) {
        const target = (await run(workload, 1_200)).targets[0]!;
        for (const check of target.checks) assert.notEqual(check.verdict, "invalid", `${check.name}: ${check.detail}`);
        for (const operation of target.operations) {
          assert.deepEqual(operation.errors, {}, operation.name);
          if (operation.ok > 0) unmeasured.delete(operation.name);
        }
      }
      assert.deepEqual([...unmeasured], [], "never measured");
    });
  }

  test("connections and sessions lost are no figure where a workload does not count them", async () => {
    const target = (await run(NAMING, 300)).targets[0]!;
    const names = target.metrics.map(({ name }) => name);
    assert.deepEqual(
      names.filter((name) => name === "disconnects" || name === "sessions-lost"),
      [],
    );
  });

  test("an id that the end of a session has skipped is no gap", async () => {
    const target = (await run(NAMING, 1_000, "id-skipped-by-expiry")).targets[0]!;
    for (const check of target.checks) assert.equal(check.verdict, "valid", `${check.name}: ${check.detail}`);
  });

  for (const [mistake, workload, ...names] of PLANTED) {
    test(`a client that errs is caught: ${mistake}`, async () => {
      const unfound = new Set(names);
      for (let attempt = 1; attempt <= ATTEMPTS_MAX && unfound.size > 0; attempt++) {
        const result = await run(workload, 1_000, mistake);
        const invalid = result.targets[0]!.checks.filter((check) => check.verdict === "invalid");
        for (const { name } of invalid) unfound.delete(name);
        assert.equal(exitCodeOf(result) === EXIT.inconsistent, invalid.length > 0);
      }
      assert.deepEqual([...unfound], [], "not found");
    });
  }
});
