import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { SeededRandom } from "../../../src/base/random.js";
import { createFreshTree } from "../../../src/core/tree/fresh.js";
import { ZnodeStore } from "../../../src/core/tree/store.js";
import { CONTROL, queuePath, type ReaderReport, type ReaderTask, selfDescribing } from "./reader-thread.js";

// Real threads read while this one writes. Each job's data show a torn, recycled or missed read by themselves; to see a
// test fail, let `Epochs.reclaim` ignore the readers, `Table.split` clear before it counts, or `lookUp` not look again.

const READERS = 2;

function freshStore(arenaBytesMax: number): ZnodeStore {
  const store = ZnodeStore.create({ arenaBytesMax, hashSeed: 42, readersMax: READERS });
  createFreshTree(store);
  return store;
}

function create(store: ZnodeStore, path: string, data: Uint8Array | null): void {
  const change = { path, data, aclId: -1, ephemeralOwner: 0n, zxid: 1, timeMs: 1, parentCversion: -1 };
  assert.equal(store.create(change), "applied");
}

async function readWhile(
  store: ZnodeStore,
  job: ReaderTask["job"],
  paths: readonly string[],
  write: (control: Int32Array) => void,
): Promise<readonly ReaderReport[]> {
  const control = new SharedArrayBuffer(64);
  const words = new Int32Array(control);
  const workers = Array.from({ length: READERS }, (_, readerIndex) => {
    const workerData: ReaderTask = { shared: store.shared, readerIndex, job, control, paths };
    return new Worker(new URL("./reader-thread.js", import.meta.url), { workerData });
  });
  try {
    const reports = workers.map(async (worker) => (await once(worker, "message"))[0] as ReaderReport);
    for (let ready = 0; ready < READERS; ready = Atomics.load(words, CONTROL.ready)) {
      const waiting = Atomics.waitAsync(words, CONTROL.ready, ready, 10_000);
      if (waiting.async) assert.equal(await waiting.value, "ok", "the readers began");
    }
    try {
      write(words);
    } finally {
      Atomics.store(words, CONTROL.stop, 1);
    }
    return await Promise.all(reports);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function assertSound(reports: readonly ReaderReport[], hitsMin: number): void {
  for (const { problem, hits } of reports) {
    assert.equal(problem, undefined);
    assert.ok(hits >= hitsMin, `only ${hits} reads hit`);
  }
}

test("readers see whole values of the right node while memory is reused as fast as it can be", async () => {
  const store = freshStore(2 ** 20);
  const paths = Array.from({ length: 40 }, (_, index) => `/${index % 2 === 0 ? "even" : "an-odd-name"}-${index}`);
  const sizes = [12, 40, 100, 300, 2_048, 2_049, 20_000];
  const random = new SeededRandom(7);
  const versions = new Map<number, number>();
  const reports = await readWhile(store, "values", paths, () => {
    for (let change = 0; change < 80_000; change++) {
      const index = random.uint32() % paths.length;
      const path = paths[index] as string;
      const bytes = sizes[change % 50 === 0 ? random.uint32() % sizes.length : random.uint32() % 4] as number;
      const version = versions.get(index);
      if (version === undefined) {
        create(store, path, selfDescribing(index, 0, bytes));
        versions.set(index, 0);
      } else if (random.uint32() % 4 === 0) {
        assert.equal(store.remove(path, change), "applied");
        versions.delete(index);
      } else {
        store.setData(path, selfDescribing(index, version + 1, bytes), version + 1, change, change);
        versions.set(index, version + 1);
      }
    }
  });
  assertSound(reports, 1_000);
});

test("readers miss nothing while the table grows", async () => {
  const store = freshStore(2 ** 26);
  create(store, "/queue", null);
  const bucketsAtFirst = store.bucketCount;
  const reports = await readWhile(store, "growth", [], (control) => {
    for (let index = 0; index < 40_000; index++) {
      create(store, queuePath(index), null);
      Atomics.store(control, CONTROL.created, index + 1);
    }
  });
  assert.ok(store.bucketCount > bucketsAtFirst * 20);
  assertSound(reports, 1_000);
});

test("a list of children is that of one moment", async () => {
  const store = freshStore(2 ** 20);
  create(store, "/queue", null);
  const reports = await readWhile(store, "queue", [], () => {
    for (let index = 0; index < 30_000; index++) {
      create(store, queuePath(index), null);
      if (index >= 50) assert.equal(store.remove(queuePath(index - 50), index), "applied");
    }
  });
  assertSound(reports, 100);
});
