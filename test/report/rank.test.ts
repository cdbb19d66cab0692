import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { median, separationProbability } from "../../src/report/rank.js";

test("the median of ascending values", () => {
  assert.equal(median([]), 0);
  assert.equal(median([3]), 3);
  assert.equal(median([1, 2, 9]), 2);
  assert.equal(median([1, 2, 4, 9]), 3);
});

test("complete separation has the probability of one order among all: 1 / C(n + m, n)", () => {
  assert.equal(separationProbability([4, 5, 6], [1, 2, 3]), 1 / 20);
  assert.equal(separationProbability([3, 4], [1, 2]), 1 / 6);
  assert.equal(separationProbability([5, 6, 7, 8], [1, 2, 3, 4]), 1 / 70);
  assert.equal(separationProbability([1, 2, 3], [4, 5, 6]), 1);
  assert.equal(separationProbability([], [1]), 1);
});

test("it is the share of all ways to deal the values out that separate as much", () => {
  const values = fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(values, fc.nat({ max: 7 }), (all, cut) => {
      const size = Math.min(cut, all.length - 1) || 1;
      const wins = (higher: readonly number[], lower: readonly number[]): number =>
        higher.reduce((sum, high) => sum + lower.filter((low) => high > low).length, 0);
      const observed = wins(all.slice(0, size), all.slice(size));
      let ways = 0;
      let beyond = 0;
      for (let mask = 0; mask < 2 ** all.length; mask++) {
        const higher = all.filter((_, index) => (mask >> index) & 1);
        if (higher.length !== size) continue;
        ways++;
        const lower = all.filter((_, index) => !((mask >> index) & 1));
        if (wins(higher, lower) >= observed) beyond++;
      }
      assert.ok(Math.abs(separationProbability(all.slice(0, size), all.slice(size)) - beyond / ways) < 1e-12);
    }),
    { numRuns: 100 },
  );
});
