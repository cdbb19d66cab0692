import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ByteWriter } from "../../../src/base/bytes.js";
import { USER_ERRORS, type UserError } from "../../../src/base/user-error.js";
import { writeLogHeader } from "../../../src/core/log/log-format.js";
import { encodeSnapshot, type SnapshotContent } from "../../../src/core/log/snapshot-format.js";
import { ZERO_STAT } from "../../../src/core/tree/fresh.js";
import { openStorageFolders, type StorageFolders } from "../../../src/server/storage/folders.js";
import { purge } from "../../../src/server/storage/purge.js";
import { type Recovered, recover } from "../../../src/server/storage/recovery.js";
import { writeSnapshot } from "../../../src/server/storage/snapshot-file.js";
import { fixture } from "../../core/log/fixtures.js";
import { framedEntries, range } from "../../support/log-entries.js";
import { type SnapshotNode, writeNodes } from "../../support/snapshot-nodes.js";
import { temporaryFolder } from "../../support/temporary.js";

const EPOCH = 2 ** 32;
const CHUNK_BYTES = 10_000;

function storage(context: TestContext): StorageFolders {
  return openStorageFolders(join(temporaryFolder(context), "data"));
}

/** A tree of one node beside the root, whose name tells which snapshot it came from. */
function content(name: string): SnapshotContent {
  const stat = ZERO_STAT;
  const nodes: SnapshotNode[] = [
    { path: "/", data: null, aclId: -1, stat },
    { path: `/${name}`, data: Buffer.from(name), aclId: 1, stat },
  ];
  return {
    sessions: [[5n, 4_000]],
    acls: [[1, [{ perms: 31, id: { scheme: "world", id: "anyone" } }]]],
    writeNodes: (writer) => writeNodes(nodes, writer),
    digest: () => ({ zxid: 1, version: 2, digest: 77n }),
  };
}

function writeLog(folders: StorageFolders, zxids: readonly number[], tail: Buffer = Buffer.alloc(0)): string {
  const header = new ByteWriter();
  writeLogHeader(header);
  const path = join(folders.logs, `log.${(zxids[0] as number).toString(16)}`);
  writeFileSync(path, Buffer.concat([header.view(), framedEntries(zxids), tail]));
  return path;
}

interface Outcome {
  readonly recovered: Recovered;
  readonly zxids: number[];
  readonly paths: string[];
  readonly notices: string[];
}

function recoverAll(folders: StorageFolders, trustEmptySnapshot = false): Outcome {
  const zxids: number[] = [];
  const paths: string[] = [];
  const notices: string[] = [];
  const recovered = recover(
    folders,
    {
      clear: () => paths.splice(0),
      session: () => undefined,
      acl: () => undefined,
      load: (path) => paths.push(path),
      apply: (header) => zxids.push(header.zxid),
    },
    { trustEmptySnapshot, notice: (text) => notices.push(text) },
  );
  assert.equal(recovered.applied, zxids.length);
  return { recovered, zxids, paths, notices };
}

function refused(run: () => unknown, kind: keyof typeof USER_ERRORS, ...mentions: string[]): void {
  assert.throws(run, (error: UserError) => {
    assert.equal(error.kind, USER_ERRORS[kind], String(error));
    for (const mention of mentions) assert.ok(error.message.includes(mention), `${error.message} lacks ${mention}`);
    return true;
  });
}

test("an empty folder is an empty history", (context) => {
  const { recovered, notices } = recoverAll(storage(context));
  assert.deepEqual(recovered, { snapshot: undefined, lastZxid: 0, applied: 0 });
  assert.deepEqual(notices, []);
});

