import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ScriptedEnsemble } from "../../support/scripted-ensemble.js";

// What servers say to each other and write to disk, in the order of simulated time, as files to be read. A change of the
// protocol shows as a difference: look at it, then rewrite the files with
//   ZABENCH_REWRITE=1 node --test build/test/core/zab/transcripts.test.js

const FOLDER = new URL("../../../../test/transcripts/", import.meta.url);
const REWRITE = process.env["ZABENCH_REWRITE"] === "1";

/** An ensemble of three with a session and two znodes, of which nothing is written down. */
function running(options: ConstructorParameters<typeof ScriptedEnsemble>[1] = {}): ScriptedEnsemble {
  const ensemble = new ScriptedEnsemble(3, options);
  ensemble.start(1, 2, 3);
  ensemble.connect(ensemble.leader.id);
  ensemble.write(2);
  ensemble.run(50);
  ensemble.transcript();
  return ensemble;
}

function followerOf(ensemble: ScriptedEnsemble): number {
  return ensemble.servers.find((server) => server !== ensemble.leader)!.id;
}

/** A follower is down while the others write, then comes back. */
function missed(ensemble: ScriptedEnsemble, writes: number): ScriptedEnsemble {
  const follower = followerOf(ensemble);
  ensemble.server(follower).crash();
  ensemble.run(10);
  ensemble.write(writes);
  ensemble.transcript();
  ensemble.note(`server ${follower} comes back, ${writes} writes later`);
  ensemble.start(follower);
  ensemble.settle();
  return ensemble;
}

const SCRIPTS: Readonly<Record<string, () => ScriptedEnsemble>> = {
  "cluster-start": () => {
    const ensemble = new ScriptedEnsemble(3);
    ensemble.start(1, 2, 3);
    ensemble.note("a client of a follower writes");
    ensemble.connect(followerOf(ensemble));
    ensemble.write(1);
    ensemble.run(20);
    return ensemble;
  },
  "follower-restart": () => missed(running(), 0),
  "leader-restart": () => {
    const ensemble = running();
    const { leader } = ensemble;
    ensemble.note("the leader crashes");
    leader.crash();
    const others = ensemble.servers.filter((server) => server !== leader);
    ensemble.until("the others go on", () => others.every((server) => server.serving));
    ensemble.note("it comes back");
    ensemble.start(leader.id);
    return ensemble;
  },
  "sync-diff": () => missed(running(), 3),
  "sync-trunc": () => {
    const ensemble = running();
    const { leader } = ensemble;
    ensemble.note("the leader is cut off, and a client of it writes");
    ensemble.cut(leader.id, true);
    ensemble.send();
    const others = ensemble.servers.filter((server) => server !== leader);
    ensemble.until("the others go on", () => !leader.serving && others.every((server) => server.serving));
    ensemble.connect(ensemble.leader.id);
    ensemble.write(1);
    ensemble.transcript();
    ensemble.note("it reaches the others again");
    ensemble.cut(leader.id, false);
    ensemble.until("it follows", () => leader.serving);
    return ensemble;
  },
  // The leader keeps one proposal in memory.
  "sync-snap": () => missed(running({ windowEntriesMin: 1, windowBytesMax: 2, inFlightBytesMax: 1 }), 3),
};

/** The packet that each kind of synchronization begins with. */
const KIND: Readonly<Record<string, string>> = { "sync-diff": "DIFF", "sync-trunc": "TRUNC", "sync-snap": "SNAP" };

describe("transcripts of the protocol", () => {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    it(name, () => {
      const transcript = script().transcript();
      const file = new URL(`${name}.txt`, FOLDER);
      if (REWRITE) writeFileSync(file, transcript);
      assert.equal(transcript, readFileSync(file, "utf8"));
      const kind = KIND[name];
      if (kind !== undefined) assert.ok(transcript.includes(`  ${kind} `), `no ${kind} in it`);
    });
  }
});
