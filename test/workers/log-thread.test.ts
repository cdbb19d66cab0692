import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { memorySource } from "../../src/core/log/byte-source.js";
import { readLog } from "../../src/core/log/log-format.js";
import { type LogAppender, type LogAppenderOptions, openLogAppender } from "../../src/workers/log-thread.js";
import { RING_BYTES } from "../../src/workers/log-thread.messages.js";
import { framedEntries, range } from "../support/log-entries.js";
import { temporaryFolder } from "../support/temporary.js";

interface Opened {
  readonly folder: string;
  readonly log: LogAppender;
  readonly synced: number[];
  readonly fatal: Error[];
  /** Resolves when `zxid` was reported as synced, or the appender failed. */
  reached(zxid: number): Promise<void>;
}

function open(context: TestContext, options: Partial<LogAppenderOptions> = {}): Opened {
  const folder = options.folder ?? temporaryFolder(context);
  const synced: number[] = [];
  const fatal: Error[] = [];
  let check = (): void => undefined;
  const log = openLogAppender({
    folder,
    preAllocBytes: 65_536,
    sizeLimitBytes: 0,
    forceSync: true,
    onSynced: (zxid) => {
      synced.push(zxid);
      check();
    },
    onFatal: (error) => {
      fatal.push(error);
      check();
    },
    ...options,
  });
  context.after(() => log.close());
  const reached = (zxid: number): Promise<void> =>
    new Promise((resolve) => {
      check = () => {
        if (log.syncedZxid >= zxid || fatal.length > 0) resolve();
      };
      check();
    });
  return { folder, log, synced, fatal, reached };
}

function zxidsIn(folder: string, name: string): number[] {
  const zxids: number[] = [];
  const end = readLog(memorySource(readFileSync(join(folder, name))), ({ header }) => zxids.push(header.zxid));
  assert.equal(end.kind, "clean");
  return zxids;
}

const PATHS = { "on the calling thread": undefined, "on the log thread": 0 } as const;

for (const [where, inlineSyncMicrosMax] of Object.entries(PATHS)) {
  const path = inlineSyncMicrosMax === undefined ? { inlineSyncMicrosMax: 1e9 } : { inlineSyncMicrosMax };

  test(`batches synced ${where} are in the file, in order, when they are reported`, async (context) => {
    const { folder, log, synced, reached } = open(context, path);
    for (let zxid = 1; zxid <= 60; zxid += 3) {
      log.append(framedEntries(range(zxid, zxid + 2)), zxid + 2, inlineSyncMicrosMax === undefined);
      await reached(zxid + 2);
      assert.deepEqual(zxidsIn(folder, "log.1"), range(1, zxid + 2));
    }
    assert.deepEqual(
      synced,
      range(1, 20).map((index) => index * 3),
    );
    assert.equal(log.statistics.inlineSyncs, inlineSyncMicrosMax === undefined ? 19 : 0);
    assert.equal(log.statistics.syncs, 20);
    assert.equal(log.statistics.queuedBytes, 0);
    assert.ok(log.statistics.syncMicros > 0 && log.statistics.syncMicrosMax > 0);
  });
}

test("what arrives during a sync is synced together by the next one", async (context) => {
  const { folder, log, synced, reached } = open(context);
  for (const zxid of range(1, 500)) log.append(framedEntries([zxid]), zxid);
  await reached(500);
  assert.deepEqual(zxidsIn(folder, "log.1"), range(1, 500));
  assert.deepEqual(
    synced,
    [...synced].sort((left, right) => left - right),
  );
  assert.ok(log.statistics.syncs < 250, `${log.statistics.syncs} syncs`);
});

test("the caller is not made to wait for a sync while it has other things to do", async (context) => {
  const { log, reached } = open(context, { inlineSyncMicrosMax: 1e9 });
  for (const zxid of range(1, 5)) {
    log.append(framedEntries([zxid]), zxid);
    await reached(zxid);
  }
  assert.deepEqual([log.statistics.syncs, log.statistics.inlineSyncs], [5, 0]);
});

test("more batches than there are marks, and more bytes than the ring holds, wait their turn", async (context) => {
  const count = 3_000;
  const batches = range(1, count).map((zxid) => framedEntries([zxid], 3_000));
  // All in one turn and before the thread has started, so that everything that does not fit has to wait.
  const { folder, log, reached } = open(context, { preAllocBytes: 1 << 20 });
  for (const [index, batch] of batches.entries()) log.append(batch, index + 1);
  assert.ok(log.statistics.queuedBytes > RING_BYTES);
  await reached(count);
  assert.deepEqual(zxidsIn(folder, "log.1"), range(1, count));
  assert.equal(log.statistics.queuedBytes, 0);
});

