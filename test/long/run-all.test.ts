import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { profileNames } from "../../src/bench/profile/load.js";
import { etcd } from "../../src/targets/etcd/kind.js";
import { zookeeper } from "../../src/targets/zookeeper/kind.js";
import { haveReal } from "../support/real.js";
import { runProfilesQuickly } from "../support/run-all.js";

const folder = mkdtempSync(join(tmpdir(), "zabench-run-all-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("run all: every profile on every target that it names, on ensembles that are reused", async (context) => {
  for (const kind of [zookeeper, etcd]) {
    if (!haveReal(context, (await kind.find()).length > 0, kind.name, kind.remedy)) return;
  }
  await runProfilesQuickly(folder, profileNames());
});
