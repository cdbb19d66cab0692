import assert from "node:assert/strict";
import { test } from "node:test";
import { PROFILE_LIMITS } from "../../../src/bench/profile/schema.js";
import type { ActorTurns } from "../../../src/bench/workloads/actor.js";
import { ANNOUNCEMENT_WORDS, Announcement, allTold } from "../../../src/bench/workloads/announcement.js";
import { CoarseLockWords } from "../../../src/bench/workloads/coarse-lock/coarse-words.js";
import {
  COARSE_LOCK_CONTEST_WORDS,
  sharedCoarseLocks,
  verifierCount,
} from "../../../src/bench/workloads/coarse-lock/layout.js";
import { WaitingWords, waitingWords } from "../../../src/bench/workloads/contention/waiting-words.js";
import { LOCK_WORDS, LockWords } from "../../../src/bench/workloads/lock/lock-words.js";
import { SemaphoreWords, semaphoreWords } from "../../../src/bench/workloads/semaphore/semaphore-words.js";
import { SHARED_LOCK_WORDS, SharedLockWords } from "../../../src/bench/workloads/shared-lock/shared-words.js";
import { WatchWords, watchWords } from "../../../src/bench/workloads/watches/watch-words.js";
import { LoadShared } from "../../../src/workers/load-shared.js";

test("the words of one lock and those of another do not overlap", () => {
  const { region } = new LoadShared(2, 2 * LOCK_WORDS);
  const [first, second] = [new LockWords(region, 0), new LockWords(region, LOCK_WORDS)];
  assert.equal(first.enter(), 0);
  assert.equal(first.enter(), 1);
  assert.equal(second.enter(), 0);
  first.leave();
  assert.equal(first.enter(), 1);
  assert.equal(first.exchangeToken(0), -1);
  assert.equal(first.exchangeToken(9), 0);
  assert.equal(second.exchangeToken(1), -1);
});

test("a grant is measured from the release that made it possible, if someone waited", () => {
  const { region } = new LoadShared(1, 2 * waitingWords(2));
  const waiting = new WaitingWords(region, 0, 2);
  const other = new WaitingWords(region, waitingWords(2), 2);
  waiting.give(0, 5);
  assert.equal(waiting.take(), undefined, "nobody waited");
  waiting.add(1);
  assert.equal(waiting.waiters, 1);
  assert.equal(other.waiters, 0);
  const [first, second] = [
    { micros: 100_000_000_000_000, giver: 0 },
    { micros: 100_000_000_000_001, giver: PROFILE_LIMITS.connectionsMax - 1 },
  ];
  for (const { giver, micros } of [first, second]) waiting.give(giver, micros);
  assert.equal(other.take(), undefined);
  assert.deepEqual([waiting.take(), waiting.take(), waiting.take()], [first, second, undefined]);
  waiting.give(1, 7);
  waiting.forget();
  assert.equal(waiting.take(), undefined, "lost, not released");
  for (const micros of [11, 12, 13]) waiting.give(1, micros);
  const taken = [waiting.take(), waiting.take(), waiting.take()].map((release) => release?.micros);
  assert.deepEqual(taken, [13, 12, undefined], "the newest of more than can be");
  waiting.give(1, 8);
  waiting.add(-1);
  waiting.give(1, 9);
  assert.equal(waiting.take(), undefined, "the last one who waited gave up");
});

test("readers and writers of a shared lock are counted apart, and their tokens compared by what each must exceed", () => {
  const { region } = new LoadShared(1, 2 * SHARED_LOCK_WORDS);
  const lock = new SharedLockWords(region, SHARED_LOCK_WORDS);
  assert.deepEqual(lock.enter("read"), { readers: 0, writers: 0 });
  assert.deepEqual(lock.enter("read"), { readers: 1, writers: 0 });
  assert.deepEqual(lock.enter("write"), { readers: 2, writers: 0 });
  lock.leave("read");
  assert.deepEqual(lock.enter("write"), { readers: 1, writers: 1 });
  assert.equal(lock.noteToken("read", 5), -1);
  assert.equal(lock.noteToken("read", 3), -1, "readers come in any order");
  assert.equal(lock.noteToken("write", 4), 5, "a writer exceeds every reader before");
  assert.equal(lock.noteToken("write", 9), 5);
  assert.equal(lock.noteToken("read", 8), 9, "a reader exceeds every writer before");
  assert.equal(lock.noteToken("read", 12), 9);
  assert.equal(lock.noteToken("write", 10), 12);
});

