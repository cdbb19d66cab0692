import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { exitCodeOf } from "../../src/bench/verdict.js";
import { notices } from "../../src/report/headline.js";
import { makeResult, type TargetPlan } from "../support/results.js";

const CORE: TargetPlan = {
  target: "core",
  version: "1",
  operations: { write: { opsPerSecond: 1_000, latencyMicros: 1_000 } },
  cpuMicrosPerOperation: 10,
};

const resultOf = (checks?: TargetPlan["checks"]) =>
  makeResult({
    seed: 1,
    targets: [CORE, { ...CORE, target: "etcd", ...(checks === undefined ? {} : { checks }) }],
    rounds: 2,
    seconds: 2,
    spread: 0.01,
  });

test("a target that nothing was checked of does not pass", () => {
  assert.equal(exitCodeOf(resultOf()), EXIT.ok);
  const unchecked = resultOf([]);
  assert.equal(exitCodeOf(unchecked), EXIT.insufficient);
  assert.ok(notices(unchecked).some(({ title }) => title === "etcd was not checked"));
  assert.ok(notices(resultOf()).every(({ title }) => !title.endsWith("was not checked")));
});
