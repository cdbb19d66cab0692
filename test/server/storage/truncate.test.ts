import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openStorageFolders } from "../../../src/server/storage/folders.js";
import { dropHistoryBut } from "../../../src/server/storage/truncate.js";
import { temporaryFolder } from "../../support/temporary.js";

test("a history that is replaced loses its logs before the snapshots that they go on from", (context) => {
  const folders = openStorageFolders(temporaryFolder(context));
  for (const name of ["snapshot.5", "snapshot.8", "log.6", "log.9"]) mkdirSync(join(folders.snapshots, name));
  // A folder cannot be unlinked, which stops this where a crash might.
  assert.throws(() => dropHistoryBut(folders, 5), /log\.9/);
  for (const name of ["log.9", "log.6"]) rmdirSync(join(folders.logs, name));
  assert.throws(() => dropHistoryBut(folders, 5), /snapshot\.8/);
  rmdirSync(join(folders.snapshots, "snapshot.8"));
  dropHistoryBut(folders, 5);
  assert.ok(existsSync(join(folders.snapshots, "snapshot.5")));
});