test("holders of a semaphore are counted, and no two may have one token", () => {
  const semaphore = new SemaphoreWords(new LoadShared(1, semaphoreWords(2)).region, 2);
  assert.deepEqual([semaphore.enter(), semaphore.enter(), semaphore.enter()], [0, 1, 2]);
  semaphore.leave();
  assert.equal(semaphore.enter(), 2);
  assert.deepEqual([semaphore.noteToken(0), semaphore.noteToken(7)], [true, true]);
  assert.deepEqual([semaphore.noteToken(0), semaphore.noteToken(7)], [false, false]);
  semaphore.forgetToken(0);
  assert.equal(semaphore.noteToken(7), false, "found behind a free place, too");
  semaphore.forgetToken(7);
  semaphore.forgetToken(7);
  assert.equal(semaphore.noteToken(7), true);
});

test("what a holder shows is whole, and known to have changed", () => {
  const { region } = new LoadShared(2, 2 * COARSE_LOCK_CONTEST_WORDS);
  const [, second] = sharedCoarseLocks(region, 2);
  const { shown } = second!;
  assert.ok(shown instanceof CoarseLockWords);
  assert.equal(shown.look(), undefined);
  shown.show("first");
  const look = shown.look()!;
  assert.deepEqual([look.current, look.ended], ["first", ""]);
  assert.equal(shown.isStill(look.sequence), true);
  shown.withdraw();
  assert.equal(shown.look(), undefined);
  assert.equal(shown.isStill(look.sequence), false);
  const long = "ü".repeat(512);
  shown.show(long);
  shown.withdraw();
  shown.show("third");
  assert.deepEqual([shown.look()!.current, shown.look()!.ended], ["third", long]);
  assert.throws(() => shown.show(`${long}!`), /fits into the words/);
  shown.lose(1_000_000_000_000, true);
  assert.deepEqual(shown.takeLoss(), { atMicros: 1_000_000_000_000, awaited: true });
  assert.equal(shown.takeLoss().atMicros, 0);
  assert.equal(new LockWords(region, 0).enter(), 0, "nothing of it is the first lock's");
  assert.equal(second!.held.enter(), 0);
  assert.equal(second!.waiting.waiters, 0);
});

test("of the connections some are third parties, one at the least and never all", () => {
  assert.deepEqual(
    [1, 2, 3, 10, 10].map((connections, index) => verifierCount(connections, [0.5, 0, 1, 0.2, 0.25][index]!)),
    [0, 1, 2, 2, 3],
  );
});

/** Turns that record nothing. */
function fakeTurns(): ActorTurns & { givenUp: boolean } {
  return {
    over: false,
    givenUp: false,
    begin: (operation) => ({ operation, startedMicros: 0 }),
    succeeded: () => 0,
    failed: () => undefined,
    dropped: () => undefined,
    record: () => undefined,
    add: () => undefined,
    leadIn: () => Promise.resolve(),
    pause: () => Promise.resolve(),
  };
}

test("announcements do not overlap, and wake who waits for them", async () => {
  const { region } = new LoadShared(2, 2 * ANNOUNCEMENT_WORDS);
  const [first, second] = [new Announcement(region, 0), new Announcement(region, 1)];
  assert.equal(first.subject, -1);
  first.begin(0, 5_000.4);
  second.begin(2 ** 53 - 2, 2 ** 50);
  assert.deepEqual([first.subject, first.startedMicros], [0, 5_000]);
  assert.deepEqual([second.subject, second.startedMicros], [2 ** 53 - 2, 2 ** 50]);
  assert.equal(first.arrive(), 1);
  assert.equal(first.arrive(), 2);
  assert.equal(second.arrived, 0);
  const turns = fakeTurns();
  const delivered = allTold(first, turns, "last");
  first.deliver();
  first.giveUp();
  assert.equal(await delivered, true);
  assert.equal(await first.delivered(), true, "as often as it is asked");
  first.begin(1, 6_000);
  assert.equal(first.arrived, 0);
  const given = allTold(first, turns, "last");
  turns.givenUp = true;
  assert.equal(await given, false);
});

test("the words of watches do not overlap, and finish when all changers have", async () => {
  const counts = { watchers: 1, changers: 2, groups: 3 };
  const words = new WatchWords(new LoadShared(1, watchWords(counts)).region, counts);
  for (let group = 0; group < 3; group++) words.standing(group).exchange(2 ** 45 + group);
  for (let changer = 0; changer < 2; changer++) words.announcement(changer).begin(changer, 1);
  words.doubt();
  assert.deepEqual(
    [0, 1, 2].map((group) => words.standing(group).value),
    [2 ** 45, 2 ** 45 + 1, 2 ** 45 + 2],
  );
  assert.deepEqual(
    [0, 1].map((changer) => words.announcement(changer).subject),
    [0, 1],
  );
  assert.equal(words.doubtful, true);
  // A wait of Atomics.waitAsync does not keep the event loop alive by itself.
  const alive = setInterval(() => undefined, 1_000);
  let finished = false;
  const waiting = words.finished().then(() => {
    finished = true;
  });
  words.finish();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(finished, false);
  words.finish();
  await waiting;
  clearInterval(alive);
});
