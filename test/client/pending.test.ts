import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PendingRequests, type ReplyHandler } from "../../src/client/pending.js";

describe("pending requests", () => {
  it("leave in the order they came, each with its token", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat()), { maxLength: 400 }), (steps) => {
        const pending = new PendingRequests();
        const model: (readonly [ReplyHandler, number])[] = [];
        for (const token of steps) {
          if (token === null) {
            const expected = model.shift();
            if (expected !== undefined) assert.equal(pending.token, expected[1]);
            assert.equal(pending.shift(), expected?.[0]);
          } else {
            const handler = { onReply: () => undefined };
            pending.push(handler, token);
            model.push([handler, token]);
          }
          assert.equal(pending.length, model.length);
        }
      }),
    );
  });

  it("may be any number", () => {
    const pending = new PendingRequests();
    const handler = { onReply: () => undefined };
    for (let token = 0; token < 1_000; token++) pending.push(handler, token);
    for (let token = 0; token < 1_000; token++) {
      assert.equal(pending.token, token);
      assert.equal(pending.shift(), handler);
    }
    assert.equal(pending.shift(), undefined);
  });
});
