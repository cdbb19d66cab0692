import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { COUNTER_MAX, counterOf, EPOCH_MAX, epochOf, formatZxid, makeZxid } from "../../src/base/zxid.js";

const epoch = fc.integer({ min: 0, max: EPOCH_MAX });
const counter = fc.integer({ min: 0, max: COUNTER_MAX });

describe("a zxid", () => {
  it("is its epoch and its counter, exactly", () => {
    fc.assert(
      fc.property(epoch, counter, (high, low) => {
        const zxid = makeZxid(high, low);
        assert(Number.isSafeInteger(zxid));
        assert.deepEqual([epochOf(zxid), counterOf(zxid)], [high, low]);
        assert.equal(formatZxid(zxid), ((BigInt(high) << 32n) | BigInt(low)).toString(16));
      }),
    );
  });

  it("orders by epoch, then by counter", () => {
    fc.assert(
      fc.property(epoch, counter, epoch, counter, (e1, c1, e2, c2) => {
        assert.equal(makeZxid(e1, c1) < makeZxid(e2, c2), e1 < e2 || (e1 === e2 && c1 < c2));
      }),
    );
  });

  it("out of range is a bug", () => {
    assert.throws(() => makeZxid(EPOCH_MAX + 1, 0), /epoch out of range/);
    assert.throws(() => makeZxid(-1, 0), /epoch out of range/);
    assert.throws(() => makeZxid(0, COUNTER_MAX + 1), /counter out of range/);
  });

  it("is written as upstream names its files", () => {
    assert.equal(formatZxid(0), "0");
    assert.equal(formatZxid(makeZxid(1, 5)), "100000005");
    assert.equal(formatZxid(-1), "ffffffffffffffff");
  });
});
