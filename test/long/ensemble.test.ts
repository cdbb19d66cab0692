import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { killAndPause } from "../support/ensemble-load.js";
import { haveReal } from "../support/real.js";
import { startTracedEnsemble } from "../support/traced-ensemble.js";

const seed = Number(process.env["ZABENCH_SEED"] ?? randomInt(2 ** 31));

for (const servers of [3, 5]) {
  test(`50 rounds of kills and pauses of ${servers} servers, each kill with everything unsynced taken away (ZABENCH_SEED=${seed})`, async (context) => {
    if (!haveReal(context, spawnSync("strace", ["--version"]).status === 0, "strace", "install strace")) return;
    const ensemble = await startTracedEnsemble(context, { servers, configuration: { snapCount: "2000" } });
    await killAndPause(context, ensemble, { rounds: 50, seed });
    context.diagnostic(`${ensemble.cuts.length} kills, ${ensemble.cuts.flat().length} cuts, ${ensemble.syncs} syncs`);
  });
}
