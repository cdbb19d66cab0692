import { type RandomSource, randomFraction, SeededRandom } from "../../base/random.js";
import { MIX_OPERATIONS, type MixOperation, type MixWorkload } from "../profile/profile.js";

/** Seeds of the purposes a connection draws for, so that what it does stays the same in a closed and in an open loop. */
const PURPOSE = { operations: 0, arrivals: 0x5eed_a11e, sizes: 0x5eed_512e } as const;

/** The seed of one round; round 0 is the warm-up. */
export function roundSeed(seed: number, round: number): number {
  return new SeededRandom(seed, round).uint32();
}

export function operationSource(seed: number, connection: number): RandomSource {
  return new SeededRandom(seed ^ PURPOSE.operations, connection + 1);
}

export function arrivalSource(seed: number, connection: number): RandomSource {
  return new SeededRandom(seed ^ PURPOSE.arrivals, connection + 1);
}

/** Sizes have a stream of their own, so that operations and keys are the same whatever the values are. */
export function sizeSource(seed: number, connection: number): RandomSource {
  return new SeededRandom(seed ^ PURPOSE.sizes, connection + 1);
}

/** What a mix draws from: operations with a weight above 0, in the order of `MIX_OPERATIONS`. */
export interface OperationChoice {
  readonly operations: readonly MixOperation[];
  /** Upper bounds of [0, 1), ascending, one per operation. */
  readonly bounds: readonly number[];
}

export function operationChoice(workload: Pick<MixWorkload, "operations">): OperationChoice {
  const operations = MIX_OPERATIONS.filter((name) => (workload.operations[name] ?? 0) > 0);
  const total = operations.reduce((sum, name) => sum + (workload.operations[name] as number), 0);
  let upTo = 0;
  const bounds = operations.map((name) => {
    upTo += workload.operations[name] as number;
    return upTo / total;
  });
  return { operations, bounds };
}

/** The index of the operation drawn. */
export function drawOperation(choice: OperationChoice, source: RandomSource): number {
  const fraction = source.uint32() / 2 ** 32;
  const last = choice.bounds.length - 1;
  for (let index = 0; index < last; index++) if (fraction < (choice.bounds[index] as number)) return index;
  return last;
}

/** Draws the gap of a Poisson process of rate 1. */
export function exponential(source: RandomSource): number {
  return -Math.log(1 - randomFraction(source));
}
