import assert from "node:assert/strict";
import { test } from "node:test";
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

const LATE = ["{kind: watch-fanout}", WATCH_RECONNECT, GROUP_MEMBERSHIP, PUB_SUB, SESSION_STORM];
const SILENT = [WATCH_MANY, WATCH_RECONNECT, SERVICE_REGISTRY, PUB_SUB, SESSION_STORM];

for (const workload of LATE) {
  test(`a session that is slower than the session timeout is not called wrong: ${workload}`, async () => {
    const target = await runWithLoss(workload, "late");
    for (const check of target.checks) assert.notEqual(check.verdict, "invalid", `${check.name}: ${check.detail}`);
  });
}

for (const workload of SILENT) {
  test(`what nobody answered is unanswered, and the check is unknown: ${workload}`, async () => {
    const target = await runWithLoss(workload, "silent");
    for (const check of target.checks) assert.notEqual(check.verdict, "invalid", `${check.name}: ${check.detail}`);
    assert.ok(
      target.checks.some((check) => check.verdict === "unknown" && /not judged/.test(check.detail)),
      JSON.stringify(target.checks),
    );
    const unanswered = target.operations.reduce((sum, operation) => sum + (operation.errors["UNANSWERED"] ?? 0), 0);
    assert.ok(unanswered > 0, JSON.stringify(target.operations.map(({ name, errors }) => ({ name, errors }))));
  });
}

test("a session that cannot be opened in the middle of a round is an error of the target, and the run goes on", async () => {
  const target = await runWithLoss(SERVICE_REGISTRY, "refused");
  const register = target.operations.find(({ name }) => name === "register");
  assert.ok((register?.errors["CONNECTIONLOSS"] ?? 0) > 0, JSON.stringify(register?.errors));
  assert.ok((register?.ok ?? 0) > 3, `${register?.ok}`);
  for (const check of target.checks) assert.equal(check.verdict, "valid", `${check.name}: ${check.detail}`);
});

for (const workload of [
  "{kind: service-registry, providers: 3, providerLife: 300ms, away: 0ms, reportInterval: 50ms}",
  "{kind: group-membership, churning: 3, memberLife: 300ms, away: 0ms}",
]) {
  test(`who comes back with another session is not called back from the dead: ${workload}`, async () => {
    const target = await runWithLoss(workload, "expired");
    for (const check of target.checks) assert.notEqual(check.verdict, "invalid", `${check.name}: ${check.detail}`);
    const order = target.checks.find(({ name }) => name.endsWith("-order"));
    assert.ok(order !== undefined && order.observations > 0, JSON.stringify(target.checks));
  });
}
