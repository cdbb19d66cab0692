import assert from "node:assert/strict";
import { test } from "node:test";
import { nowMicros } from "../../../src/bench/load/clock.js";
import { Tally } from "../../../src/bench/load/tally.js";
import type { ActorTurns, Stage } from "../../../src/bench/workloads/actor.js";
import { ELECTION_WORDS, ElectionWords } from "../../../src/bench/workloads/leader-election/election-words.js";
import { LeaderLog } from "../../../src/bench/workloads/leader-election/leader-log.js";
import { LoadShared } from "../../../src/workers/load-shared.js";

/** The logs of two candidates, and what they recorded: the operation and since when. */
function logs(): {
  readonly words: ElectionWords;
  readonly terms: Tally;
  readonly logs: readonly [LeaderLog, LeaderLog];
  readonly recorded: string[];
  /** Until `count` operations were recorded. */
  readonly until: (count: number) => Promise<void>;
} {
  const { region } = new LoadShared(1, ELECTION_WORDS);
  const words = new ElectionWords(region);
  const terms = new Tally("terms");
  const recorded: string[] = [];
  const stage = (index: number) => ({ index, job: { connections: 2 } }) as unknown as Stage;
  const made = [0, 1].map((index) => new LeaderLog(stage(index), words, terms)) as [LeaderLog, LeaderLog];
  const until = async (count: number): Promise<void> => {
    const turns = {
      get over() {
        return recorded.length >= count;
      },
      record: (operation: string, startedMicros: number, endedMicros = 0) => {
        assert.ok(endedMicros > startedMicros && endedMicros <= nowMicros());
        recorded.push(`${operation} ${startedMicros}`);
      },
    } as unknown as ActorTurns;
    await Promise.all(made.map((log) => log.run(turns)));
  };
  return { words, terms, logs: made, recorded, until };
}

test("an election is known when it was heard of, and to all when the last has heard, published or not", async () => {
  const { words, terms, logs: made, recorded, until } = logs();
  words.publish(10, 0);
  for (const log of made) log.heard(10);
  // Heard of before its leader says so.
  made[0].heard(20);
  setTimeout(() => words.publish(20, 500), 20);
  setTimeout(() => made[1].heard(20), 40);
  await until(3);
  assert.deepEqual(recorded, ["learn 500", "learn 500", "learn-last 500"], "the first has no term before it");
  assert.equal(terms.violations, 0);
});

test("who was told of a later leader only knows of those before, too", { timeout: 10_000 }, async () => {
  const { words, logs: made, recorded, until } = logs();
  words.publish(10, 100);
  words.publish(20, 200);
  made[0].heard(10);
  made[0].heard(20);
  made[1].heard(20);
  await until(6);
  assert.deepEqual(recorded.toSorted(), [
    "learn 100",
    "learn 100",
    "learn 200",
    "learn 200",
    "learn-last 100",
    "learn-last 200",
  ]);
});

test("an earlier leader after a later one is a violation", () => {
  const { terms, logs: made } = logs();
  made[0].heard(20);
  made[1].heard(10);
  assert.equal(terms.violations, 0);
  made[0].heard(10);
  assert.equal(terms.violations, 1);
});
