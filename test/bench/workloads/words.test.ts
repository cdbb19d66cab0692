import assert from "node:assert/strict";
import { test } from "node:test";
import { LOCK_WORDS, LockWords } from "../../../src/bench/workloads/lock/lock-words.js";
import { WATCH_WORDS, WatchWords } from "../../../src/bench/workloads/watch-fanout/watch-words.js";
import { LoadShared } from "../../../src/workers/load-shared.js";

test("the words of one lock and those of another do not overlap", () => {
  const { region } = new LoadShared(2, 2 * LOCK_WORDS);
  const [first, second] = [new LockWords(region, 0), new LockWords(region, 1)];
  assert.equal(first.enter(), 0);
  assert.equal(first.enter(), 1);
  assert.equal(second.enter(), 0);
  assert.equal(first.exchangeToken(0), -1);
  assert.equal(first.exchangeToken(9), 0);
  assert.equal(second.exchangeToken(1), -1);
  assert.equal(first.exchangeReleasedAt(1_000_000_000_000), 0);
  assert.equal(first.exchangeReleasedAt(0), 1_000_000_000_000);
  assert.equal(second.exchangeReleasedAt(0), 0);
  assert.equal(first.addWaiter(1), 0);
  assert.equal(second.waiters, 0);
  assert.equal(first.waiters, 1);
});

test("the words of a fan-out do not overlap, and wake who waits for them", async () => {
  const watch = new WatchWords(new LoadShared(2, WATCH_WORDS).region);
  watch.begin(5_000);
  watch.conclude(2 ** 45);
  assert.equal(watch.arrive(), 1);
  assert.equal(watch.startedMicros, 5_000);
  assert.deepEqual(watch.changes, { certain: 1, uncertain: 0, lastOrder: 2 ** 45 });
  // A wait of Atomics.waitAsync does not keep the event loop alive by itself.
  const alive = setInterval(() => undefined, 1_000);
  const delivered = watch.delivered();
  watch.deliver();
  assert.equal(await delivered, true);
  watch.begin(6_000);
  const given = watch.delivered();
  watch.giveUp();
  assert.equal(await given, false);
  clearInterval(alive);
});
