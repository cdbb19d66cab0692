import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../../src/base/random.js";
import { keyChoice } from "../../src/bench/load/keys.js";
import { populatedSizes, sizeChoice } from "../../src/bench/load/value-sizes.js";
import type { Distribution, ValueSizes } from "../../src/bench/profile/profile.js";

function countsOf(distribution: Distribution, keys: number, draws: number): number[] {
  const choice = keyChoice(distribution, keys, 1, 0);
  const source = new SeededRandom(11, 3);
  const counts = new Array<number>(keys).fill(0);
  for (let draw = 0; draw < draws; draw++) {
    const key = choice(source);
    assert.ok(Number.isInteger(key) && key >= 0 && key < keys, `key ${key} of ${keys}`);
    counts[key]!++;
  }
  return counts;
}

/** Pearson's statistic over the keys, those with few expected draws taken together, and its degrees of freedom. */
function chiSquare(
  counts: readonly number[],
  shares: readonly number[],
  draws: number,
): { sum: number; freedom: number } {
  let sum = 0;
  let cells = 0;
  let observed = 0;
  let expected = 0;
  counts.forEach((count, key) => {
    observed += count;
    expected += shares[key]! * draws;
    if (expected < 20 && key < counts.length - 1) return;
    sum += (observed - expected) ** 2 / expected;
    cells++;
    observed = 0;
    expected = 0;
  });
  return { sum, freedom: cells - 1 };
}

function assertFits(counts: readonly number[], shares: readonly number[], draws: number): void {
  const { sum, freedom } = chiSquare(counts, shares, draws);
  // Four standard deviations above the mean of a chi-square distribution; the seed is fixed.
  assert.ok(sum < freedom + 4 * Math.sqrt(2 * freedom), `chi-square ${sum} with ${freedom} degrees of freedom`);
}

for (const exponent of [0.3, 0.99, 1, 1.000000001, 1.5, 3]) {
  for (const keys of [2, 10, 1_000]) {
    test(`zipfian keys of exponent ${exponent} over ${keys} follow the distribution`, () => {
      const draws = 200_000;
      const weights = Array.from({ length: keys }, (_, key) => (key + 1) ** -exponent);
      const total = weights.reduce((sum, each) => sum + each, 0);
      const counts = countsOf({ kind: "zipfian", exponent }, keys, draws);
      assertFits(
        counts,
        weights.map((each) => each / total),
        draws,
      );
    });
  }
}

test("one key is always drawn, and a hundred million do not take long", () => {
  assert.deepEqual(countsOf({ kind: "zipfian", exponent: 0.99 }, 1, 100), [100]);
  const choice = keyChoice({ kind: "zipfian", exponent: 0.99 }, 1e8, 1, 0);
  const source = new SeededRandom(5);
  let below = 0;
  for (let draw = 0; draw < 50_000; draw++) if (choice(source) < 1_000) below++;
  // (H(1000) / H(1e8) for this exponent, by the Euler-Maclaurin formula.)
  assert.ok(Math.abs(below / 50_000 - 0.3715) < 0.02, `${below}`);
});

test("a hot set of a tenth gets nine tenths of the operations, evenly", () => {
  const draws = 100_000;
  const counts = countsOf({ kind: "hotSet", keyShare: 0.1, operationShare: 0.9 }, 50, draws);
  assertFits(
    counts,
    counts.map((_, key) => (key < 5 ? 0.9 / 5 : 0.1 / 45)),
    draws,
  );
  assert.equal(
    countsOf({ kind: "hotSet", keyShare: 1, operationShare: 0.5 }, 3, 300).reduce((a, b) => a + b),
    300,
  );
});

test("uniform keys are as likely as each other", () => {
  assertFits(countsOf({ kind: "uniform" }, 100, 100_000), new Array<number>(100).fill(0.01), 100_000);
});

test("sequential keys: every connection goes through all of them, from a place of its own", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 }), (keys, connections) => {
      const source = new SeededRandom(1);
      const firsts = Array.from({ length: connections }, (_, connection) => {
        const choice = keyChoice({ kind: "sequential" }, keys, connections, connection);
        const drawn = Array.from({ length: keys }, () => choice(source));
        assert.equal(new Set(drawn).size, keys);
        for (const [at, key] of drawn.entries()) assert.equal(key, (drawn[0]! + at) % keys);
        return drawn[0]!;
      });
      if (connections <= keys) assert.equal(new Set(firsts).size, connections);
    }),
  );
});

function sizesOf(sizes: ValueSizes, draws: number): number[] {
  const choice = sizeChoice(sizes);
  const source = new SeededRandom(2);
  return Array.from({ length: draws }, () => choice(source)).sort((a, b) => a - b);
}

test("value sizes follow their distribution, and stay within its bounds", () => {
  assert.deepEqual(new Set(sizesOf({ kind: "fixed", bytes: 7 }, 10)), new Set([7]));
  const uniform = sizesOf({ kind: "uniform", minBytes: 10, maxBytes: 19 }, 50_000);
  assertFits(
    Array.from({ length: 10 }, (_, at) => uniform.filter((bytes) => bytes === 10 + at).length),
    new Array<number>(10).fill(0.1),
    50_000,
  );
  const sizes = [
    { bytes: 100, weight: 90 },
    { bytes: 0, weight: 9 },
    { bytes: 5_000, weight: 1 },
  ];
  const weighted = sizesOf({ kind: "weighted", sizes }, 50_000);
  assertFits(
    sizes.map(({ bytes }) => weighted.filter((each) => each === bytes).length),
    sizes.map(({ weight }) => weight / 100),
    50_000,
  );
  const lognormal = sizesOf(
    { kind: "lognormal", medianBytes: 1_000, sigma: 0.5, minBytes: 0, maxBytes: 1_000_000 },
    50_000,
  );
  // Quantiles of the lognormal distribution: the median, and one standard deviation to each side of it.
  for (const [quantile, deviations] of [
    [0.1587, -1],
    [0.5, 0],
    [0.8413, 1],
  ] as const) {
    const expected = 1_000 * Math.exp(0.5 * deviations);
    const observed = lognormal[Math.floor(quantile * lognormal.length)]!;
    assert.ok(Math.abs(observed / expected - 1) < 0.03, `quantile ${quantile}: ${observed}, expected ${expected}`);
  }
  const bounded = sizesOf({ kind: "lognormal", medianBytes: 1_000, sigma: 2, minBytes: 500, maxBytes: 2_000 }, 1_000);
  assert.equal(bounded[0], 500);
  assert.equal(bounded.at(-1), 2_000);
});

test("what a key holds at first depends on its number and the seed alone", () => {
  const sizes: ValueSizes = { kind: "uniform", minBytes: 0, maxBytes: 10_000 };
  const first = populatedSizes(sizes, 4);
  const drawn = Array.from({ length: 50 }, (_, key) => first(key));
  assert.deepEqual(Array.from({ length: 50 }, (_, at) => first(49 - at)).reverse(), drawn);
  assert.ok(new Set(drawn).size > 45);
  assert.notDeepEqual(
    Array.from({ length: 50 }, (_, key) => populatedSizes(sizes, 5)(key)),
    drawn,
  );
});
