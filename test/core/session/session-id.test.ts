import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstSessionId, formatSessionId, sessionPassword } from "../../../src/core/session/session-id.js";

describe("session ids and passwords", () => {
  it("derives the passwords that Apache ZooKeeper 3.8.0 derives", () => {
    for (const [id, password] of [
      [0x1000a1b2c3d0000n, "99540115b2ac339b9f3f41ba4b39270b"],
      [0x20000000000000ffn, "2f63a64b79f85779aff6ae70a223e494"],
      [1n, "054cc74a37327db215e702e20c73f005"],
    ] as const) {
      assert.equal(sessionPassword(id).toString("hex"), password);
    }
  });

  it("puts the server into the top byte and leaves room for a counter", () => {
    const id = firstSessionId(5, 1_700_000_000_000);
    assert.equal(BigInt.asUintN(64, id) >> 56n, 5n);
    assert.equal(id & 0xffffn, 0n);
    assert.ok(firstSessionId(5, 1_700_000_000_001) > id);
    assert.ok(firstSessionId(254, 1) < 0n, "signed, as Java has it");
  });

  it("is never the owner of a container", () => {
    assert.equal(firstSessionId(128, 0), -(2n ** 63n) + 1n);
  });

  it("prints as upstream does", () => {
    assert.equal(formatSessionId(0x1000a1b2c3d0000n), "0x1000a1b2c3d0000");
    assert.equal(formatSessionId(-1n), "0xffffffffffffffff");
  });
});
