import assert from "node:assert/strict";
import { test } from "node:test";
import { failureName } from "../../src/bench/load/failure.js";

test("a failure has the target's name of it, else its own code, else its cause's, else its class", () => {
  const coded = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  const terminated = new TypeError("terminated", { cause: coded });
  assert.equal(failureName(Object.assign(new Error("x"), { errorName: "NONODE", code: "E" })), "NONODE");
  assert.equal(failureName(coded), "ECONNRESET");
  assert.equal(failureName(terminated), "ECONNRESET");
  assert.equal(failureName(new Error("outer", { cause: terminated })), "ECONNRESET");
  assert.equal(failureName(new TypeError("x")), "TypeError");
  assert.equal(failureName("x"), "x");
});
