import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseCpuMicros,
  parseResidentBytes,
  parseWrittenBytes,
  readProcessUsage,
} from "../../../src/targets/process/proc.js";

// Recorded from a running server; the name was made a hostile one.
const STAT =
  "17780 (ja) va (x) S 17700 17780 17780 0 -1 4194304 19853 1322 3 0 121 19 1 0 20 0 45 0 118208 7516192768 18123 " +
  "18446744073709551615 94371 94375 140720 0 0 0 0 4096 1098941645 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0";
const IO = `rchar: 3461321
wchar: 94209
syscr: 1821
syscw: 312
read_bytes: 12288
write_bytes: 61440
cancelled_write_bytes: 4096
`;
const STATUS = "Name:\tjava\nVmPeak:\t 7340032 kB\nVmRSS:\t   72492 kB\nRssAnon:\t   50000 kB\n";

test("processor time is user and system time, whatever the process is called", () => {
  assert.equal(parseCpuMicros(STAT), 1_400_000);
  assert.equal(parseCpuMicros(""), undefined);
});

test("written bytes are those for the block layer", () => {
  assert.equal(parseWrittenBytes(IO), 61_440);
  assert.equal(parseWrittenBytes("rchar: 1\n"), undefined);
});

test("resident memory is in bytes", () => {
  assert.equal(parseResidentBytes(STATUS), 72_492 * 1_024);
  assert.equal(parseResidentBytes("Name:\tkthreadd\n"), undefined);
});

test("a process has a usage while it is there", { skip: process.platform !== "linux" }, async () => {
  const before = await readProcessUsage(process.pid);
  assert.ok(before !== undefined && before.residentBytes > 1_000_000);
  const until = process.cpuUsage().user + 60_000;
  while (process.cpuUsage().user < until) Math.sqrt(until);
  const after = await readProcessUsage(process.pid);
  assert.ok(after !== undefined && after.cpuMicros - before.cpuMicros >= 50_000);
});

test("a process that is not there has none", async () => {
  assert.equal(await readProcessUsage(2 ** 30), undefined);
});
