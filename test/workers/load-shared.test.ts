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

test("a workload's region lies behind the workers' words, whatever thread looks at it", () => {
  const shared = new LoadShared(2, 5);
  shared.region.words.fill(-1);
  assert.ok(shared.region.words.length >= 5);
  assert.deepEqual(shared.totals(), { completed: 0, failed: 0, latencyMicros: 0, connected: 0 });
  assert.equal(shared.othersWritten(0), 0);
  const other = new LoadShared(2, 5, shared.memory);
  other.region.longs[1] = 2n ** 40n;
  assert.equal(shared.region.longs[1], 2n ** 40n);
  assert.equal(shared.region.words[2], 0);
});
