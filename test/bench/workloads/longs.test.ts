import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SharedLong, SharedRing } from "../../../src/bench/workloads/longs.js";
import { LoadShared } from "../../../src/workers/load-shared.js";

test("a shared number holds what is beyond 32 bits, and does not touch its neighbours", () => {
  const { region } = new LoadShared(1, 6);
  const [first, second, third] = [0, 1, 2].map((at) => new SharedLong(region, at)) as [
    SharedLong,
    SharedLong,
    SharedLong,
  ];
  assert.equal(second.exchange(2 ** 52), 0);
  assert.equal(second.add(-1), 2 ** 52 - 1);
  assert.equal(second.raise(5), 2 ** 52 - 1, "what was there");
  assert.equal(second.value, 2 ** 52 - 1, "it never falls");
  assert.equal(second.raise(2 ** 52), 2 ** 52 - 1);
  assert.equal(second.value, 2 ** 52);
  assert.deepEqual([first.value, third.value], [0, 0]);
});

test("a ring knows each number that was taken twice, as far back as it is long", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 }),
      (length, numbers) => {
        const ring = new SharedRing(new LoadShared(1, length + 2).region, 1, length);
        const taken: number[] = [];
        for (const number of numbers) {
          const known = taken.findLast((each) => each % length === number % length) === number;
          assert.equal(ring.take(number), !known, `${number} after ${taken}`);
          taken.push(number);
        }
      },
    ),
  );
});
