import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { parseProfile } from "../../../src/bench/profile/parse.js";
import type { TargetResult } from "../../../src/bench/result.js";
import { runProfile } from "../../../src/bench/run-profile.js";
import { core } from "../../../src/targets/core/kind.js";
import type { Ensemble } from "../../../src/targets/target.js";
import { type Loss, lossySource } from "../../support/lossy-driver.js";

// Real sessions on a real server, one of which is made to lose something: the workload has to find it.

let ensemble: Ensemble;

before(async () => {
  ensemble = await core.start({ servers: 1 });
});
after(async () => {
  await ensemble?.stop();
});

const WATCH_MANY = "{kind: watch-many, watchesPerConnection: 2, changers: 2}";
const WATCH_RECONNECT = "{kind: watch-reconnect, watchesPerConnection: 20, changes: 20, away: 50ms, interval: 0ms}";
const SERVICE_REGISTRY = "{kind: service-registry, providers: 3, providerLife: 50ms, away: 0ms, reportInterval: 5ms}";
const GROUP_MEMBERSHIP = "{kind: group-membership, churning: 3, memberLife: 50ms, away: 0ms}";
/** The server grants two of its ticks all the same, 4 s. */
const SESSION_STORM = "{kind: session-storm, interval: 100ms, timeout: 1s}";

async function run(workload: string, loss: Loss | undefined): Promise<TargetResult> {
  // Patience where all is well: this may be a busy machine.
  const sessionTimeout = loss === undefined ? "10s" : "1s";
  const duration = loss === undefined || loss === "silent" ? "1500ms" : "500ms";
  const text = `
name: planted
workload: ${workload}
keys: 20
connections: 8
duration: ${duration}
warmUp: {min: 0s, max: 0s}
rounds: 1
sessionTimeout: ${sessionTimeout}
`;
  const members = ensemble.members.map((member) => member.client);
  const result = await runProfile({
    profile: { profile: parseProfile(text, "planted.yaml"), text, file: "planted.yaml", overrides: {} },
    participants: [{ label: "core", ensemble, driver: lossySource(members, loss) }],
    workers: 2,
  });
  return result.targets[0]!;
}

const WORKLOADS = [
  "{kind: watch-fanout}",
  "{kind: watch-fanout, watchersPerConnection: 5}",
  WATCH_MANY,
  WATCH_RECONNECT,
  "{kind: config-push, documents: 2}",
  SERVICE_REGISTRY,
  GROUP_MEMBERSHIP,
  "{kind: pub-sub, topics: 1, publishers: 2, window: 2}",
  SESSION_STORM,
  "{kind: session-idle}",
];

for (const workload of WORKLOADS) {
  test(`nothing is found where nothing was lost: ${workload}`, async () => {
    const target = await run(workload, undefined);
    for (const check of target.checks) assert.equal(check.verdict, "valid", `${check.name}: ${check.detail}`);
    for (const operation of target.operations) {
      assert.deepEqual(operation.errors, {}, operation.name);
      // Loads are reported by lives that are long enough.
      if (operation.name !== "report-load") assert.ok(operation.ok > 0, operation.name);
    }
  });
}

const PLANTED: readonly (readonly [Loss, string, string])[] = [
  ["event", "{kind: watch-fanout}", "watch-delivery"],
  ["event", "{kind: watch-fanout, watchersPerConnection: 5}", "watch-delivery"],
  ["event", WATCH_MANY, "watch-delivery"],
  ["event", WATCH_RECONNECT, "missed-changes"],
  ["session", WATCH_RECONNECT, "sessions-resumed"],
  ["event", "{kind: config-push, documents: 2}", "configuration-delivery"],
  ["event", SERVICE_REGISTRY, "registry-delivery"],
  ["event", GROUP_MEMBERSHIP, "view-convergence"],
  ["event", "{kind: pub-sub, topics: 1, publishers: 2, window: 2}", "pub-sub-delivery"],
  ["repeat", "{kind: pub-sub, topics: 1, publishers: 2, window: 2}", "pub-sub-delivery"],
  ["session", SESSION_STORM, "sessions-resumed"],
  ["ephemeral", SESSION_STORM, "ephemerals-kept"],
  ["ephemeral", "{kind: session-idle}", "sessions-kept"],
];

for (const [loss, workload, name] of PLANTED) {
  test(`a lost ${loss} is found: ${workload}`, async () => {
    const target = await run(workload, loss);
    const check = target.checks.find((each) => each.name === name);
    assert.equal(check?.verdict, "invalid", JSON.stringify(target.checks));
  });
}

const PUB_SUB = "{kind: pub-sub, topics: 1, publishers: 2, window: 2}";
const LATE = ["{kind: watch-fanout}", WATCH_RECONNECT, GROUP_MEMBERSHIP, PUB_SUB, SESSION_STORM];
const SILENT = [WATCH_MANY, WATCH_RECONNECT, SERVICE_REGISTRY, PUB_SUB, SESSION_STORM];

for (const workload of LATE) {
  test(`a session that is slower than the session timeout is not called wrong: ${workload}`, async () => {
    const target = await run(workload, "late");
    for (const check of target.checks) assert.notEqual(check.verdict, "invalid", `${check.name}: ${check.detail}`);
  });
}

for (const workload of SILENT) {
  test(`what nobody answered is unanswered, and the check is unknown: ${workload}`, async () => {
    const target = await run(workload, "silent");
    for (const check of target.checks) assert.notEqual(check.verdict, "invalid", `${check.name}: ${check.detail}`);
    assert.ok(
      target.checks.some((check) => check.verdict === "unknown" && /not judged/.test(check.detail)),
      JSON.stringify(target.checks),
    );
    const unanswered = target.operations.reduce((sum, operation) => sum + (operation.errors["UNANSWERED"] ?? 0), 0);
    assert.ok(unanswered > 0, JSON.stringify(target.operations.map(({ name, errors }) => ({ name, errors }))));
  });
}
