import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ZAB_DEFAULTS } from "../../../src/core/zab/options.js";
import { LoneMember, recoveredAt, VOTERS } from "../../support/lone-member.js";

const OBSERVER = 9;
const HOUR_MS = 3_600_000;

/** How many rounds of notifications a member sends in a minute, an hour after the quorum was lost. */
function rounds(serverId: number): number {
  const member = new LoneMember(serverId, recoveredAt(0, [], 0, 0));
  member.run(HOUR_MS);
  const before = member.notificationsSent();
  member.run(60_000);
  return (member.notificationsSent() - before) / VOTERS.filter((voter) => voter !== serverId).length;
}

it("a server that looks keeps so many that wait for it to lead, the newest", () => {
  const member = new LoneMember(1, recoveredAt(0, [], 0, 0));
  const { strangersMax } = ZAB_DEFAULTS;
  for (let connection = 0; connection < strangersMax; connection++) {
    member.server.step({ kind: "accepted", connection });
  }
  member.settle();
  const closed = (): number[] =>
    member.transmissions.flatMap((sent) => (sent.kind === "close" ? [sent.connection] : []));
  assert.deepEqual(closed(), []);
  member.server.step({ kind: "accepted", connection: strangersMax });
  member.settle();
  assert.deepEqual(closed(), [0]);
});

describe("a server that looks for a leader for long", () => {
  it("asks seldom, as a voter: the others tell it of every vote of theirs", () => {
    assert.ok(rounds(1) <= 1);
  });

  it("asks often enough to find the next leader at once, as an observer", () => {
    assert.ok(rounds(OBSERVER) >= Math.floor(60_000 / (ZAB_DEFAULTS.observerIntervalMaxMs + 50)));
  });
});
