import assert from "node:assert/strict";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { ByteWriter } from "../../../src/base/bytes.js";
import { makeZxid, type Zxid } from "../../../src/base/zxid.js";
import { type Database, type LoadedDatabase, treeSource } from "../../../src/core/database.js";
import { writeLogHeader } from "../../../src/core/log/log-format.js";
import { parseServerConfiguration, type ServerConfiguration } from "../../../src/server/configuration/zoo-cfg.js";
import { loadDatabase } from "../../../src/server/database.js";
import { FileStorage } from "../../../src/server/ensemble/member-storage.js";
import { createLogger } from "../../../src/server/log.js";
import { openStorageFolders, type StorageFolders } from "../../../src/server/storage/folders.js";
import { SNAPSHOT_CHUNK_BYTES, writeSnapshot } from "../../../src/server/storage/snapshot-file.js";
import { encodeHere } from "../../../src/server/tree-source.js";
import { framedEntries, range } from "../../support/log-entries.js";
import { temporaryFolder } from "../../support/temporary.js";

const log = createLogger("silent");
const at = (counter: number): Zxid => makeZxid(1, counter);

interface Disk {
  readonly configuration: ServerConfiguration;
  readonly folders: StorageFolders;
  load(): LoadedDatabase;
}

function emptyDisk(context: TestContext): Disk {
  const dataDir = temporaryFolder(context);
  const configuration = parseServerConfiguration(join(dataDir, "zoo.cfg"), `dataDir=${dataDir}\nclientPort=0\n`);
  const folders = openStorageFolders(dataDir);
  return { configuration, folders, load: () => loadDatabase(configuration, folders, log, 500) };
}

/** As at every start of a member. */
async function snapshotOf({ folders }: Disk, { store, sessions, lastZxid }: Database): Promise<void> {
  const source = treeSource(store, sessions, () => lastZxid);
  await writeSnapshot(folders.snapshots, lastZxid, encodeHere(source, "snapshot", SNAPSHOT_CHUNK_BYTES));
}

/** A disk on which a new server has logged transactions 1 to `count` of epoch 1. */
async function diskWithLog(context: TestContext, count: number): Promise<Disk> {
  const disk = emptyDisk(context);
  await snapshotOf(disk, disk.load());
  const header = new ByteWriter();
  writeLogHeader(header);
  const bytes = Buffer.concat([header.view(), framedEntries(range(at(1), at(count)))]);
  writeFileSync(join(disk.folders.logs, `log.${at(1).toString(16)}`), bytes);
  return disk;
}

/** With what it reported as fatal. */
function openStorage(context: TestContext, { folders, configuration }: Disk): [FileStorage, Promise<Error>] {
  let storage: FileStorage | undefined;
  const failure = new Promise<Error>((resolve) => {
    storage = new FileStorage(folders, configuration, log, { synced: () => {}, fatal: resolve });
  });
  context.after(() => storage!.close());
  return [storage!, failure];
}

function truncated(storage: FileStorage, zxid: Zxid): Promise<Database | undefined> {
  return new Promise((resolve) => storage.truncate(zxid, true, resolve));
}

function snapshotNames({ folders }: Disk): string[] {
  return readdirSync(folders.snapshots)
    .filter((name) => name.startsWith("snapshot"))
    .sort();
}

describe("a history whose tail a start-up snapshot holds", () => {
  it("is cut by means of an older snapshot and the log", async (context) => {
    const disk = await diskWithLog(context, 10);
    await snapshotOf(disk, disk.load());
    const again = disk.load();
    assert.equal(again.lastZxid, at(10));
    assert.deepEqual(
      again.recent.map(({ zxid }) => zxid),
      range(at(2), at(10)),
    );
    assert.equal(again.baseZxid, at(1));
    assert.equal(again.floorZxid, at(1));
    const [storage, failure] = openStorage(context, disk);
    const database = await Promise.race([truncated(storage, at(7)), failure]);
    assert.equal((database as Database).lastZxid, at(7));
    await storage.close();
    assert.equal(disk.load().lastZxid, at(7));
    assert.deepEqual(snapshotNames(disk), ["snapshot.0"]);
  });

  it("stays as it is where that cannot be done", async (context) => {
    const disk = await diskWithLog(context, 10);
    await snapshotOf(disk, disk.load());
    const before = snapshotNames(disk);
    writeFileSync(join(disk.folders.snapshots, "snapshot.0"), "damaged");
    const [storage, failure] = openStorage(context, disk);
    assert.ok((await Promise.race([truncated(storage, at(7)), failure])) instanceof Error);
    await storage.close();
    assert.deepEqual(snapshotNames(disk), before);
    assert.equal(disk.load().lastZxid, at(10));
  });

  it("can be cut no further than to the oldest snapshot that the log reaches back to", async (context) => {
    const disk = await diskWithLog(context, 10);
    const empty = disk.load();
    for (const zxid of [at(4), at(10)]) await snapshotOf(disk, { ...empty, lastZxid: zxid });
    assert.equal(disk.load().floorZxid, at(1));
    rmSync(join(disk.folders.snapshots, "snapshot.0"));
    assert.equal(disk.load().floorZxid, at(4));
  });

  it("does not count what the log holds of another history than the snapshot", async (context) => {
    const disk = await diskWithLog(context, 10);
    await snapshotOf(disk, { ...disk.load(), lastZxid: makeZxid(2, 5) });
    const { recent, baseZxid, floorZxid } = disk.load();
    assert.deepEqual(recent, []);
    assert.equal(baseZxid, makeZxid(2, 5));
    assert.equal(floorZxid, makeZxid(2, 5));
  });
});

describe("a server that is told to stop while it installs an image", () => {
  it("has done so when it has stopped, and leaves nothing open and nothing lying about", async (context) => {
    const disk = await diskWithLog(context, 3);
    const before = disk.load();
    const [storage, failure] = openStorage(context, disk);
    const failures: Error[] = [];
    void failure.then((error) => failures.push(error));
    const source = treeSource(before.store, before.sessions, () => at(9));
    for (const bytes of encodeHere(source, "image", SNAPSHOT_CHUNK_BYTES)) storage.imageBytes(-1, bytes);
    storage.imageBytes(-2, Buffer.from("part of another"));
    let installed: Database | undefined;
    storage.install(at(9), -1, (database) => {
      installed = database;
    });
    await storage.close();
    assert.equal(installed?.lastZxid, at(9));
    assert.deepEqual(failures, []);
    assert.equal(disk.load().lastZxid, at(9));
    assert.deepEqual(
      readdirSync(disk.folders.snapshots).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });
});
