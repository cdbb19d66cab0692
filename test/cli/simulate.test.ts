import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { EXIT } from "../../src/base/user-error.js";
import { noTotals } from "../../src/chaos/simulator/seed-batch.js";
import { runSimulate } from "../../src/cli/simulate.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

function zabench(...words: readonly string[]): {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
} {
  const ran = spawnSync(process.execPath, [MAIN, "simulate", ...words], { encoding: "utf8", timeout: 60_000 });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}

describe("zabench simulate", () => {
  it("runs as many seeds as asked for, and tells as JSON what was done", () => {
    const { code, out } = zabench("--seeds", "30", "--seed", "1", "--servers", "3", "--threads", "2", "--json");
    assert.equal(code, EXIT.ok);
    const { firstSeed, totals, violation, exitCode } = JSON.parse(out) as {
      firstSeed: number;
      totals: { seeds: number; writesAcknowledged: number };
      violation: unknown;
      exitCode: number;
    };
    assert.deepEqual([firstSeed, totals.seeds, violation, exitCode], [1, 30, null, EXIT.ok]);
    assert.ok(totals.writesAcknowledged > 100);
  });

  it("ends with 130 on Ctrl-C, and with what was done so far", { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, [MAIN, "simulate", "--seeds", "1000000", "--threads", "1", "--json"]);
    let out = "";
    let err = "";
    let interrupted = false;
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      err += String(chunk);
      // A second one would end it at once.
      if (!interrupted && /\d of 1,000,000/.test(err)) {
        interrupted = true;
        child.kill("SIGINT");
      }
    });
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, EXIT.interrupted, err);
    assert.ok((JSON.parse(out) as { totals: { seeds: number } }).totals.seeds > 0);
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

  it("refuses what it cannot do, with what to write instead", () => {
    for (const words of [
      ["--seeds", "0"],
      ["--servers", "10"],
      ["--profile", "none"],
      ["--seed", "-1"],
    ]) {
      const { code, err } = zabench(...words);
      assert.equal(code, EXIT.usage, err);
    }
  });

  it("explains itself with examples", () => {
    const { code, out } = zabench("--help");
    assert.equal(code, EXIT.ok);
    assert.match(out, /zabench simulate --seed 1234 --seeds 1/);
  });
});
