import assert from "node:assert/strict";
import { test } from "node:test";
import { compareVersions, isStableVersion } from "../../src/targets/version.js";

test("versions compare by their numbers", () => {
  assert.ok(compareVersions("3.9.10", "3.9.9") > 0);
  assert.ok(compareVersions("3.9", "3.9.1") < 0);
  assert.ok(compareVersions("4.0", "3.99.99") > 0);
  assert.equal(compareVersions("3.8.0", "3.8.0-e2cd7b0"), 0);
});

test("only a plain release is stable", () => {
  const versions = ["3.9.5", "v3.7.3", "1.2", "v3.8.0-alpha.0", "3.9.0-beta", "3", "latest", "v3.3.27+incompatible"];
  assert.deepEqual(versions.filter(isStableVersion), ["3.9.5", "v3.7.3", "1.2"]);
});
