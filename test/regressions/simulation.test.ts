import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type SimulationProfile, simulate } from "../../src/chaos/simulator/simulate.js";

interface FoundSeed {
  readonly seed: number;
  readonly profile: SimulationProfile;
  readonly story: string;
}

/** Seeds that failed once, with what it was; `zabench simulate --seed n --seeds 1` shows one. */
const FOUND: readonly FoundSeed[] = [
  {
    seed: 20_026,
    profile: "faults",
    story: "a close that a client had asked for ended the session after the client had come back to it elsewhere",
  },
  {
    seed: 1_012_841,
    profile: "faults",
    story: "a server's clock ran backwards by a rounding error where its rate changed",
  },
  {
    seed: 1_001_801,
    profile: "faults",
    story: "after everything had healed nobody who was left wanted to write",
  },
  {
    seed: 2_003_498,
    profile: "faults",
    story: "a leader heard in one turn of a write and of its session's move behind it, and moved the session first",
  },
  {
    seed: 7_001_638,
    profile: "faults",
    story: "a leader gave up a quorum that was still taking its images, and so did each leader after it",
  },
  {
    seed: 7_102_282,
    profile: "faults",
    story: "a learner whose image took long was outrun again and again by what its leader keeps for it",
  },
  {
    seed: 257_366_574,
    profile: "faults",
    story: "the simulated network gave the end of an image to a server that had begun again since, by the same number",
  },
];

describe("seeds that failed once", () => {
  for (const { seed, profile, story } of FOUND) {
    it(`${seed}, ${profile}: ${story}`, () => assert.equal(simulate(seed, { profile }).violation, undefined));
  }
});