test("files written by Apache ZooKeeper are recovered: the snapshot alone, and the log after an older one", async (context) => {
  const folders = storage(context);
  copyFileSync(fixture("log.1"), join(folders.logs, "log.1"));
  copyFileSync(fixture("snapshot.6"), join(folders.snapshots, "snapshot.6"));
  const both = recoverAll(folders);
  assert.equal(both.recovered.lastZxid, 6);
  assert.deepEqual(both.zxids, []);
  assert.deepEqual(both.paths, ["/", "/a", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"]);
  const older = storage(context);
  copyFileSync(fixture("log.1"), join(older.logs, "log.1"));
  await writeSnapshot(older.snapshots, 2, encodeSnapshot(content("two"), CHUNK_BYTES));
  assert.deepEqual(recoverAll(older).zxids, [3, 4, 5, 6]);
});

test("the newest snapshot and only what comes after it, from every log that holds some of it", async (context) => {
  const folders = storage(context);
  await writeSnapshot(folders.snapshots, 0, encodeSnapshot(content("empty"), CHUNK_BYTES));
  await writeSnapshot(folders.snapshots, 5, encodeSnapshot(content("five"), CHUNK_BYTES));
  writeLog(folders, range(1, 2));
  writeLog(folders, range(3, 8));
  writeLog(folders, range(9, 12));
  writeLog(folders, range(EPOCH + 1, EPOCH + 3));
  const { recovered, zxids, paths, notices } = recoverAll(folders);
  assert.deepEqual(zxids, [...range(6, 12), ...range(EPOCH + 1, EPOCH + 3)]);
  assert.deepEqual(paths, ["/", "/five"]);
  assert.equal(recovered.lastZxid, EPOCH + 3);
  assert.equal(recovered.snapshot?.zxid, 5);
  assert.deepEqual(recovered.snapshot?.digest, { zxid: 1, version: 2, digest: 77n });
  assert.deepEqual(notices, []);
});

test("a transaction that was logged twice is applied once", async (context) => {
  const folders = storage(context);
  await writeSnapshot(folders.snapshots, 0, encodeSnapshot(content("empty"), CHUNK_BYTES));
  writeLog(folders, [1, 2, 3, 2, 3, 4]);
  writeLog(folders, [4, 5]);
  assert.deepEqual(recoverAll(folders).zxids, range(1, 5));
});

test("a damaged snapshot is passed over for an older one, and said", async (context) => {
  const folders = storage(context);
  await writeSnapshot(folders.snapshots, 3, encodeSnapshot(content("three"), CHUNK_BYTES));
  const newest = await writeSnapshot(folders.snapshots, 5, encodeSnapshot(content("five"), CHUNK_BYTES));
  writeLog(folders, range(1, 8));
  const bytes = readFileSync(newest);
  bytes[bytes.length - 60] = (bytes[bytes.length - 60] as number) ^ 4;
  writeFileSync(newest, bytes);
  const { zxids, paths, notices } = recoverAll(folders);
  assert.deepEqual(paths, ["/", "/three"]);
  assert.deepEqual(zxids, range(4, 8));
  assert.equal(notices.length, 1);
  assert.ok(notices[0]?.includes(newest));
});

test("an older snapshot whose logs are gone is refused, because the gap shows", async (context) => {
  const folders = storage(context);
  await writeSnapshot(folders.snapshots, 3, encodeSnapshot(content("three"), CHUNK_BYTES));
  writeFileSync(join(folders.snapshots, "snapshot.5"), "no snapshot");
  const log = writeLog(folders, range(6, 8));
  refused(() => recoverAll(folders), "logGap", log, "0x3", "0x6");
});

test("a log missing in the middle, or from the beginning of an epoch, is refused", async (context) => {
  for (const zxids of [range(5, 6), range(EPOCH + 2, EPOCH + 4)]) {
    const folders = storage(context);
    await writeSnapshot(folders.snapshots, 0, encodeSnapshot(content("empty"), CHUNK_BYTES));
    writeLog(folders, range(1, 3));
    refused(() => recoverAll(folders), "logGap", writeLog(folders, zxids));
  }
});

test("snapshots of which none is valid are refused, naming the newest", async (context) => {
  const folders = storage(context);
  for (const name of ["snapshot.1", "snapshot.2"]) writeFileSync(join(folders.snapshots, name), "no snapshot");
  refused(() => recoverAll(folders), "noValidSnapshot", "snapshot.2", "none of the 2");
});

test("logs without a snapshot are refused unless trusted; an empty log file is no history", (context) => {
  const folders = storage(context);
  writeFileSync(join(folders.logs, "log.1"), "");
  assert.equal(recoverAll(folders).recovered.lastZxid, 0);
  writeLog(folders, range(1, 4));
  refused(() => recoverAll(folders), "logWithoutSnapshot", "snapshot.trust.empty");
  assert.deepEqual(recoverAll(folders, true).zxids, range(1, 4));
});

test("a torn tail of any length is cut from the last log and said; what is left is recovered the same again", async (context) => {
  const folders = storage(context);
  await writeSnapshot(folders.snapshots, 0, encodeSnapshot(content("empty"), CHUNK_BYTES));
  const whole = writeLog(folders, range(1, 3));
  const bytes = readFileSync(whole);
  const good = bytes.length - framedEntries([3]).length;
  for (let length = good + 1; length < bytes.length; length++) {
    for (const zeros of [0, 600]) {
      writeFileSync(whole, Buffer.concat([bytes.subarray(0, length), Buffer.alloc(zeros)]));
      const lost = bytes.subarray(good, length).some((byte) => byte !== 0);
      const first = recoverAll(folders);
      assert.deepEqual(first.zxids, [1, 2], `cut at ${length}`);
      if (lost || zeros === 0) {
        assert.equal(statSync(whole).size, lost ? good : length, `cut at ${length}`);
        assert.equal(first.notices.length, lost ? 1 : 0);
      }
      const second = recoverAll(folders);
      assert.deepEqual([second.zxids, second.notices], [[1, 2], []]);
    }
  }
});

test("a last log without a transaction is deleted, for the next one will have its name", async (context) => {
  const header = new ByteWriter();
  writeLogHeader(header);
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(700),
    header.copy().subarray(0, 5),
    header.copy(),
    Buffer.concat([header.copy(), Buffer.alloc(5_000)]),
    Buffer.concat([header.copy(), framedEntries([4]).subarray(0, 30)]),
  ]) {
    const folders = storage(context);
    await writeSnapshot(folders.snapshots, 0, encodeSnapshot(content("empty"), CHUNK_BYTES));
    writeLog(folders, range(1, 3));
    const last = join(folders.logs, "log.4");
    writeFileSync(last, bytes);
    const { zxids, notices } = recoverAll(folders);
    assert.deepEqual(zxids, [1, 2, 3]);
    assert.equal(existsSync(last), false);
    assert.ok(notices[0]?.includes(last));
  }
});

