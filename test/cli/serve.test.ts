import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/temporary.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

describe("zabench serve", () => {
  it("ends with 2 and names the port where that is in use", async (context) => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    context.after(() => holder.close());
    const { port } = holder.address() as AddressInfo;
    const folder = temporaryFolder(context);
    const file = join(folder, "zoo.cfg");
    writeFileSync(file, `dataDir=data\nclientPort=${port}\nclientPortAddress=127.0.0.1\n`);
    const { status, stderr } = spawnSync(process.execPath, [MAIN, "serve", file], {
      encoding: "utf8",
      timeout: 20_000,
    });
    assert.equal(status, 2, stderr);
    assert.match(stderr, new RegExp(`zabench: clientPort: port ${port} is in use`));
  });

  it("ends with 2 and one message for a bad configuration", (context) => {
    const file = join(temporaryFolder(context), "zoo.cfg");
    writeFileSync(file, "dataDir=data\nclientPort=2181\ntickTme=2000\n");
    const { status, stderr } = spawnSync(process.execPath, [MAIN, "serve", file], {
      encoding: "utf8",
      timeout: 20_000,
    });
    assert.equal(status, 2);
    assert.equal(stderr.trim().split("\n").length, 1);
    assert.match(stderr, /zoo\.cfg:3: tickTme: no such key/);
  });

  it("ends with 0 on Ctrl-C", async (context) => {
    const file = join(temporaryFolder(context), "zoo.cfg");
    writeFileSync(file, "dataDir=data\nclientPort=0\nclientPortAddress=127.0.0.1\npreAllocSize=64\n");
    const server = spawn(process.execPath, [MAIN, "serve", file], { stdio: ["ignore", "ignore", "pipe"] });
    context.after(() => server.kill("SIGKILL"));
    let log = "";
    for await (const chunk of server.stderr) {
      log += String(chunk);
      if (log.includes('"serving"')) server.kill("SIGINT");
    }
    if (server.exitCode === null) await once(server, "exit");
    assert.equal(server.exitCode, 0, log);
  });
});
