import { type RandomSource, randomBelow, randomFraction, SeededRandom } from "../../base/random.js";
import type { ValueSizes } from "../profile/profile.js";

/** Draws a value's size in bytes. */
export type SizeChoice = (source: RandomSource) => number;

/** Keys of a populated tree have seeds of their own, so that what a key holds depends on its number alone. */
const POPULATED = 0x51_2e5;

export function sizeChoice(sizes: ValueSizes): SizeChoice {
  switch (sizes.kind) {
    case "fixed":
      return () => sizes.bytes;
    case "uniform":
      return (source) => sizes.minBytes + randomBelow(source, sizes.maxBytes - sizes.minBytes + 1);
    case "weighted":
      return weighted(sizes.sizes);
    case "lognormal": {
      const { medianBytes, sigma, minBytes, maxBytes } = sizes;
      return (source) => {
        const drawn = Math.round(medianBytes * Math.exp(sigma * standardNormal(source)));
        return Math.min(maxBytes, Math.max(minBytes, drawn));
      };
    }
  }
}

/** The size of each populated key's value. */
export function populatedSizes(sizes: ValueSizes, seed: number): (key: number) => number {
  const choice = sizeChoice(sizes);
  return (key) => choice(new SeededRandom(seed ^ POPULATED, key));
}

export function largestBytes(sizes: ValueSizes): number {
  switch (sizes.kind) {
    case "fixed":
      return sizes.bytes;
    case "weighted":
      return Math.max(...sizes.sizes.map(({ bytes }) => bytes));
    default:
      return sizes.maxBytes;
  }
}

function weighted(sizes: Extract<ValueSizes, { kind: "weighted" }>["sizes"]): SizeChoice {
  const total = sizes.reduce((sum, { weight }) => sum + weight, 0);
  let upTo = 0;
  const bounds = sizes.map(({ weight }) => {
    upTo += weight;
    return upTo / total;
  });
  const bytes = sizes.map((each) => each.bytes);
  const last = sizes.length - 1;
  return (source) => {
    const fraction = randomFraction(source);
    let at = 0;
    while (at < last && fraction >= (bounds[at] as number)) at++;
    return bytes[at] as number;
  };
}

/** Box and Muller's transform, of which one of the two variates is used: each call draws as much as any other. */
function standardNormal(source: RandomSource): number {
  const radius = Math.sqrt(-2 * Math.log(1 - randomFraction(source)));
  return radius * Math.cos(2 * Math.PI * randomFraction(source));
}
