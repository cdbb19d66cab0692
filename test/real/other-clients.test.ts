import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { clientPort, startFor } from "../support/pair.js";
import { haveReal } from "../support/real.js";

// Clients that nobody here wrote work against the core.

const run = promisify(execFile);
const SYSTEM_PYTHON = "/usr/bin/python3";
const ZKCLI = "/usr/share/zookeeper/bin/zkCli.sh";
const script = fileURLToPath(new URL("../../../test/support/kazoo_session.py", import.meta.url));

describe("other people's clients", () => {
  it("kazoo: data, watches, transactions, locks, ephemerals", { timeout: 120_000 }, async (context) => {
    const found = spawnSync(SYSTEM_PYTHON, ["-c", "import kazoo"]).status === 0;
    if (!haveReal(context, found, "kazoo", "apt-get install python3-kazoo")) return;
    const core = await startFor(context, "core");
    if (core === undefined) return;
    const { stdout } = await run(SYSTEM_PYTHON, [script, `127.0.0.1:${clientPort(core)}`], { timeout: 90_000 });
    assert.match(stdout, /kazoo is content/);
  });

  it("Apache's zkCli.sh", { timeout: 120_000 }, async (context) => {
    if (!haveReal(context, existsSync(ZKCLI), "zkCli.sh", "apt-get install zookeeper")) return;
    const core = await startFor(context, "core");
    if (core === undefined) return;
    const commands = [
      "create /cli hello",
      "create -s -e /cli/seq- data",
      "ls /cli",
      "get -s /cli",
      "set /cli changed",
      "get /cli",
      "stat /cli",
      "getAcl /cli",
      "delete /cli",
      "getAllChildrenNumber /",
      "create -c /container x",
      "deleteall /cli",
      "ls /",
      "quit",
    ];
    const address = `127.0.0.1:${clientPort(core)}`;
    const { stdout, stderr, status } = spawnSync(ZKCLI, ["-server", address], {
      input: `${commands.join("\n")}\n`,
      encoding: "utf8",
      timeout: 90_000,
    });
    const output = stdout + stderr;
    assert.equal(status, 0, output);
    assert.match(output, /Created \/cli\n/);
    assert.match(output, /Created \/cli\/seq-0000000000/);
    assert.match(output, /\[seq-0000000000\]/);
    assert.match(output, /hello\ncZxid = 0x2/);
    assert.match(output, /changed/);
    assert.match(output, /'world,'anyone\n: cdrwa/);
    assert.match(output, /Node not empty: \/cli/);
    assert.match(output, /\[container, zookeeper\]/);
  });
});
