import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { randomFraction, SeededRandom } from "../../src/base/random.js";
import {
  CONFIDENCE,
  geometricMean,
  INTERVAL_PAIRS_MIN,
  ratioInterval,
  studentQuantile,
} from "../../src/bench/confidence.js";

test("quantiles of Student's t are those of the tables", () => {
  const table: readonly (readonly [number, number, number])[] = [
    [0.975, 1, 12.7062],
    [0.975, 2, 4.30265],
    [0.975, 5, 2.57058],
    [0.975, 6, 2.44691],
    [0.975, 9, 2.26216],
    [0.975, 19, 2.09302],
    [0.975, 120, 1.97993],
    [0.995, 5, 4.03214],
    [0.95, 10, 1.81246],
    [0.5, 7, 0],
  ];
  for (const [probability, degrees, quantile] of table) {
    const found = studentQuantile(probability, degrees);
    assert.ok(Math.abs(found - quantile) < 1e-4 * Math.max(1, quantile), `t(${degrees}) at ${probability}: ${found}`);
  }
});

const random = new SeededRandom(20_260_101);
const fraction = (): number => 1 - randomFraction(random);
const normal = (): number => Math.sqrt(-2 * Math.log(fraction())) * Math.cos(2 * Math.PI * fraction());
const NOISES: Readonly<Record<string, () => number>> = {
  normal,
  // Heavier tails: one round in ten is four times as noisy, as where a neighbour wakes up.
  "now and then four times as wide": () => normal() * (fraction() < 0.1 ? 4 : 1),
  uniform: () => 2 * fraction() - 1,
  skewed: () => normal() + 0.3 * (normal() ** 2 - 1),
};

const TRIALS = 6_000;

for (const [name, noise] of Object.entries(NOISES)) {
  for (const pairs of [INTERVAL_PAIRS_MIN, 10, 20]) {
    test(`95% intervals of ${pairs} pairs hold the true ratio 93% to 97% of the time: ${name} noise`, () => {
      const truth = 1.7;
      let held = 0;
      for (let trial = 0; trial < TRIALS; trial++) {
        const ratios = Array.from({ length: pairs }, () => truth * Math.exp(0.08 * noise()));
        const interval = ratioInterval(ratios);
        assert.ok(interval !== null);
        if (interval.low <= truth && truth <= interval.high) held++;
      }
      const coverage = held / TRIALS;
      assert.ok(coverage >= 0.93 && coverage <= 0.97, `${coverage} of intervals held the truth`);
    });
  }
}

test("drift that both of a pair feel leaves the interval as narrow as it was", () => {
  const speeds = Array.from({ length: 8 }, (_, round) => 1 + 0.1 * round);
  const jitter = [1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0];
  const ratios = speeds.map((speed, round) => (speed * 2 * jitter[round]!) / speed);
  const interval = ratioInterval(ratios)!;
  assert.ok(interval.high / interval.low < 1.03, `${interval.low} to ${interval.high}`);
});

const ratioList = (min: number): fc.Arbitrary<number[]> =>
  fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: min, maxLength: 24 });

test("the estimate lies within its pairs and within its interval, and inverse ratios have the inverse interval", () => {
  fc.assert(
    fc.property(ratioList(INTERVAL_PAIRS_MIN), (ratios) => {
      const mean = geometricMean(ratios);
      assert.ok(Math.min(...ratios) <= mean && mean <= Math.max(...ratios));
      const interval = ratioInterval(ratios)!;
      assert.equal(interval.confidence, CONFIDENCE);
      assert.ok(interval.low <= mean && mean <= interval.high);
      const inverse = ratioInterval(ratios.map((ratio) => 1 / ratio))!;
      assert.ok(Math.abs(Math.log(inverse.low * interval.high)) < 1e-9);
    }),
  );
});

test("fewer than six pairs have no interval; equal ones have one of no width", () => {
  assert.equal(ratioInterval([1, 2, 3, 4, 5]), null);
  assert.deepEqual(ratioInterval([2, 2, 2, 2, 2, 2]), { confidence: 0.95, low: 2, high: 2 });
});
