import assert from "node:assert/strict";
import { test } from "node:test";
import { Journal } from "../../../src/core/zab/journal.js";
import { LearnerHandler } from "../../../src/core/zab/learner-handler.js";
import type { Member } from "../../../src/core/zab/member.js";
import { ZAB_DEFAULTS } from "../../../src/core/zab/options.js";

const EPOCH = 1;
const FIRST_ZXID = 2 ** 32 + 1;
const LIMIT_MS = ZAB_DEFAULTS.syncLimit * ZAB_DEFAULTS.tickTimeMs;

function leader(): Member & { nowMs: number } {
  const recovered = { acceptedEpoch: 1, currentEpoch: 1, lastZxid: 0, recent: [], baseZxid: 0, floorZxid: 0 };
  const journal = new Journal(recovered, 1, 1 << 20, 1 << 20);
  return {
    nowMs: 0,
    options: { ...ZAB_DEFAULTS, configText: Buffer.alloc(0) },
    journal,
    transmit: () => {},
    transmitImage: () => {},
  } as unknown as Member & { nowMs: number };
}

test("a learner that installs an image for long is not late with what was sent behind it, and may be late afterwards", () => {
  const member = leader();
  const info = { serverId: 2, batched: true } as ConstructorParameters<typeof LearnerHandler>[2];
  const handler = new LearnerHandler(member, 0, info, EPOCH, true);
  handler.synchronize(EPOCH, 0);
  member.journal.append({ zxid: FIRST_ZXID, payload: Buffer.alloc(10) });
  assert.ok(handler.pump(0, 0));
  for (member.nowMs = 0; member.nowMs < 3 * LIMIT_MS; member.nowMs += 100) {
    handler.heard();
    assert.equal(handler.overdue(), undefined);
  }
  handler.becomeSynchronized();
  const synchronizedAtMs = member.nowMs;
  for (; member.nowMs < synchronizedAtMs + LIMIT_MS; member.nowMs += 100) {
    handler.heard();
    assert.equal(handler.overdue(), undefined);
  }
  handler.heard();
  assert.equal(handler.overdue(), "does not acknowledge");
  assert.ok(handler.acknowledge(FIRST_ZXID));
  assert.equal(handler.overdue(), undefined);
});
