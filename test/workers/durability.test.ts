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

const SERVER = fileURLToPath(new URL("../support/tiny-server.js", import.meta.url));
const NO_FDATASYNC = new URL("../support/no-fdatasync.js", import.meta.url).href;

async function check(
  context: TestContext,
  rounds: number,
  nodeArguments: readonly string[],
  configuration: readonly string[],
): Promise<DurabilityResult | undefined> {
  if (!haveReal(context, spawnSync("strace", ["--version"]).status === 0, "strace", "install strace")) return undefined;
  const workFolder = temporaryFolder(context);
  const dataFolder = join(workFolder, "data");
  mkdirSync(dataFolder);
  const port = await freePort();
  const file = join(workFolder, "zoo.cfg");
  writeFileSync(file, [`dataDir=${dataFolder}`, `clientPort=${port}`, ...configuration].join("\n"));
  const seed = Number(process.env["SEED"] ?? Date.now() % 1e9);
  context.diagnostic(`SEED=${seed}`);
  const command = [process.execPath, ...nodeArguments, SERVER, file];
  return checkDurability({ command, port, dataFolder, workFolder, rounds, seed });
}

for (const [thread, configuration] of [
  ["calling", "inlineSyncMicrosMax=1e9"],
  ["log", "inlineSyncMicrosMax=0"],
] as const) {
  test(`nothing acknowledged is lost when everything unsynced is, syncing on the ${thread} thread`, async (context) => {
    const result = await check(context, 3, [], [configuration]);
    if (result === undefined) return;
    assert.deepEqual(result.lost, []);
    assert.equal(result.rounds, 3);
    assert.ok(result.acknowledged >= 900 && result.syncs > 30, `${result.acknowledged} writes, ${result.syncs} syncs`);
    for (const change of result.cuts.flat()) context.diagnostic(change);
  });

  test(`a server that skips fdatasync on the ${thread} thread is found out`, async (context) => {
    const result = await check(context, 3, ["--import", NO_FDATASYNC], [configuration]);
    if (result === undefined) return;
    assert.notDeepEqual(result.lost, []);
  });
}

test("a server told not to sync is found out", async (context) => {
  const result = await check(context, 3, [], ["forceSync=no"]);
  if (result === undefined) return;
  assert.notDeepEqual(result.lost, []);
});
