import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { simulate } from "../../../src/chaos/simulator/simulate.js";
import { MUTANTS } from "./mutants.js";

// New seeds each time; ZABENCH_SEED=n repeats from a failing one.
const FIRST_SEED = Number(process.env["ZABENCH_SEED"] ?? Date.now() % 1_000_000_000);
const SEEDS = 60;

describe("ZAB in simulated time", () => {
  it(`keeps its promises (${SEEDS} seeds from ${FIRST_SEED})`, () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const verdict = simulate(seed);
      assert.equal(verdict.violation, undefined, `seed ${seed}: ${String(verdict.violation)}`);
    }
  });

  it("repeats a seed event for event", () => {
    assert.deepEqual(simulate(7), simulate(7));
  });

  // The mutants that random schedules find soon; the others of the table need schedules that are aimed at them.
  for (const name of [
    "acknowledge before sync",
    "reply before commit",
    "commit on a minority",
    "skip TRUNC",
    "UPTODATE before the quorum's NEWLEADER acknowledgements",
  ]) {
    it(`finds the mutant: ${name}`, () => {
      const parts = MUTANTS[name];
      assert.ok(parts !== undefined);
      const found = Array.from({ length: 20 }, (_, index) => index + 1).some(
        (seed) => simulate(seed, { parts }).violation !== undefined,
      );
      assert.ok(found, "in none of 20 seeds");
    });
  }
});
