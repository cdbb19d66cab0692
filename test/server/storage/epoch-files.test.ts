import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "../../../src/base/user-error.js";
import { EPOCH_MAX, makeZxid } from "../../../src/base/zxid.js";
import { readEpoch, readEpochs, writeEpoch } from "../../../src/server/storage/epoch-files.js";
import { openStorageFolders } from "../../../src/server/storage/folders.js";
import { temporaryFolder } from "../../support/temporary.js";

test("an epoch is read as it was written, by other servers too, and written over in place", (context) => {
  const folders = openStorageFolders(temporaryFolder(context));
  const path = join(folders.snapshots, "currentEpoch");
  assert.equal(readEpoch(folders, "currentEpoch", makeZxid(7, 3)), 7, "without a file that of the last transaction");
  writeEpoch(folders, "currentEpoch", 9);
  const { ino } = statSync(path);
  for (const epoch of [10, 123, EPOCH_MAX]) {
    writeEpoch(folders, "currentEpoch", epoch);
    assert.equal(readEpoch(folders, "currentEpoch", 0), epoch);
    assert.equal(readFileSync(path, "utf8").split("\n")[0], String(epoch));
  }
  assert.equal(statSync(path).ino, ino);
  // As Apache ZooKeeper writes it.
  writeFileSync(path, "41");
  assert.equal(readEpoch(folders, "currentEpoch", 0), 41);
  writeEpoch(folders, "currentEpoch", 42);
  assert.equal(readEpoch(folders, "currentEpoch", 0), 42);
});

test("what is no epoch is refused with its file", (context) => {
  const folders = openStorageFolders(temporaryFolder(context));
  for (const text of ["", "x", "-1", "1e3", String(EPOCH_MAX + 1)]) {
    writeFileSync(join(folders.snapshots, "acceptedEpoch"), text);
    assert.throws(
      () => readEpoch(folders, "acceptedEpoch", 0),
      (error) => error instanceof UserError && error.message.includes("acceptedEpoch"),
      text,
    );
  }
});

test("epochs that cannot be of one server are refused", (context) => {
  const folders = openStorageFolders(temporaryFolder(context));
  const isRefused = (lastZxid: number): void => {
    assert.throws(
      () => readEpochs(folders, lastZxid),
      (error) => error instanceof UserError && error.message.includes("acceptedEpoch"),
    );
  };
  writeEpoch(folders, "acceptedEpoch", 4);
  writeEpoch(folders, "currentEpoch", 3);
  assert.deepEqual(readEpochs(folders, makeZxid(3, 1)), { acceptedEpoch: 4, currentEpoch: 3 });
  assert.deepEqual(
    readEpochs(folders, makeZxid(4, 1)),
    { acceptedEpoch: 4, currentEpoch: 3 },
    "ended while it entered 4",
  );
  isRefused(makeZxid(5, 1));
  writeEpoch(folders, "currentEpoch", 5);
  isRefused(makeZxid(3, 1));
});
