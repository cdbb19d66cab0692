import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { type TestContext, test } from "node:test";
import { EnsembleLoad, killAndPause, runRounds } from "../support/ensemble-load.js";
import { haveReal } from "../support/real.js";
import { startTracedEnsemble } from "../support/traced-ensemble.js";

const NO_FDATASYNC = new URL("../support/no-fdatasync.js", import.meta.url).href;
const LIMIT = { timeout: 240_000 };
const seed = Number(process.env["ZABENCH_SEED"] ?? randomInt(2 ** 31));

function haveStrace(context: TestContext): boolean {
  return haveReal(context, spawnSync("strace", ["--version"]).status === 0, "strace", "install strace");
}

for (const servers of [3, 5]) {
  test(
    `${servers} servers lose nothing and stay the same in 4 rounds of kills, each with everything unsynced taken away (ZABENCH_SEED=${seed})`,
    LIMIT,
    async (context) => {
      if (!haveStrace(context)) return;
      const ensemble = await startTracedEnsemble(context, { servers, configuration: { snapCount: "400" } });
      await killAndPause(context, ensemble, { rounds: 4, seed });
      const changes = ensemble.cuts.flat();
      context.diagnostic(`${ensemble.syncs} syncs, ${ensemble.cuts.length} kills, ${changes.length} cuts`);
      assert.ok(ensemble.syncs > 50, `${ensemble.syncs} syncs were seen`);
    },
  );
}

test(
  `an ensemble that skips fdatasync is found out when all its servers are killed (ZABENCH_SEED=${seed})`,
  LIMIT,
  async (context) => {
    if (!haveStrace(context)) return;
    const ensemble = await startTracedEnsemble(context, { servers: 3 }, ["--import", NO_FDATASYNC]);
    const load = await EnsembleLoad.start(ensemble, 6);
    context.after(() => load.close());
    const lost = await runRounds(context, ensemble, load, { rounds: 3, seed, killsAll: true });
    assert.match(lost.join("\n"), /not there|was acknowledged/);
  },
);
