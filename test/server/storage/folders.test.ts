import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openStorageFolders, removeUnfinished } from "../../../src/server/storage/folders.js";
import { temporaryFolder } from "../../support/temporary.js";

test("what a crash left unfinished is removed, and nothing else", (context) => {
  const folders = openStorageFolders(temporaryFolder(context));
  const kept = ["acceptedEpoch", "log.100000001", "mine.tmp", "snapshot.10000000a", "snapshot.zz.tmp"];
  const names = [...kept, "image.-3.tmp", "image.12.tmp", "snapshot.10000000a.tmp"];
  for (const name of names) writeFileSync(join(folders.snapshots, name), "x");
  removeUnfinished(folders);
  assert.deepEqual(readdirSync(folders.snapshots).sort(), kept);
});
