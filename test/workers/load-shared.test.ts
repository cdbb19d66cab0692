import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LoadShared, totalsSince } from "../../src/workers/load-shared.js";

test("a worker sees how far the others' writes reach, and never its own", () => {
  const shared = new LoadShared(3, 0);
  shared.counters(0).publishWritten(7);
  shared.counters(2).publishWritten(2 ** 40 + 5);
  assert.equal(shared.othersWritten(0), 2 ** 40 + 5);
  assert.equal(shared.othersWritten(1), 2 ** 40 + 5);
  assert.equal(shared.othersWritten(2), 7);
});

test("read between the two stores of a position, a worker sees no more than the truth", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (one, other) => {
      const [before, after] = one < other ? [one, other] : [other, one];
      const shared = new LoadShared(2, 0);
      shared.counters(0).publishWritten(before);
      const store = Atomics.store;
      let seen: number | undefined;
      Atomics.store = ((array: Int32Array, index: number, value: number) => {
        const stored = store(array, index, value);
        seen ??= shared.othersWritten(1);
        return stored;
      }) as typeof Atomics.store;
      try {
        shared.counters(0).publishWritten(after);
      } finally {
        Atomics.store = store;
      }
      assert.ok(seen !== undefined && seen <= after, `${seen} of ${before} to ${after}`);
      assert.equal(shared.othersWritten(1), after);
    }),
  );
});

test("totals are summed over workers, and differences are right across a wrap", () => {
  const shared = new LoadShared(2, 0);
  shared.counters(0).complete(640);
  shared.counters(1).complete(1_280);
  shared.counters(1).fail();
  shared.counters(0).addConnected(1);
  assert.deepEqual(shared.totals(), { completed: 2, failed: 1, latencyMicros: 1_920, connected: 1 });
  const near = { completed: 2 ** 32 - 5, failed: 0, latencyMicros: 0, connected: 1 };
  assert.equal(totalsSince(near, { ...near, completed: 10 }).completed, 15);
});

test("the words of one lock, of another and of the watch do not overlap", async () => {
  const shared = new LoadShared(2, 2);
  const [first, second, watch] = [shared.lock(0), shared.lock(1), shared.watch()];
  assert.equal(first.enter(), 0);
  assert.equal(first.enter(), 1);
  assert.equal(second.enter(), 0);
  assert.equal(first.exchangeToken(0), -1);
  assert.equal(first.exchangeToken(9), 0);
  assert.equal(second.exchangeToken(1), -1);
  assert.equal(first.exchangeReleasedAt(1_000_000_000_000), 0);
  assert.equal(first.exchangeReleasedAt(0), 1_000_000_000_000);
  assert.equal(second.exchangeReleasedAt(0), 0);
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
  assert.equal(second.waiters, 0);
  assert.deepEqual(shared.totals(), { completed: 0, failed: 0, latencyMicros: 0, connected: 0 });
});
