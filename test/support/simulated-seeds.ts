import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { it } from "node:test";
import { runSeeds } from "../../src/chaos/simulator/run-seeds.js";
import type { SimulationProfile } from "../../src/chaos/simulator/simulate.js";

const FIRST_SEED = Number(process.env["ZABENCH_SEED"] ?? Date.now() % 1_000_000_000);

/**
 * Defines a test for each profile: so many new seeds each time it is run. ZABENCH_SEED=n repeats from a failing one,
 * ZABENCH_SEEDS=n runs that many of `faults`.
 */
export function itKeepsItsPromises(seeds: Readonly<Record<SimulationProfile, number>>, timeoutMs: number): void {
  const faults = Number(process.env["ZABENCH_SEEDS"] ?? seeds.faults);
  for (const [profile, count] of [
    ["faults", faults],
    ["stalls", seeds.stalls],
  ] as const) {
    it(`keeps its promises (${profile}, ${count} seeds from ${FIRST_SEED})`, {
      timeout: timeoutMs,
    }, async (context) => {
      context.diagnostic(`first seed ${FIRST_SEED}`);
      const { totals, broken } = await runSeeds({
        firstSeed: FIRST_SEED,
        count,
        servers: undefined,
        profile,
        threads: availableParallelism(),
        signal: new AbortController().signal,
        onProgress: () => undefined,
      });
      assert.equal(broken, undefined, `seed ${broken?.seed}: ${broken?.violation}`);
      assert.equal(totals.seeds, count);
    });
  }
}
