import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { core } from "../../src/targets/core/kind.js";
import { temporaryFolder } from "../support/temporary.js";
import { Zabench } from "../support/zabench.js";

interface Summary {
  readonly exitCode: number;
  readonly profiles: readonly { readonly name: string; readonly exitCode: number }[];
  readonly notForTheseTargets: readonly { readonly name: string; readonly targets: readonly string[] }[];
}

test("run all: profiles that are not for the targets are named, and neither judged nor counted", async (context) => {
  const zabench = new Zabench(temporaryFolder(context));
  const ensemble = await core.start({ servers: 1 });
  context.after(() => ensemble.stop());
  const { host, port } = ensemble.members[0]!.client;
  const all = ["run", "all", "--quick", "-t", `zookeeper://${host}:${port}`, "--json"];
  const { code, stdout, stderr } = await zabench.run(...all, "--only", "http-read,naming");
  const summary = JSON.parse(stdout) as Summary;
  assert.deepEqual([code, summary.exitCode], [EXIT.ok, EXIT.ok], stderr);
  assert.deepEqual(
    summary.profiles.map(({ name, exitCode }) => [name, exitCode]),
    [["naming", EXIT.ok]],
  );
  assert.deepEqual(summary.notForTheseTargets, [{ name: "http-read", targets: ["core", "etcd"] }]);
  assert.match(stderr, /^http-read +not for these targets +for core, etcd +-$/m);
  assert.match(stderr, /^1 of 1 profiles passed, in \d+ s\n1 are not for these targets \(zookeeper\)$/m);
  const none = await zabench.run(...all, "--only", "http-read");
  assert.equal(none.code, EXIT.insufficient, "nothing was run");
});