test("a torn tail that another server left in an older log is passed over, if nothing is missing after it", async (context) => {
  const folders = storage(context);
  await writeSnapshot(folders.snapshots, 0, encodeSnapshot(content("empty"), CHUNK_BYTES));
  const torn = writeLog(folders, range(1, 3), framedEntries([4]).subarray(0, 40));
  const before = statSync(torn).size;
  writeLog(folders, range(4, 6));
  assert.deepEqual(recoverAll(folders).zxids, range(1, 6));
  assert.equal(statSync(torn).size, before);
});

test("a damaged middle is refused with file, offset and remedy, and nothing is touched", async (context) => {
  const folders = storage(context);
  await writeSnapshot(folders.snapshots, 0, encodeSnapshot(content("empty"), CHUNK_BYTES));
  const log = writeLog(folders, range(1, 10), Buffer.alloc(1_000));
  const bytes = readFileSync(log);
  const entryBytes = framedEntries([1]).length;
  const offset = 16 + 4 * entryBytes;
  bytes[offset + 40] = (bytes[offset + 40] as number) ^ 0x10;
  writeFileSync(log, bytes);
  refused(() => recoverAll(folders), "logDamaged", log, `offset ${offset}`, `truncate -s ${offset} ${log}`);
  assert.deepEqual(readFileSync(log), bytes);
  truncateSync(log, offset);
  assert.deepEqual(recoverAll(folders).zxids, range(1, 4));
});

