import { describe, it } from "node:test";
import { assertSame, observe } from "../support/differential.js";
import { clientPort, startFor } from "../support/pair.js";

// The core answers any sequence of requests as Apache ZooKeeper does, down to the zxid of every reply and event.
// ZABENCH_SEED=n repeats a failing seed, ZABENCH_SEEDS=n runs that many new ones.

const SEEDS = Number(process.env["ZABENCH_SEEDS"] ?? 3);
const FIRST_SEED = Number(process.env["ZABENCH_SEED"] ?? Math.floor(Date.now() / 1_000) % 1_000_000);
const STEPS = 600;

describe("core and Apache ZooKeeper, request by request", () => {
  for (let index = 0; index < SEEDS; index++) {
    const seed = FIRST_SEED + index;
    it(`answer alike (seed ${seed})`, { timeout: 120_000 }, async (context) => {
      const zookeeper = await startFor(context, "zookeeper");
      const core = await startFor(context, "core");
      if (zookeeper === undefined || core === undefined) return;
      const options = { seed, steps: STEPS, sessions: 3 };
      const expected = await observe(clientPort(zookeeper), options);
      assertSame(await observe(clientPort(core), options), expected, seed);
    });
  }
});
