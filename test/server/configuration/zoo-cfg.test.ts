import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { UserError } from "../../../src/base/user-error.js";
import { parseProperties } from "../../../src/server/configuration/properties.js";
import { formatServerLine, parseServerLine } from "../../../src/server/configuration/server-line.js";
import { parseServerConfiguration, readServerConfiguration } from "../../../src/server/configuration/zoo-cfg.js";

const MINIMAL = "dataDir=/tmp/zk\nclientPort=2181\n";

function refused(text: string, message: RegExp): void {
  assert.throws(
    () => parseServerConfiguration("/etc/zoo.cfg", text),
    (error: unknown) => error instanceof UserError && error.kind.exitCode === 2 && message.test(error.message),
  );
}

describe("Java properties", () => {
  it("reads what java.util.Properties reads", () => {
    const text = "# c\n! c\n a = b \nc:d\ne f\ng\\=h=i\nlong=one\\\n   two\nuni=\\u0041\\t.\nempty=\nbare\n";
    assert.deepEqual(
      parseProperties(text).map(({ key, value, line }) => [key, value, line]),
      [
        ["a", "b ", 3],
        ["c", "d", 4],
        ["e", "f", 5],
        ["g=h", "i", 6],
        ["long", "onetwo", 7],
        ["uni", "A\t.", 9],
        ["empty", "", 10],
        ["bare", "", 11],
      ],
    );
  });
});

describe("zoo.cfg", () => {
  it("fills in upstream's defaults", () => {
    const read = parseServerConfiguration("/etc/zoo.cfg", `${MINIMAL}tickTime=2000`);
    assert.equal(read.minSessionTimeoutMs, 4_000);
    assert.equal(read.maxSessionTimeoutMs, 40_000);
    assert.equal(read.maxClientConnections, 60);
    assert.equal(read.dataLogDir, "/tmp/zk");
    assert.equal(read.preAllocBytes, 64 << 20);
    assert.equal(read.forceSync, true);
    assert.deepEqual([...read.fourLetterWords], ["srvr"]);
    assert.equal(read.metrics, undefined);
  });

  it("takes folders relative to the file", () => {
    assert.equal(parseServerConfiguration("/etc/zk/zoo.cfg", "dataDir=data\nclientPort=1").dataDir, "/etc/zk/data");
  });

  it("names file, line and key of what is wrong", () => {
    refused("clientPort=2181", /^\/etc\/zoo\.cfg: dataDir: .*required/);
    refused("dataDir=/tmp/zk", /clientPort: .*required/);
    refused(`${MINIMAL}tickTime=0`, /^\/etc\/zoo\.cfg:3: tickTime: '0' is not a whole number from 1/);
    refused(`${MINIMAL}tickTime=2s`, /:3: tickTime: '2s'/);
    refused(`${MINIMAL}clientPort=70000`, /:3: clientPort: '70000'/);
    refused(`${MINIMAL}forceSync=maybe`, /:3: forceSync: 'maybe' is neither true nor false/);
    refused(`${MINIMAL}minSessionTimeout=5000\nmaxSessionTimeout=4000`, /:3: minSessionTimeout: 5000 ms is above/);
    refused(`${MINIMAL}tickTim=2000`, /:3: tickTim: no such key/);
    refused(`${MINIMAL}secureClientPort=2281`, /:3: secureClientPort: TLS is not supported/);
    refused(`${MINIMAL}reconfigEnabled=true`, /:3: reconfigEnabled: changing the members .* is not supported yet/);
    refused(
      `${MINIMAL}server.1=a:1:2\nserver.2=b:1:2:observer`,
      /:4: server\.2: an observer needs at least two participants/,
    );
    refused(`${MINIMAL}server.1=a:1:2:observer`, /:3: server\.1: an observer needs at least two participants .* not 0/);
    refused(`${MINIMAL}server.1=a:1:2\nserver.2=a:3:2`, /:4: server\.2: a:2 is an address of server\.1 already/);
    refused(`${MINIMAL}server.255=a:1:2`, /:3: server\.255: a server number is from 0 to 254/);
    refused(`${MINIMAL}server.1=localhost:1:2:watcher`, /:3: server\.1: the role is participant or observer/);
  });

  it("refuses a file that cannot be read", () => {
    assert.throws(
      () => readServerConfiguration("/nonexistent/zoo.cfg"),
      /^UserError: \/nonexistent\/zoo\.cfg: cannot be read/,
    );
  });

  it("warns of keys without effect and of keys set twice", () => {
    const { warnings, tickTimeMs } = parseServerConfiguration(
      "/z",
      `${MINIMAL}admin.serverPort=8080\ntickTime=1\ntickTime=2`,
    );
    assert.equal(tickTimeMs, 2);
    assert.equal(warnings.length, 2);
    assert.match(warnings.join("\n"), /admin\.serverPort has no effect/);
    assert.match(warnings.join("\n"), /tickTime was set on line 4 already/);
  });

  it("allows a key that only says that something is off", () => {
    assert.equal(parseServerConfiguration("/z", `${MINIMAL}sslQuorum=false`).warnings.length, 0);
    assert.equal(parseServerConfiguration("/z", `${MINIMAL}reconfigEnabled=false`).warnings.length, 0);
  });

  it("reads an ensemble with its own number", () => {
    const folder = mkdtempSync(join(tmpdir(), "zabench-test-"));
    try {
      writeFileSync(join(folder, "myid"), "2\n");
      const servers = "initLimit=10\nsyncLimit=5\nserver.1=h1:2888:3888\nserver.2=h2:2888:3888;0.0.0.0:2182\n";
      const read = parseServerConfiguration("/z", `dataDir=${folder}\n${servers}`);
      assert.equal(read.serverId, 2);
      assert.equal(read.clientPort, 2182);
      refused(
        `dataDir=${folder}\nclientPort=1\nserver.1=a:1:2\nserver.3=b:1:2\ninitLimit=1\nsyncLimit=1`,
        /server\.2: .*own line/,
      );
      refused(
        `dataDir=${folder}\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\nsyncLimit=1`,
        /initLimit: an ensemble needs it/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("server lines", () => {
  it("reads and prints every form", () => {
    for (const [value, printed] of [
      ["h:2888:3888", "server.1=h:2888:3888:participant"],
      ["h:2888:3888:observer;2181", "server.1=h:2888:3888:observer;0.0.0.0:2181"],
      ["[::1]:2888:3888;[::2]:2181", "server.1=[::1]:2888:3888:participant;[::2]:2181"],
    ] as const) {
      const server = parseServerLine(1, value);
      assert.ok(typeof server !== "string", `${value}: ${String(server)}`);
      assert.equal(formatServerLine(server), printed);
    }
  });

  it("says what is wrong", () => {
    for (const value of ["", "h", "h:1", "h:1:1", "h:0:2", "h:1:2:x", "h:1:2;", "h:1:2;a:b", "h:1:2;1;2", "[zz]:1:2"]) {
      assert.equal(typeof parseServerLine(1, value), "string", value);
    }
  });
});