test("a snapshot compressed with gzip is read; one compressed with snappy is refused, not skipped", async (context) => {
  const folders = storage(context);
  const plain = await writeSnapshot(folders.snapshots, 7, encodeSnapshot(content("seven"), CHUNK_BYTES));
  writeFileSync(join(folders.snapshots, "snapshot.8.gz"), gzipSync(readFileSync(plain)));
  assert.equal(recoverAll(folders).recovered.lastZxid, 8);
  writeFileSync(join(folders.snapshots, "snapshot.9.gz"), "no gzip");
  assert.equal(recoverAll(folders).recovered.lastZxid, 8);
  writeFileSync(join(folders.snapshots, "snapshot.a.snappy"), "");
  refused(() => recoverAll(folders), "snapshotCompression", "snapshot.a.snappy");
});

test("a snapshot that cannot be written whole leaves nothing behind", async (context) => {
  const folders = storage(context);
  const failing: SnapshotContent = {
    ...content("x"),
    writeNodes: function* (writer) {
      yield* content("x").writeNodes(writer);
      throw new Error("the walk failed");
    },
  };
  await assert.rejects(writeSnapshot(folders.snapshots, 1, encodeSnapshot(failing, CHUNK_BYTES)), /the walk failed/);
  assert.deepEqual(readdirSync(folders.snapshots), []);
  writeFileSync(join(folders.snapshots, "snapshot.9.tmp"), "left by a crash");
  assert.equal(recoverAll(folders).recovered.lastZxid, 0);
});

test("files in the wrong folder, a folder that is a file, and a zxid out of range are refused", (context) => {
  const root = temporaryFolder(context);
  const [data, logs] = [join(root, "data"), join(root, "logs")];
  openStorageFolders(data, logs);
  writeFileSync(join(data, "version-2", "log.1"), "");
  refused(() => openStorageFolders(data, logs), "logInDataFolder", join(data, "version-2", "log.1"));
  openStorageFolders(data);
  writeFileSync(join(logs, "version-2", "snapshot.1"), "");
  refused(() => openStorageFolders(join(root, "fresh"), logs), "snapshotInLogFolder", "snapshot.1");
  refused(() => openStorageFolders(join(data, "version-2", "log.1")), "dataFolderUnusable", "log.1");
  appendFileSync(join(root, "data", "version-2", "log.40000000000000"), "");
  refused(() => recoverAll(openStorageFolders(data)), "zxidUnsupported", "log.40000000000000");
});

test("purge keeps the newest snapshots and every log that may hold something newer than the oldest of them", async (context) => {
  const folders = storage(context);
  for (const zxid of [0, 10, 20, 30, 40])
    await writeSnapshot(folders.snapshots, zxid, encodeSnapshot(content("x"), CHUNK_BYTES));
  for (const from of [1, 11, 15, 25, 35]) writeLog(folders, range(from, from + 1));
  mkdirSync(join(folders.logs, "log.backup"));
  const names = () => readdirSync(folders.snapshots).sort();
  const deleted = purge(folders, 3);
  assert.deepEqual(deleted.map((path) => path.slice(folders.logs.length + 1)).sort(), [
    "log.1",
    "log.b",
    "snapshot.0",
    "snapshot.a",
  ]);
  assert.deepEqual(names(), ["log.19", "log.23", "log.backup", "log.f", "snapshot.14", "snapshot.1e", "snapshot.28"]);
  assert.deepEqual(purge(folders, 1), [], "never fewer than three");
  assert.deepEqual(purge(storage(context), 3), []);
});
