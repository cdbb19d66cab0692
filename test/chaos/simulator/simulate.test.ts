import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { simulate } from "../../../src/chaos/simulator/simulate.js";
import { MUTANTS } from "./mutants.js";

// ZABENCH_SEED=n runs other seeds instead of those of the commit; `zabench simulate --seed n --seeds 1` shows one.

const FIXED_SEEDS = 50;
const COMMIT_SEEDS = 60;
const STALL_SEEDS = 8;

/** The same seeds for everybody who tests a commit, others for the next. */
function seedOfCommit(): number {
  const { status, stdout } = spawnSync("git", ["rev-parse", "HEAD"], { cwd: import.meta.dirname, encoding: "utf8" });
  return status === 0 ? Number.parseInt(stdout.slice(0, 7), 16) : 0;
}

function keepsPromises(firstSeed: number, count: number, profile: "faults" | "stalls"): void {
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const { violation } = simulate(seed, { profile });
    assert.equal(violation, undefined, `seed ${seed}, profile ${profile}: ${String(violation)}`);
  }
}

const commitSeed = Number(process.env["ZABENCH_SEED"] ?? seedOfCommit());

describe("the replicated core in simulated time", () => {
  it(`keeps its promises under faults (seeds 1 to ${FIXED_SEEDS})`, () => keepsPromises(1, FIXED_SEEDS, "faults"));

  it(`keeps its promises under faults (${COMMIT_SEEDS} seeds from ${commitSeed})`, () =>
    keepsPromises(commitSeed, COMMIT_SEEDS, "faults"));

  it(`gives nobody up for jitter of 50 ms and stalls of 500 ms (${STALL_SEEDS} seeds from ${commitSeed})`, () =>
    keepsPromises(commitSeed, STALL_SEEDS, "stalls"));

  it("repeats a seed event for event", () => {
    assert.deepEqual(simulate(7, { traceLines: 1_000 }), simulate(7, { traceLines: 1_000 }));
  });

  it("does with clients all that is promised to them", () => {
    const totals = Array.from({ length: 20 }, (_, index) => simulate(index + 1).totals);
    for (const name of ["writesAcknowledged", "readsAnswered", "syncsAnswered", "events", "reconnects"] as const) {
      assert.ok(
        totals.some((each) => each[name] > 0),
        `no ${name}`,
      );
    }
  });
});

describe("the simulation finds each mutant", () => {
  for (const [name, { parts, withinSeeds }] of Object.entries(MUTANTS)) {
    it(`${name}, within ${withinSeeds} seeds`, (context) => {
      for (let seed = 1; seed <= withinSeeds; seed++) {
        const { violation } = simulate(seed, { parts });
        if (violation === undefined) continue;
        context.diagnostic(`seed ${seed}: ${violation}`);
        return;
      }
      assert.fail(`not in ${withinSeeds} seeds`);
    });
  }
});
