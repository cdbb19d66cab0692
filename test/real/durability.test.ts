import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkDurability, type DurabilityResult } from "../support/durability.js";
import { freePort } from "../support/ports.js";
import { haveReal } from "../support/real.js";
import { temporaryFolder } from "../support/temporary.js";

const CORE = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const NO_FDATASYNC = new URL("../support/no-fdatasync.js", import.meta.url).href;
const ROUNDS = 20;

function found(command: string): boolean {
  return spawnSync(command, ["--version"]).error === undefined;
}

interface Prepared {
  check(command: (configurationFile: string) => readonly string[], rounds: number): Promise<DurabilityResult>;
}

async function prepare(context: TestContext, configuration: readonly string[]): Promise<Prepared | undefined> {
  if (!haveReal(context, found("strace"), "strace", "install strace")) return undefined;
  const workFolder = temporaryFolder(context);
  const dataFolder = join(workFolder, "data");
  mkdirSync(dataFolder);
  const port = await freePort();
  const file = join(workFolder, "zoo.cfg");
  const lines = [`dataDir=${dataFolder}`, `clientPort=${port}`, "tickTime=2000", ...configuration];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const seed = Number(process.env["SEED"] ?? Date.now() % 1e9);
  context.diagnostic(`SEED=${seed}`);
  return {
    check: async (command, rounds) => {
      const result = await checkDurability({ command: command(file), port, dataFolder, workFolder, rounds, seed });
      const { acknowledged, syncs, cuts } = result;
      context.diagnostic(
        `${result.rounds} rounds, ${acknowledged} writes acknowledged, ${syncs} syncs, ${cuts.flat().length} cuts`,
      );
      return result;
    },
  };
}

test("the core loses no acknowledged write in 20 kills, each with everything unsynced taken away", {
  timeout: 240_000,
}, async (context) => {
  const prepared = await prepare(context, []);
  const result = await prepared?.check((file) => [process.execPath, CORE, "serve", file], ROUNDS);
  if (result === undefined) return;
  assert.deepEqual(result.lost, []);
  assert.equal(result.rounds, ROUNDS);
  assert.ok(result.acknowledged >= ROUNDS * 300);
});

test("a core that skips fdatasync is found out by the same check", { timeout: 240_000 }, async (context) => {
  const prepared = await prepare(context, []);
  const command = (file: string) => [process.execPath, "--import", NO_FDATASYNC, CORE, "serve", file];
  const result = await prepared?.check(command, ROUNDS);
  if (result === undefined) return;
  assert.notDeepEqual(result.lost, []);
});
