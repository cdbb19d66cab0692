import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import type { Distribution } from "../profile/profile.js";

/** Draws a key's number, 0 to keys - 1. */
export type KeyChoice = (source: RandomSource) => number;

/** How one connection of `connections` chooses its keys. */
export function keyChoice(
  distribution: Distribution,
  keys: number,
  connections: number,
  connection: number,
): KeyChoice {
  switch (distribution.kind) {
    case "uniform":
      return (source) => randomBelow(source, keys);
    case "sequential":
      return sequentialKeys(keys, Math.floor((connection * keys) / connections));
    case "zipfian":
      return zipfianKeys(keys, distribution.exponent);
    case "hotSet": {
      const hot = Math.min(keys, Math.max(1, Math.round(keys * distribution.keyShare)));
      if (hot === keys) return (source) => randomBelow(source, keys);
      const { operationShare } = distribution;
      return (source) =>
        randomFraction(source) < operationShare ? randomBelow(source, hot) : hot + randomBelow(source, keys - hot);
    }
  }
}

function sequentialKeys(keys: number, first: number): KeyChoice {
  let next = first;
  return () => {
    const key = next;
    next = key + 1 === keys ? 0 : key + 1;
    return key;
  };
}

/**
 * Exact for any number of keys and any exponent above 0, without a table: rejection-inversion (Hörmann and Derflinger,
 * "Rejection-inversion to generate variates from monotone discrete distributions", ACM TOMACS 6, 1996). A hyperbola that
 * lies above the probabilities is inverted; what falls between the two is drawn again, which is rare.
 */
function zipfianKeys(keys: number, exponent: number): KeyChoice {
  const hull = (x: number): number => x ** -exponent;
  // The integral of the hull and its inverse, in forms that stay exact near an exponent of 1.
  const integral = (x: number): number => {
    const log = Math.log(x);
    return expm1Over((1 - exponent) * log) * log;
  };
  const inverse = (area: number): number => Math.exp(log1pOver(Math.max(-1, area * (1 - exponent))) * area);
  const first = integral(1.5) - 1;
  const last = integral(keys + 0.5);
  /** Nearer to the drawn point than this, no rejection is possible. */
  const sure = 2 - inverse(integral(2.5) - hull(2));
  return (source) => {
    for (;;) {
      const area = last + randomFraction(source) * (first - last);
      const x = inverse(area);
      const rank = Math.min(keys, Math.max(1, Math.round(x)));
      if (rank - x <= sure || area >= integral(rank + 0.5) - hull(rank)) return rank - 1;
    }
  };
}

/** (e^x - 1) / x. */
function expm1Over(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2;
}

/** ln(1 + x) / x. */
function log1pOver(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x / 2;
}
