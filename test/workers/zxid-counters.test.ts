import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { makeZxid } from "../../src/base/zxid.js";
import { ZXID_STAGES, ZxidCounters } from "../../src/workers/zxid-counters.js";

test("every stage begins at 0 and keeps its own value, also for who was given the memory", () => {
  const counters = new ZxidCounters();
  for (const stage of ZXID_STAGES) assert.equal(counters.read(stage), 0);
  const other = new ZxidCounters(counters.shared);
  for (const [index, stage] of ZXID_STAGES.entries()) counters.advance(stage, makeZxid(index, 0xffff_fff0 + index));
  for (const [index, stage] of ZXID_STAGES.entries())
    assert.equal(other.read(stage), makeZxid(index, 0xffff_fff0 + index));
});

test("a reader on another thread never sees the epoch of one zxid with the counter of another", async () => {
  const counters = new ZxidCounters();
  // The writer gives every epoch counters of its own, 1000 times the epoch and up, so that any mixture shows.
  const writer = new Worker(new URL("./zxid-writer.js", import.meta.url), { workerData: counters.shared });
  const ended = new Promise((resolve) => writer.once("exit", resolve));
  let changes = 0;
  let last = 0;
  // Until it has seen enough, since a busy machine may give the writer its first turn late.
  for (const stop = Date.now() + 30_000; changes < 100_000 && Date.now() < stop; ) {
    for (let round = 0; round < 10_000; round++) {
      const zxid = counters.read("committed");
      if (zxid === last) continue;
      const epoch = Math.floor(zxid / 2 ** 32);
      const counter = zxid % 2 ** 32;
      if (Math.floor(counter / 1_000) !== epoch || zxid < last) assert.fail(`torn: ${epoch}, ${counter} after ${last}`);
      last = zxid;
      changes++;
    }
  }
  await writer.terminate();
  await ended;
  assert.ok(changes > 1_000, `only ${changes} changes were seen`);
});
