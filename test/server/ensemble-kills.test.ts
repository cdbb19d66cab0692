import { randomInt } from "node:crypto";
import { describe, it } from "node:test";
import { targetKind } from "../../src/targets/kinds.js";
import { killAndPause } from "../support/ensemble-load.js";

describe("an ensemble of core servers under kills and pauses", () => {
  const seed = Number(process.env["ZABENCH_SEED"] ?? randomInt(2 ** 31));
  for (const servers of [3, 5]) {
    it(`loses nothing and stays the same: ${servers} servers (ZABENCH_SEED=${seed})`, async (context) => {
      const ensemble = await targetKind("core").start({ servers, configuration: { snapCount: "400" } });
      context.after(() => ensemble.stop());
      await killAndPause(context, ensemble, { rounds: 2, seed });
    });
  }
});
