import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { epochOf, makeZxid } from "../../../src/base/zxid.js";
import { chooseSync } from "../../../src/core/zab/sync-choice.js";
import { QUORUM } from "../../../src/jute/quorum.js";
import { LoneMember, recoveredAt } from "../../support/lone-member.js";

const at = (counter: number): number => makeZxid(1, counter);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => at(from + i));

function truncations(member: LoneMember): number[] {
  return member.commands.flatMap((command) => (command.kind === "truncate" ? [command.zxid] : []));
}

describe("a learner that Apache ZooKeeper's leader tells to truncate", () => {
  it("does, where a snapshot and the log reach back", () => {
    const member = new LoneMember(1, recoveredAt(at(10), range(6, 10), at(5), at(2)));
    const connection = member.follow(3, 2, false);
    assert.equal(member.sent(QUORUM.ackEpoch).at(-1)?.zxid, at(10));
    member.packet(connection, QUORUM.trunc, at(7));
    assert.deepEqual(truncations(member), [at(7)]);
    assert.equal(member.server.journal.lastZxid, at(7));
  });

  for (const [what, recovered, truncateTo] of [
    ["no snapshot reaches back", recoveredAt(at(10), [], at(10), at(10)), at(7)],
    ["it does not know whether it holds that entry", recoveredAt(at(10), range(6, 10), at(5), at(2)), at(3)],
  ] as const) {
    it(`comes again as one that needs an image, where ${what}, and keeps its history until it has come`, () => {
      const member = new LoneMember(1, recovered);
      const first = member.follow(3, 2, false);
      member.packet(first, QUORUM.trunc, truncateTo);
      assert.equal(member.server.stateName, "looking");
      const second = member.follow(3, 2, false);
      assert.notEqual(second, first);
      const claimed = member.sent(QUORUM.ackEpoch).at(-1)!;
      // LearnerHandler.syncFollower: not its last entry, not beyond its log, at no counter 0, and of an epoch in which it
      // has nothing behind: a TRUNC would cross an epoch, and so it sends an image.
      assert.ok(claimed.zxid < makeZxid(1, 0) && claimed.zxid % 2 ** 32 !== 0);
      assert.equal(epochOf(claimed.zxid), 0);
      assert.equal((claimed.data as Buffer).readInt32BE(0), -1, "it does not count as a vote for the epoch");
      assert.equal(member.server.journal.lastZxid, at(10));
      member.packet(second, QUORUM.snap, at(7));
      member.server.step({ kind: "image", connection: second });
      member.settle();
      assert.equal(member.server.journal.lastZxid, at(7));
      assert.deepEqual(truncations(member), []);
    });
  }

  it("takes nothing but an image when it has asked for one", () => {
    const member = new LoneMember(1, recoveredAt(at(10), [], at(10), at(10)));
    member.packet(member.follow(3, 2, false), QUORUM.trunc, at(7));
    member.packet(member.follow(3, 2, false), QUORUM.diff, makeZxid(2, 0));
    assert.equal(member.server.stateName, "looking");
    assert.equal(member.server.journal.lastZxid, at(10));
    assert.match(member.server.lastReason, /DIFF/);
  });

  it("gets an image from a core leader as well when it asks like that", () => {
    const { window } = new LoneMember(1, recoveredAt(at(10), range(6, 10), at(5), at(2))).server.journal;
    assert.deepEqual(chooseSync(window, at(10), 0xffff_ffff, [1]), { kind: "snap" });
  });
});
