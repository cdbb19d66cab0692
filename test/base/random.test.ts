import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { randomBelow, randomFraction, SeededRandom } from "../../src/base/random.js";

function draw(random: SeededRandom, count: number): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

describe("seeded random", () => {
  it("repeats from its seed", () => {
    assert.deepEqual(draw(new SeededRandom(7, 3), 50), draw(new SeededRandom(7, 3), 50));
  });

  it("differs by seed and by stream, from the first draw on", () => {
    const first = new Set<number>();
    for (let seed = 0; seed < 100; seed++) {
      for (let stream = 0; stream < 100; stream++) first.add(new SeededRandom(seed, stream).uint32());
    }
    // Ten thousand draws of 32 bits hold a dozen equal pairs about once in 10^30 tries.
    assert(first.size > 9_988, `${10_000 - first.size} equal first draws`);
  });

  it("is uniform, as far as a chi-squared test over 64 cells tells", () => {
    const cells = new Array<number>(64).fill(0);
    const random = new SeededRandom(1);
    const draws = 64_000;
    for (let index = 0; index < draws; index++) {
      const cell = randomBelow(random, cells.length);
      cells[cell] = (cells[cell] as number) + 1;
    }
    const expected = draws / 64;
    const chiSquared = cells.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    // 63 degrees of freedom: beyond 120 once in 100,000 seeds, and below 25 as seldom.
    assert(chiSquared < 120 && chiSquared > 25, `chi-squared ${chiSquared}`);
  });

  it("stays below its bound", () => {
    const random = new SeededRandom(2);
    for (const bound of [1, 2, 3, 1_000_003]) {
      for (let index = 0; index < 2_000; index++) {
        const value = randomBelow(random, bound);
        assert(Number.isInteger(value) && value >= 0 && value < bound);
      }
    }
    assert.equal(randomBelow({ uint32: () => 0xffff_ffff }, 10), 9);
    assert(randomFraction({ uint32: () => 0xffff_ffff }) < 1);
    assert.equal(randomFraction({ uint32: () => 0 }), 0);
  });
});
