import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../../../src/base/bytes.js";
import { memorySource } from "../../../src/core/log/byte-source.js";
import { beginEntry, endEntry, type LogEnd, readLog, writeLogHeader } from "../../../src/core/log/log-format.js";
import { type LogRecord, writeLogRecord } from "../../../src/core/log/transactions.js";
import { OP } from "../../../src/jute/opcodes.js";
import { fixture } from "./fixtures.js";

const golden = readFileSync(fixture("log.1"));

interface Read {
  readonly end: LogEnd;
  readonly zxids: number[];
  readonly offsets: number[];
  readonly hexes: string[];
}

function encode(writer: ByteWriter, record: LogRecord): void {
  const start = beginEntry(writer);
  writeLogRecord(writer, record.header, record.transaction, record.digest);
  endEntry(writer, start);
}

/** `hexes` are taken during the call, as a real reader must. */
function read(bytes: Uint8Array): Read {
  const zxids: number[] = [];
  const offsets: number[] = [];
  const hexes: string[] = [];
  const end = readLog(memorySource(bytes), (record, offset) => {
    const writer = new ByteWriter();
    encode(writer, record);
    zxids.push(record.header.zxid);
    offsets.push(offset);
    hexes.push(writer.view().toString("hex"));
  });
  return { end, zxids, offsets, hexes };
}

const whole = read(golden);
const ends = [...whole.offsets.slice(1), golden.length];

test("a log of Apache ZooKeeper is read and written back byte for byte", () => {
  assert.deepEqual(whole.end, { kind: "clean", offset: golden.length });
  assert.deepEqual(whole.zxids, [1, 2, 3, 4, 5, 6]);
  const writer = new ByteWriter();
  writeLogHeader(writer);
  readLog(memorySource(golden), (record) => encode(writer, record));
  assert.deepEqual(writer.copy(), golden);
});

test("a tail cut at any length leaves the entries that are whole, with zeros behind it or without", () => {
  for (let length = 0; length <= golden.length; length++) {
    for (const zeros of [0, 1, 12, 700]) {
      // The header is in one sector, so it is never followed by zeros where it should go on.
      if (length > 0 && length < 16 && zeros > 0) continue;
      const { end, zxids } = read(Buffer.concat([golden.subarray(0, length), Buffer.alloc(zeros)]));
      const kept = ends.filter((offset) => offset <= length).length;
      assert.deepEqual(zxids, whole.zxids.slice(0, kept), `cut at ${length}`);
      const boundary = kept === 0 ? 16 : (ends[kept - 1] as number);
      assert.notEqual(end.kind, "damaged", `cut at ${length}`);
      assert.equal(end.offset, length < 16 ? 0 : boundary, `cut at ${length}`);
      const lost = golden.subarray(boundary, length).some((byte) => byte !== 0);
      if (length >= 16 && lost) assert.equal(end.kind, "torn", `cut at ${length}`);
    }
  }
});

test("any flipped bit is found, or changes nothing; before the last entry it is damage", () => {
  const padded = Buffer.concat([golden, Buffer.alloc(600)]);
  for (let bit = 0; bit < golden.length * 8; bit++) {
    const at = bit >> 3;
    const bytes = Buffer.from(padded);
    bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
    const { end, hexes } = read(bytes);
    assert.deepEqual(hexes, whole.hexes.slice(0, hexes.length), `bit ${bit}`);
    if (hexes.length === whole.hexes.length) assert.ok(at >= 8 && at < 16, `bit ${bit} went unnoticed`);
    else if (at < (ends[4] as number)) assert.equal(end.kind, "damaged", `bit ${bit}`);
    else assert.notEqual(end.kind, "clean", `bit ${bit}`);
  }
});

test("a last entry of one sector cannot be torn once its end is there, so a wrong checksum is damage", () => {
  const one = golden.subarray(0, ends[0]);
  const flipped = Buffer.from(one);
  flipped[40] = (flipped[40] as number) ^ 1;
  assert.equal(read(flipped).end.kind, "damaged");
});

function bigLog(sizes: readonly number[]): { bytes: Buffer; starts: number[] } {
  const writer = new ByteWriter();
  const starts: number[] = [];
  writeLogHeader(writer);
  for (const [index, size] of sizes.entries()) {
    starts.push(writer.offset);
    encode(writer, {
      header: { clientId: 1n, cxid: index, zxid: index + 1, time: 1_700_000_000_000, type: OP.setData },
      transaction: { type: OP.setData, path: "/a", data: Buffer.alloc(size, index + 1), version: index },
      digest: undefined,
    });
  }
  return { bytes: writer.copy(), starts };
}

test("a last entry over several sectors with a page missing in its middle is torn", () => {
  const { bytes, starts } = bigLog([10, 20_000]);
  bytes.fill(0, 8_192, 12_288);
  const { end, zxids } = read(bytes);
  assert.deepEqual(end, { kind: "torn", offset: starts[1] as number, reason: "the checksum of an entry is wrong" });
  assert.deepEqual(zxids, [1]);
});

test("zeros with whole entries behind them are damage, however far away those are", () => {
  const { bytes, starts } = bigLog([10, 20_000, 10]);
  bytes.fill(0, starts[1], starts[2]);
  const gap = Buffer.concat([bytes.subarray(0, starts[1]), Buffer.alloc(3 << 20), bytes.subarray(starts[1])]);
  const { end } = read(gap);
  assert.equal(end.kind, "damaged");
  assert.equal(end.offset, starts[1]);
  assert.match("reason" in end ? end.reason : "", new RegExp(`offset ${(starts[2] as number) + (3 << 20)}$`));
});

test("a whole entry behind a bad place is found wherever the search for it cuts the file into chunks", () => {
  const { bytes, starts } = bigLog([10, 10, 10]);
  const [bad, next] = [starts[1] as number, starts[2] as number];
  for (let before = 0; before <= 50; before++) {
    const gap = Buffer.concat([bytes.subarray(0, bad), Buffer.alloc((1 << 20) - before), bytes.subarray(next)]);
    assert.equal(read(gap).end.kind, "damaged", `${before} bytes before the end of a chunk`);
  }
});

test("entries larger than the read window come whole, in whatever pieces the source gives them", () => {
  const sizes = [1, 3 << 20, 5, 1 << 20, 700];
  const { bytes } = bigLog(sizes);
  const lengths: number[] = [];
  const end = readLog(memorySource(bytes), ({ transaction }) => {
    const value = transaction.type === OP.setData ? (transaction.data as Uint8Array) : Buffer.alloc(0);
    assert.ok(value.every((byte) => byte === lengths.length + 1));
    lengths.push(value.length);
  });
  assert.deepEqual(lengths, sizes);
  assert.deepEqual(end, { kind: "clean", offset: bytes.length });
});

test("arbitrary bytes behind a good header are never an entry, a crash or a hang", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      const { zxids } = read(Buffer.concat([golden.subarray(0, ends[1]), noise]));
      assert.deepEqual(zxids, [1, 2]);
    }),
  );
});

test("a file that is no log, or of another version, is damage, not an empty log", () => {
  assert.equal(read(Buffer.from("this is the shopping list")).end.kind, "damaged");
  const other = Buffer.from(golden);
  other.writeInt32BE(3, 4);
  assert.equal(read(other).end.kind, "damaged");
});
