import assert from "node:assert/strict";
import { it } from "node:test";
import { ScriptedEnsemble } from "../../support/scripted-ensemble.js";

// The history that simulated servers are held to refuses one that begins to serve and shows parts of later transactions.

const MEMORY = { windowEntriesMin: 2, windowBytesMax: 200_000, inFlightBytesMax: 500 };

it("a learner that is sent a slow image of a changing tree serves only what it has heard the commits of", () => {
  // Longer than a voter may take to acknowledge, shorter than synchronization may take: 10 s and 20 s.
  const ensemble = new ScriptedEnsemble(3, MEMORY, { chunkBytes: 4_000, chunkPauseMs: 350 });
  ensemble.start(1, 2, 3);
  ensemble.connect(ensemble.leader.id);
  const behind = ensemble.servers.find((server) => server !== ensemble.leader)!;
  behind.crash();
  ensemble.run(10);
  // More than the leader keeps in memory.
  ensemble.write(1_500);
  ensemble.transcript();
  const begunMs = ensemble.events.nowMs;
  // What came behind the image is on disk well after NEWLEADER was acknowledged.
  behind.disk.health.syncMs = 100;
  behind.start();
  while (!behind.serving) {
    ensemble.send();
    ensemble.run(100);
    assert.ok(ensemble.events.nowMs - begunMs < 60_000, "it serves in the end");
  }
  const transcript = ensemble.transcript();
  assert.ok(ensemble.events.nowMs - begunMs > 10_000, "the image took longer than an acknowledgement may");
  assert.match(transcript, /install the image/);
  assert.doesNotMatch(transcript, /does not acknowledge/);
});
