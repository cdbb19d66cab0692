import assert from "node:assert/strict";
import { test } from "node:test";
import { ProposalWindow } from "../../../src/core/zab/proposal-window.js";

const PAYLOAD = Buffer.alloc(36);
/** With what is kept beside it. */
const ENTRY_BYTES = 100;

function filled(entries: number): ProposalWindow {
  const window = new ProposalWindow(0, 2, 5 * ENTRY_BYTES, 20 * ENTRY_BYTES);
  for (let zxid = 1; zxid <= entries; zxid++) window.push({ zxid, payload: PAYLOAD });
  return window;
}

test("what is applied is dropped beyond the limit, the oldest first", () => {
  const window = filled(10);
  assert.equal(window.sizeBytes, 10 * ENTRY_BYTES);
  window.trim(10, Number.POSITIVE_INFINITY);
  assert.deepEqual([window.baseZxid, window.count], [5, 5]);
  const unapplied = filled(10);
  unapplied.trim(3, Number.POSITIVE_INFINITY);
  assert.deepEqual([unapplied.baseZxid, unapplied.count], [3, 7]);
});

test("what a learner has still to be sent is kept, up to a larger limit", () => {
  const window = filled(18);
  window.trim(18, 4);
  assert.deepEqual([window.baseZxid, window.count], [4, 14]);
  const larger = filled(30);
  larger.trim(30, 4);
  assert.deepEqual([larger.baseZxid, larger.count], [10, 20]);
  larger.trim(30, 29);
  assert.deepEqual([larger.baseZxid, larger.count], [25, 5]);
});
