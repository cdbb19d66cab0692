import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeZxid, type Zxid } from "../../../src/base/zxid.js";
import { ZAB_DEFAULTS } from "../../../src/core/zab/options.js";
import { QUORUM } from "../../../src/jute/quorum.js";
import { LoneMember, recoveredAt } from "../../support/lone-member.js";

const at = (counter: number): Zxid => makeZxid(2, counter);
const LIMIT_MS = ZAB_DEFAULTS.syncLimit * ZAB_DEFAULTS.tickTimeMs;
const OWN = { leader: 3, zxid: makeZxid(1, 0), peerEpoch: 1 };

/** Server 3, which leads epoch 2, and 1 and 2, which follow it and acknowledge whatever it proposes. */
function leading(): { leader: LoneMember; propose: (counter: number) => void; alive: () => void } {
  const leader = new LoneMember(3, recoveredAt(makeZxid(1, 0), [], makeZxid(1, 0), 0));
  leader.notify(2, "looking", OWN);
  leader.notify(1, "looking", OWN);
  assert.equal(leader.server.stateName, "leading");
  for (const follower of [1, 2]) leader.acceptFollower(follower, follower, makeZxid(1, 0), 1);
  assert.ok(leader.server.isServing);
  const alive = (): void => {
    for (const follower of [1, 2]) leader.packet(follower, QUORUM.ping, 0);
  };
  const propose = (counter: number): void => {
    leader.server.propose({ zxid: at(counter), payload: Buffer.from([1]) });
    leader.settle();
    for (const follower of [1, 2]) leader.packet(follower, QUORUM.ack, at(counter));
  };
  return { leader, propose, alive };
}

describe("a leader whose disk hangs", () => {
  it("steps down after syncLimit, though its followers commit, and stays out of elections until it can store", () => {
    const { leader, propose, alive } = leading();
    leader.diskHangs = true;
    propose(1);
    leader.run(LIMIT_MS - 1_000, alive);
    assert.equal(leader.server.stateName, "leading");
    assert.equal(leader.server.journal.appliedZxid, at(1), "it is committed");
    leader.run(2_000, alive);
    assert.equal(leader.server.stateName, "looking");
    assert.match(leader.server.lastReason, /log/);
    const votes = leader.notificationsSent();
    leader.notify(2, "looking", { ...OWN, leader: 2 });
    leader.notify(1, "looking", { ...OWN, leader: 2 });
    leader.run(LIMIT_MS);
    assert.equal(leader.notificationsSent(), votes, "it says nothing");
    assert.equal(leader.server.stateName, "looking");
    leader.diskHangs = false;
    leader.settle();
    assert.ok(leader.notificationsSent() > votes);
    leader.follow(2, 3, true);
    assert.equal(leader.server.stateName, "following");
  });

  it("goes on leading where its disk is slow, and every entry is stored in time", () => {
    const { leader, propose, alive } = leading();
    for (let counter = 1; counter <= 5; counter++) {
      leader.diskHangs = true;
      propose(counter);
      leader.run(LIMIT_MS - 1_000, alive);
      leader.diskHangs = false;
      leader.settle();
      leader.run(100, alive);
    }
    assert.equal(leader.server.stateName, "leading");
    assert.equal(leader.server.journal.durableZxid, at(5));
  });
});
