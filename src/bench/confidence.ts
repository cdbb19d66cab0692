import { assert } from "../base/assert.js";

/** Fewer pairs than this, and an interval would be as wide as it is worthless: none is given. */
export const INTERVAL_PAIRS_MIN = 6;
export const CONFIDENCE = 0.95;

/** `low` <= the geometric mean <= `high`. */
export interface RatioInterval {
  readonly confidence: number;
  readonly low: number;
  readonly high: number;
}

/** The mean of ratios: 2 and 1/2 make 1. It lies between the smallest and the largest of them. */
export function geometricMean(ratios: readonly number[]): number {
  assert(ratios.length > 0, "a mean needs something to be the mean of");
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  // Rounding may carry it a last digit beyond ratios that are all equal.
  return Math.min(Math.max(mean, Math.min(...ratios)), Math.max(...ratios));
}

/**
 * The 95% confidence interval of the ratio that the pairs scatter around: Student's t on the logarithms of paired ratios.
 *
 * Why this one. Rounds of the targets take turns, so the two of a pair saw the same machine a few seconds apart: taking
 * their ratio first removes what drifts (page cache, frequency, neighbours), which an interval from two separate means
 * would count as noise. Logarithms, because noise on speed is multiplicative, a ratio and its inverse must give the same
 * interval mirrored, and an interval must not reach below 0. Each figure of a round is made of thousands of operations, so
 * that logarithms of ratios are near to normal, where t is exact for any number of pairs. A percentile bootstrap of 6
 * values covers about 87% instead of 95, BCa is no better (it estimates its acceleration from the same 6), and a signed-rank
 * interval of 6 pairs is their whole range. What t asks for is tested by simulation: 93% to 97% of intervals hold the truth,
 * for normal ratios and for ones with heavier or lighter tails.
 *
 * Null where there are fewer than `INTERVAL_PAIRS_MIN` pairs. Every ratio must be above 0.
 */
export function ratioInterval(ratios: readonly number[]): RatioInterval | null {
  const count = ratios.length;
  if (count < INTERVAL_PAIRS_MIN) return null;
  const logarithms = ratios.map((ratio) => Math.log(ratio));
  const mean = logarithms.reduce((sum, value) => sum + value, 0) / count;
  const variance = logarithms.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const reach = studentQuantile(1 - (1 - CONFIDENCE) / 2, count - 1) * Math.sqrt(variance / count);
  const middle = geometricMean(ratios);
  return {
    confidence: CONFIDENCE,
    low: Math.min(middle, Math.exp(mean - reach)),
    high: Math.max(middle, Math.exp(mean + reach)),
  };
}

/** What Student's t with so many degrees of freedom stays below with this probability, from 0.5 to below 1. */
export function studentQuantile(probability: number, degreesOfFreedom: number): number {
  assert(probability >= 0.5 && probability < 1, "a quantile of the upper half");
  let low = 0;
  let high = 1;
  while (studentProbability(high, degreesOfFreedom) < probability) high *= 2;
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2;
    if (studentProbability(middle, degreesOfFreedom) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** How probable it is that Student's t lies below `t` >= 0: the finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4. */
function studentProbability(t: number, degreesOfFreedom: number): number {
  const angle = Math.atan(t / Math.sqrt(degreesOfFreedom));
  const odd = degreesOfFreedom % 2 === 1;
  const squared = Math.cos(angle) ** 2;
  let term = odd ? Math.cos(angle) : 1;
  let sum = degreesOfFreedom === 1 ? 0 : term;
  for (let factor = odd ? 3 : 2; factor < degreesOfFreedom; factor += 2) {
    term *= ((factor - 1) / factor) * squared;
    sum += term;
  }
  const within = odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
  return 0.5 + within / 2;
}
