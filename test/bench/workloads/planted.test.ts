import assert from "node:assert/strict";
import { test } from "node:test";
import type { Loss } from "../../support/lossy-driver.js";
import {
  GROUP_MEMBERSHIP,
  PUB_SUB,
  SERVICE_REGISTRY,
  SESSION_STORM,
  serverWithLosses,
  WATCH_MANY,
  WATCH_RECONNECT,
} from "../../support/lossy-run.js";

const runWithLoss = serverWithLosses();

// What is lost the workload has to find.

const WORKLOADS = [
  "{kind: watch-fanout}",
  "{kind: watch-fanout, watchersPerConnection: 5}",
  WATCH_MANY,
  WATCH_RECONNECT,
  "{kind: config-push, documents: 2}",
  SERVICE_REGISTRY,
  GROUP_MEMBERSHIP,
  PUB_SUB,
  SESSION_STORM,
  "{kind: session-idle}",
];

for (const workload of WORKLOADS) {
  test(`nothing is found where nothing was lost: ${workload}`, async () => {
    const target = await runWithLoss(workload, undefined);
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
  ["event", PUB_SUB, "pub-sub-delivery"],
  ["repeat", PUB_SUB, "pub-sub-delivery"],
  ["session", SESSION_STORM, "sessions-resumed"],
  ["ephemeral", SESSION_STORM, "ephemerals-kept"],
  ["ephemeral", "{kind: session-idle}", "sessions-kept"],
];

for (const [loss, workload, name] of PLANTED) {
  test(`a lost ${loss} is found: ${workload}`, async () => {
    const target = await runWithLoss(workload, loss);
    const check = target.checks.find((each) => each.name === name);
    assert.equal(check?.verdict, "invalid", JSON.stringify(target.checks));
  });
}
