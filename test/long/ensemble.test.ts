import { randomInt } from "node:crypto";
import { test } from "node:test";
import { targetKind } from "../../src/targets/kinds.js";
import { killAndPause } from "../support/ensemble-load.js";

const seed = Number(process.env["ZABENCH_SEED"] ?? randomInt(2 ** 31));

for (const servers of [3, 5]) {
  test(`50 rounds of kills and pauses of ${servers} servers (ZABENCH_SEED=${seed})`, async (context) => {
    const ensemble = await targetKind("core").start({ servers, configuration: { snapCount: "2000" } });
    context.after(() => ensemble.stop());
    await killAndPause(context, ensemble, { rounds: 50, seed });
  });
}
