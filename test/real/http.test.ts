import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { etcd } from "../../src/targets/etcd/kind.js";
import { haveReal } from "../support/real.js";
import { Zabench } from "../support/zabench.js";

const folder = mkdtempSync(join(tmpdir(), "zabench-http-"));
const zabench = new Zabench(folder);
after(() => rmSync(folder, { recursive: true, force: true }));

interface Summary {
  readonly targets: readonly {
    readonly label: string;
    readonly operations: readonly { readonly name: string; readonly ok: number; readonly errors: object }[];
    readonly checks: readonly { readonly name: string; readonly verdict: string }[];
  }[];
}

const SHORT = ["--duration", "700ms", "--warm-up", "0s", "--rounds", "1", "--connections", "6", "--json"];

for (const servers of ["1", "3"]) {
  test(`http-mixed on ${servers} server(s) of the core and of etcd`, async (context) => {
    if (!haveReal(context, (await etcd.find()).length > 0, etcd.name, etcd.remedy)) return;
    const { stdout, stderr } = await zabench.run(
      "run",
      "http-mixed",
      "-t",
      "core",
      "-t",
      "etcd",
      "--ensemble",
      servers,
      ...SHORT,
    );
    const { targets } = JSON.parse(stdout) as Summary;
    assert.deepEqual(
      targets.map(({ label }) => label),
      ["core", "etcd"],
    );
    for (const { label, operations, checks } of targets) {
      assert.deepEqual(
        operations.map(({ name }) => name),
        ["read", "readLinearizable", "write"],
      );
      for (const { name, ok, errors } of operations) {
        assert.ok(ok > 0, `${label} ${name}\n${stderr}`);
        assert.deepEqual(errors, {}, `${label} ${name}`);
      }
      assert.deepEqual(
        checks.filter(({ name }) => name === "http-values").map(({ verdict }) => verdict),
        ["valid"],
        label,
      );
    }
  });
}

test("a target without an interface over HTTP, or one that is not known, is refused in one sentence", async () => {
  const unfit = await zabench.run("run", "http-read", "-t", "zookeeper", ...SHORT);
  assert.equal(unfit.code, EXIT.usage);
  assert.match(unfit.stderr, /zookeeper.*core, etcd/);
});
