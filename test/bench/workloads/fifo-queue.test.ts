import assert from "node:assert/strict";
import { test } from "node:test";
import { Tally } from "../../../src/bench/load/tally.js";
import { loadProfile } from "../../../src/bench/profile/load.js";
import type { ActorTurns, Stage } from "../../../src/bench/workloads/actor.js";
import { fifoQueueKind } from "../../../src/bench/workloads/fifo-queue/kind.js";
import { QueueConsumer } from "../../../src/bench/workloads/fifo-queue/queue-consumer.js";
import { QUEUE_WORDS, QueueWords } from "../../../src/bench/workloads/fifo-queue/queue-words.js";
import { LoadShared } from "../../../src/workers/load-shared.js";

const { profile } = loadProfile("fifo-queue");
const { workload } = profile;
assert.ok(workload.kind === "fifo-queue");
const queue = workload;

/** Puts the items of `put`, takes those of `taken`, and judges. */
function judged(
  put: readonly string[],
  taken: readonly string[],
  uncertain: { readonly put?: number; readonly taken?: number; readonly unfinished?: boolean } = {},
): readonly [violations: number, observations: number] {
  const { region } = new LoadShared(2, QUEUE_WORDS);
  const words = new QueueWords(region);
  const item = (name: string) => ({ producer: Number(name[0]), number: Number(name.slice(1)) });
  for (const name of put) words.put.add(item(name));
  for (const name of taken) words.taken.add(item(name));
  words.put.uncertain.add(uncertain.put ?? 0);
  words.taken.uncertain.add(uncertain.taken ?? 0);
  words.producersDone.add(queue.producers);
  words.consumersDone.add(profile.connections - queue.producers - (uncertain.unfinished === true ? 1 : 0));
  const [tally] = fifoQueueKind.judge!(region, profile, queue);
  return [tally!.violations, tally!.observations];
}

test("what went in came out, in whatever order", () => {
  assert.deepEqual(judged(["01", "02", "11"], ["11", "01", "02"]), [0, 3]);
  assert.deepEqual(judged([], []), [0, 0]);
});

test("a loss, a double, and one for another are found", () => {
  assert.deepEqual(judged(["01", "02", "11"], ["11", "01"]), [1, 3]);
  assert.deepEqual(judged(["01", "02"], ["01", "02", "02"]), [1, 2]);
  assert.deepEqual(judged(["01", "02", "11"], ["01", "01", "11"]), [1, 3]);
  assert.deepEqual(judged(["01", "12"], ["11", "02"]), [1, 2], "the numbers of others");
});

test("a call that failed may have been carried out, once", () => {
  assert.deepEqual(judged(["01", "02"], ["01"], { taken: 1 }), [0, 2]);
  assert.deepEqual(judged(["01", "02"], [], { taken: 1 }), [1, 2]);
  assert.deepEqual(judged(["01"], ["01", "02"], { put: 1 }), [0, 1]);
  assert.deepEqual(judged(["01"], ["01", "02", "03"], { put: 1 }), [1, 1]);
});

test("nothing is said of a queue that was not emptied", () => {
  assert.deepEqual(judged(["01", "02"], ["01"], { unfinished: true }), [0, 0]);
});

test("a service that goes away while the queue is looked at is an error of the service", {
  timeout: 10_000,
}, async () => {
  const { region } = new LoadShared(1, QUEUE_WORDS);
  const words = new QueueWords(region);
  words.producersDone.add(queue.producers);
  let looks = 0;
  const session = {
    dequeue: (drained: AbortSignal) =>
      new Promise((_, reject) => drained.addEventListener("abort", () => reject(drained.reason as Error))),
    isEmpty: async () => {
      if (++looks === 1) throw new Error("CONNECTIONLOSS");
      return true;
    },
    close: async () => undefined,
  };
  const failures: string[] = [];
  const turns = {
    givenUp: false,
    begin: (operation: string) => ({ operation, startedMicros: 1 }),
    failed: (_attempt: unknown, error: Error) => failures.push(error.message),
    dropped: () => undefined,
  } as unknown as ActorTurns;
  const stage = {
    ...{ region, index: 0, job: { members: [], root: "", sessionTimeoutMs: 1_000 } },
    ...{ driver: { openSession: async () => session }, tally: (name: string) => new Tally(name) },
  } as unknown as Stage;
  const consumer = new QueueConsumer(stage, queue);
  await consumer.open();
  await consumer.act(turns);
  await consumer.close();
  assert.deepEqual(failures, ["CONNECTIONLOSS"]);
  assert.equal(words.consumersDone.value, 1);
});
