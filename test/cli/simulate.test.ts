import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { noTotals } from "../../src/chaos/simulator/seed-batch.js";
import { runSimulate } from "../../src/cli/simulate.js";
import { Zabench } from "../support/zabench.js";

const zabench = new Zabench(process.cwd(), 60_000);

describe("zabench simulate", () => {
  it("runs as many seeds as asked for, and tells as JSON what was done", async () => {
    const { code, stdout } = await zabench.run(
      "simulate",
      "--seeds",
      "30",
      "--seed",
      "1",
      "--servers",
      "3",
      "--threads",
      "2",
      "--json",
    );
    assert.equal(code, EXIT.ok);
    const { firstSeed, totals, violation, exitCode } = JSON.parse(stdout) as {
      firstSeed: number;
      totals: { seeds: number; writesAcknowledged: number };
      violation: unknown;
      exitCode: number;
    };
    assert.deepEqual([firstSeed, totals.seeds, violation, exitCode], [1, 30, null, EXIT.ok]);
    assert.ok(totals.writesAcknowledged > 100);
  });

  it("ends with 130 on Ctrl-C, and with what was done so far", async () => {
    const simulation = zabench.start("simulate", "--seeds", "1000000", "--threads", "1", "--json");
    await simulation.said(/\d of 1,000,000/);
    simulation.child.kill("SIGINT");
    const { code, stdout, stderr } = await simulation.ended;
    assert.equal(code, EXIT.interrupted, stderr);
    assert.ok((JSON.parse(stdout) as { totals: { seeds: number } }).totals.seeds > 0);
  });

  it("shows the story of a seed that breaks a promise and how to see it again, and ends with 4", async (context) => {
    const lines: string[] = [];
    context.mock.method(process.stdout, "write", (text: string) => lines.push(text) > 0);
    const options = { seeds: "9", seed: "5", servers: "3", profile: "faults", threads: "1", trace: "40", json: false };
    const broken = { seed: 7, violation: "a promise" };
    const code = await runSimulate(options, async () => ({ totals: { ...noTotals(), seeds: 2 }, broken }));
    context.mock.restoreAll();
    const text = lines.join("");
    assert.equal(code, EXIT.inconsistent);
    assert.match(text, /seed 7, its last 40 lines:\n.* ms {2}server/);
    assert.match(text, /seed 7 breaks a promise: a promise\nagain: zabench simulate --seed 7 --seeds 1 --servers 3\n/);
  });

  it("refuses what it cannot do, with what to write instead", async () => {
    for (const words of [
      ["--seeds", "0"],
      ["--servers", "10"],
      ["--profile", "none"],
      ["--seed", "-1"],
    ]) {
      const { code, stderr } = await zabench.run("simulate", ...words);
      assert.equal(code, EXIT.usage, stderr);
    }
  });

  it("explains itself with examples", async () => {
    const { code, stdout } = await zabench.run("simulate", "--help");
    assert.equal(code, EXIT.ok);
    assert.match(stdout, /zabench simulate --seed 1234 --seeds 1/);
  });
});
