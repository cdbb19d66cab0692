import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import { runSeeds } from "../../src/chaos/simulator/run-seeds.js";
import type { SimulationProfile } from "../../src/chaos/simulator/simulate.js";

// New seeds each time; ZABENCH_SEED=n repeats from a failing one, ZABENCH_SEEDS=n runs that many.

const FIRST_SEED = Number(process.env["ZABENCH_SEED"] ?? Date.now() % 1_000_000_000);
const RUNS: readonly { readonly profile: SimulationProfile; readonly seeds: number }[] = [
  { profile: "faults", seeds: Number(process.env["ZABENCH_SEEDS"] ?? 1_000) },
  { profile: "stalls", seeds: 100 },
];

describe("the replicated core in simulated time, new seeds", () => {
  for (const { profile, seeds } of RUNS) {
    it(`keeps its promises (${profile}, ${seeds} seeds from ${FIRST_SEED})`, { timeout: 300_000 }, async (context) => {
      context.diagnostic(`first seed ${FIRST_SEED}`);
      const { totals, broken } = await runSeeds({
        firstSeed: FIRST_SEED,
        count: seeds,
        servers: undefined,
        profile,
        threads: availableParallelism(),
        signal: new AbortController().signal,
        onProgress: () => undefined,
      });
      assert.equal(broken, undefined, `seed ${broken?.seed}: ${broken?.violation}`);
      assert.equal(totals.seeds, seeds);
    });
  }
});
