import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driverSource } from "../../src/bench/drivers.js";
import type { TargetResult } from "../../src/bench/result.js";
import { loadScenario } from "../../src/chaos/scenario/load.js";
import { runScenario } from "../../src/chaos/scenario/run-scenario.js";
import type { Ensemble } from "../../src/targets/target.js";
import { findToxiproxy, startToxiproxy, TOXIPROXY_REMEDY } from "../../src/targets/toxiproxy.js";
import { startFor } from "../support/pair.js";
import { haveReal } from "../support/real.js";

/** One round of a scenario of zabench's own on one ensemble. */
async function play(name: string, ensemble: Ensemble, toxiproxyUrl: string | undefined): Promise<TargetResult> {
  const loaded = loadScenario(name);
  const members = ensemble.members.map(({ client }) => client);
  const participant = { label: ensemble.target, ensemble, driver: driverSource(ensemble.target, members) };
  const result = await runScenario({
    scenario: { ...loaded, scenario: { ...loaded.scenario, rounds: 1 } },
    participants: [participant],
    toxiproxyUrl,
    signal: new AbortController().signal,
    tell: () => undefined,
  });
  for (const { name: check, verdict, detail } of result.targets[0]!.checks) {
    assert.equal(verdict, "valid", `${check}: ${detail}`);
  }
  return result.targets[0]!;
}

describe("scenarios on real ensembles", () => {
  for (const target of ["core", "zookeeper", "etcd"] as const) {
    it(`leader-kill: ${target} loses no acknowledged write, and the outage is felt`, {
      timeout: 180_000,
    }, async (context) => {
      const ensemble = await startFor(context, target, { servers: 3 });
      if (ensemble === undefined) return;
      const { outages, operations } = await play("leader-kill", ensemble, undefined);
      assert.equal(outages.length, 1);
      const { overallMicros, endMicros, startMicros, perClient } = outages[0]!;
      assert.ok(overallMicros !== null && overallMicros > 10_000 && overallMicros < 15e6, String(overallMicros));
      assert.ok(endMicros !== null && endMicros > startMicros);
      assert.equal(perClient?.count, 6);
      assert.ok(operations[0]!.ok > 100);
    });
  }

  it("latency-link: the toxic is felt while it is there, and only then", { timeout: 120_000 }, async (context) => {
    if (!haveReal(context, findToxiproxy().length > 0, "toxiproxy-server", TOXIPROXY_REMEDY)) return;
    const ensemble = await startFor(context, "zookeeper");
    if (ensemble === undefined) return;
    const toxiproxy = await startToxiproxy();
    try {
      const { outages } = await play("latency-link", ensemble, toxiproxy.url);
      const [before, during, after] = outages[0]!.phases.map(({ latency }) => latency);
      assert.ok(before && during && after);
      assert.ok(during.p50 >= 75_000, `${during.p50} us during, 2 x (50 ± 10) ms are asked for`);
      assert.ok(before.p50 < 40_000 && after.p50 < 40_000, `${before.p50} us before, ${after.p50} us after`);
    } finally {
      await toxiproxy.stop();
    }
  });
});
