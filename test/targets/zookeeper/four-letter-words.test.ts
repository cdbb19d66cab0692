import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import {
  askFourLetterWord,
  parseRole,
  parseSyncs,
  parseVersion,
} from "../../../src/targets/zookeeper/four-letter-words.js";

const DEBIAN = `Zookeeper version: 3.8.0-\${mvngit.commit.id}, built on 2024-06-16 10:13 UTC
Latency min/avg/max: 0/0.0/0
Received: 1
Sent: 0
Connections: 1
Outstanding: 0
Zxid: 0x0
Mode: follower
Node count: 5
`;
const APACHE = DEBIAN.replace(/^.*\n/, "Zookeeper version: 3.9.5-e2cd7b0, built on 2026-02-01 10:00 UTC\n");

async function serve(answer: (word: string) => string | undefined): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (word) => {
      const text = answer(word.toString("latin1"));
      if (text !== undefined) socket.end(text);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return { server, port: address.port };
}

test("the role is the mode", () => {
  for (const role of ["standalone", "leader", "follower", "observer"] as const) {
    assert.equal(parseRole(DEBIAN.replace("follower", role)), role);
  }
  assert.equal(parseRole("This ZooKeeper instance is not currently serving requests\n"), "unreachable");
  assert.equal(parseRole("Mode: read-only\n"), "unreachable");
  assert.equal(parseRole(""), "unreachable");
});

test("the version is without the build", () => {
  assert.equal(parseVersion(DEBIAN), "3.8.0");
  assert.equal(parseVersion(APACHE), "3.9.5");
  assert.equal(parseVersion("srvr is not executed because it is not in the whitelist.\n"), undefined);
});

test("syncs are the count of the sync times", () => {
  const mntr =
    "zk_fsync_threshold_exceed_count\t0\nzk_avg_fsynctime\t1.5\nzk_cnt_fsynctime\t321\nzk_sum_fsynctime\t482\n";
  assert.equal(parseSyncs(mntr), 321);
  assert.equal(parseSyncs("zk_sum_fsynctime\t482\n"), undefined);
});

test("an answer is read to its end", async () => {
  const { server, port } = await serve((word) => `${word} `.repeat(50_000));
  const answer = await askFourLetterWord({ host: "127.0.0.1", port }, "srvr");
  assert.equal(answer, "srvr ".repeat(50_000));
  server.close();
});

test("a server that does not answer, answers nothing or is not there is undefined", async () => {
  const silent = await serve(() => undefined);
  const empty = await serve(() => "");
  assert.equal(await askFourLetterWord({ host: "127.0.0.1", port: silent.port }, "srvr"), undefined);
  assert.equal(await askFourLetterWord({ host: "127.0.0.1", port: empty.port }, "srvr"), undefined);
  silent.server.close();
  empty.server.close();
  assert.equal(await askFourLetterWord({ host: "127.0.0.1", port: empty.port }, "srvr"), undefined);
});
