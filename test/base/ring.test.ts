import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RingBuffer } from "../../src/base/ring.js";

type Step = { readonly push: number } | "shift" | "clear";

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ push: fc.nat() }) },
  { weight: 3, arbitrary: fc.constant("shift" as const) },
  { weight: 1, arbitrary: fc.constant("clear" as const) },
);

describe("a ring buffer", () => {
  it("does what an array does", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 9 }), (steps, capacity) => {
        const ring = new RingBuffer<number>(capacity);
        const model: number[] = [];
        for (const each of steps) {
          if (each === "shift") assert.equal(ring.shift(), model.shift());
          else if (each === "clear") {
            ring.clear();
            model.length = 0;
          } else {
            ring.push(each.push);
            model.push(each.push);
          }
          assert.equal(ring.length, model.length);
          assert.equal(ring.peek(), model[0]);
          assert.deepEqual([...ring], model);
        }
      }),
      { numRuns: 300 },
    );
  });
});
