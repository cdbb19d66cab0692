import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SessionTracker } from "../../../src/core/session/session-tracker.js";

describe("session expiry", () => {
  it("expires a session no sooner than its timeout and no later than one tick after", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 50_000 }),
        fc.nat(100_000),
        (tickMs, timeoutMs, beginMs) => {
          const tracker = new SessionTracker(tickMs, beginMs);
          tracker.add(1n, timeoutMs, beginMs);
          assert.deepEqual(tracker.takeExpired(beginMs + timeoutMs - 1), []);
          assert.deepEqual(
            tracker.takeExpired(beginMs + timeoutMs + tickMs).map(({ id }) => id),
            [1n],
          );
        },
      ),
    );
  });

  it("goes by the timeout that a session was given last, longer or shorter", () => {
    const tracker = new SessionTracker(100, 0);
    const longer = tracker.add(1n, 1_000, 0);
    const shorter = tracker.add(2n, 5_000, 0);
    tracker.touch(longer, 0, 5_000);
    tracker.touch(shorter, 0, 1_000);
    tracker.touch(longer, 100);
    assert.deepEqual(
      tracker.takeExpired(5_000).map(({ id }) => id),
      [2n],
    );
    assert.deepEqual(
      tracker.takeExpired(5_200).map(({ id }) => id),
      [1n],
    );
  });

  it("keeps what is touched, names each session once, and leaves out what is closing", () => {
    const tracker = new SessionTracker(100, 0);
    const touched = tracker.add(1n, 1_000, 0);
    tracker.add(2n, 1_000, 0);
    tracker.add(3n, 1_000, 0).closing = true;
    tracker.touch(touched, 900);
    assert.deepEqual(
      tracker.takeExpired(1_500).map(({ id }) => id),
      [2n],
    );
    assert.deepEqual(tracker.takeExpired(1_600), []);
    assert.deepEqual(
      tracker.takeExpired(2_000).map(({ id }) => id),
      [1n],
    );
    assert.equal(tracker.count, 3);
    tracker.remove(1n);
    assert.equal(tracker.get(1n), undefined);
  });

  it("gives everybody the full time again after a pause", () => {
    const tracker = new SessionTracker(100, 0);
    tracker.add(1n, 1_000, 0);
    tracker.touchAll(5_000);
    assert.deepEqual(tracker.takeExpired(5_900), []);
    assert.equal(tracker.takeExpired(6_100).length, 1);
  });
});
