import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ERROR, errorName } from "../../src/jute/errors.js";
import { OP, opName } from "../../src/jute/opcodes.js";

describe("tables of the protocol", () => {
  it("name each opcode once", () => {
    for (const [name, code] of Object.entries(OP)) assert.equal(opName(code), name);
    assert.equal(opName(77), undefined);
  });

  it("name each error once", () => {
    for (const [name, code] of Object.entries(ERROR)) assert.equal(errorName(code), name);
    assert.equal(errorName(-126), undefined);
  });
});
