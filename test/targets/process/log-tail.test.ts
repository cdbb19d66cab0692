import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { formatLogLines, logEnd, readLogTail } from "../../../src/targets/process/log-tail.js";

test("the tail begins where the current start does, and is bounded", async () => {
  const folder = await mkdtemp(join(tmpdir(), "log-tail-"));
  const path = join(folder, "server.log");
  assert.equal(logEnd(path), 0);
  assert.deepEqual(await readLogTail(path), []);
  await writeFile(path, "java.net.BindException: of the start before\n");
  const offset = logEnd(path);
  await appendFile(path, "one\n\n  \ntwo\n");
  assert.deepEqual(await readLogTail(path, offset), ["one", "two"]);
  await appendFile(path, "x".repeat(1_000_000));
  assert.equal((await readLogTail(path, offset)).join("").length, 65_536);
  await rm(folder, { recursive: true });
});

test("a message shows the cause, not the frames below it", () => {
  const frames = Array.from({ length: 40 }, (_, index) => `\tat java.base/sun.nio.ch.Net.bind(Net.java:${index})`);
  const log = ["first", "java.net.BindException: Address already in use", ...frames, "\t... 3 more", "exiting"];
  assert.equal(formatLogLines(log, 2), "\n    java.net.BindException: Address already in use\n    exiting");
});