test("a batch larger than the ring goes through it in parts, and into one file", async (context) => {
  const { folder, log, reached } = open(context, { sizeLimitBytes: 1_000_000 });
  log.append(framedEntries([1]), 1);
  log.append(framedEntries(range(2, 5), RING_BYTES - 1_000), 5);
  log.append(framedEntries([6]), 6);
  await reached(6);
  log.append(framedEntries([7]), 7);
  await reached(7);
  const files = readdirSync(folder).sort();
  assert.deepEqual(
    files.flatMap((name) => zxidsIn(folder, name)),
    range(1, 7),
  );
  assert.ok(files.length > 1);
});

test("a roll begins a new file with the next append, whichever thread is writing", async (context) => {
  const { folder, log, reached } = open(context);
  for (const zxid of range(1, 40)) {
    if (zxid % 10 === 0) log.roll();
    log.append(framedEntries([zxid]), zxid);
    if (zxid > 20) await reached(zxid);
  }
  await reached(40);
  log.roll();
  await log.close();
  assert.deepEqual(readdirSync(folder).sort(), ["log.1", "log.14", "log.1e", "log.28", "log.a"]);
  assert.deepEqual(zxidsIn(folder, "log.14"), range(20, 29));
});

test("a file is preallocated with zeros, grows by the same amount, and is not continued beyond its limit", async (context) => {
  const { folder, log, reached } = open(context, { sizeLimitBytes: 150_000 });
  let zxid = 0;
  const appendOne = async (): Promise<void> => {
    zxid++;
    log.append(framedEntries([zxid], 10_000), zxid);
    await reached(zxid);
  };
  await appendOne();
  assert.equal(statSync(join(folder, "log.1")).size, 65_536);
  while (zxid < 7) await appendOne();
  assert.equal(statSync(join(folder, "log.1")).size, 131_072);
  while (zxid < 20) await appendOne();
  assert.deepEqual(readdirSync(folder).sort(), ["log.1", "log.10"]);
  assert.deepEqual(zxidsIn(folder, "log.10"), range(16, 20));
});

test("close makes everything durable first", async (context) => {
  const { folder, log, synced } = open(context, { inlineSyncMicrosMax: 0 });
  for (const zxid of range(1, 100)) log.append(framedEntries([zxid]), zxid);
  await log.close();
  assert.equal(synced.at(-1), 100);
  assert.deepEqual(zxidsIn(folder, "log.1"), range(1, 100));
  assert.equal(await log.close(), undefined);
});

test("a file that exists already is never written over: fatal, once, and nothing is reported", async (context) => {
  const folder = temporaryFolder(context);
  writeFileSync(join(folder, "log.5"), "precious");
  const { log, synced, fatal, reached } = open(context, { folder });
  log.append(framedEntries([5]), 5);
  log.append(framedEntries([6]), 6);
  await reached(6);
  assert.equal(fatal.length, 1);
  assert.match(String(fatal[0]), /EEXIST/);
  log.append(framedEntries([7]), 7);
  await log.close();
  assert.deepEqual(synced, []);
  assert.equal(fatal.length, 1);
  assert.equal(readFileSync(join(folder, "log.5"), "utf8"), "precious");
});

test("a folder that is gone is fatal too", async (context) => {
  const folder = join(temporaryFolder(context), "gone");
  mkdirSync(folder);
  const { log, fatal, reached } = open(context, { folder: join(folder, "deeper") });
  log.append(framedEntries([1]), 1);
  await reached(1);
  assert.match(String(fatal[0]), /ENOENT/);
});

for (const [where, inlineSyncMicrosMax] of [
  ["calling", 1e9],
  ["log", 0],
] as const) {
  test(`onSynced of the ${where} thread may not append: its batch would overtake others`, async (context) => {
    let attempts = 0;
    let done = (): void => undefined;
    const second = new Promise<void>((resolve) => {
      done = resolve;
    });
    const { log } = open(context, {
      inlineSyncMicrosMax,
      onSynced: (zxid) => {
        attempts++;
        assert.throws(() => log.append(framedEntries([9]), 9), /from within onSynced/);
        if (zxid === 2) done();
        else setImmediate(() => log.append(framedEntries([2]), 2, where === "calling"));
      },
    });
    log.append(framedEntries([1]), 1);
    await second;
    assert.equal(attempts, 2);
    assert.equal(log.statistics.inlineSyncs, where === "calling" ? 1 : 0);
  });
}
