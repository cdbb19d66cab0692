import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, MalformedBytesError } from "../../../src/base/bytes.js";
import { readLogRecord, writeLogRecord, writeTxnHeader } from "../../../src/core/log/transactions.js";
import { OP } from "../../../src/jute/opcodes.js";
import * as arbitrary from "./arbitrary.js";
import { fixture } from "./fixtures.js";

function decode(hex: string | Buffer) {
  return readLogRecord(new ByteReader(typeof hex === "string" ? Buffer.from(hex, "hex") : hex));
}

test("every transaction comes back as it was written, with and without a digest", () => {
  const entry = arbitrary.transaction.chain((transaction) =>
    fc.tuple(arbitrary.header(transaction.type), fc.constant(transaction), arbitrary.digest),
  );
  fc.assert(
    fc.property(entry, ([header, transaction, digest]) => {
      const writer = new ByteWriter();
      writeLogRecord(writer, header, transaction, digest);
      assert.deepEqual(decode(writer.copy()), { header, transaction, digest });
    }),
    { numRuns: 500 },
  );
});

test("entries written by Apache ZooKeeper are understood and written back byte for byte", () => {
  const lines = readFileSync(fixture("golden.txt"), "utf8").split("\n");
  const entries = lines.filter((line) => line.startsWith("txn "));
  assert.equal(entries.length, 6);
  for (const line of entries) {
    const hex = line.slice(line.indexOf("entry=") + 6).trim();
    const { header, transaction, digest } = decode(hex);
    assert.equal(header.zxid, Number(/zxid=(\d+)/.exec(line)?.[1]));
    assert.equal(transaction.type, Number(/type=(-?\d+)/.exec(line)?.[1]));
    assert.equal(digest?.treeDigest, BigInt(/treeDigest=(\d+)/.exec(line)?.[1] as string));
    const writer = new ByteWriter();
    writeLogRecord(writer, header, transaction, digest);
    assert.equal(writer.view().toString("hex"), hex);
  }
});

test("a header written word by word is the same header", () => {
  const writer = new ByteWriter();
  writeTxnHeader(writer, 0x8100_0a1b, 0xfc3d_0000, 7, 2 ** 40 + 5, 1_700_000_000_000, OP.delete);
  writer.string("/a");
  assert.deepEqual(decode(writer.copy()).header, {
    clientId: BigInt.asIntN(64, 0x8100_0a1b_fc3d_0000n),
    cxid: 7,
    zxid: 2 ** 40 + 5,
    time: 1_700_000_000_000,
    type: OP.delete,
  });
});

const HEADER_HEX = "01000a1b2c3d00000000000100000000000000020000018bcfe56800";
const DIGEST_HEX = "0000000200000000f5db6395";

test("a create without the parent's cversion, as release 3.4.0 wrote it, asks the applier to compute it", () => {
  const body = [HEADER_HEX, "00000001", "000000022f61", "0000000568656c6c6f", "ffffffff", "00"].join("");
  for (const hex of [body, body + DIGEST_HEX]) {
    const { transaction, digest } = decode(hex);
    assert.equal(transaction.type === OP.create && transaction.parentCVersion, -1);
    assert.equal(digest === undefined, hex === body);
  }
});

test("a closeSession may lack its paths, its digest or both", () => {
  const head = `${HEADER_HEX}fffffff5`;
  const paths = "00000001000000042f612f65";
  const cases: [string, readonly string[] | null, boolean][] = [
    [head, null, false],
    [head + DIGEST_HEX, null, true],
    [head + paths, ["/a/e"], false],
    [head + paths + DIGEST_HEX, ["/a/e"], true],
    [`${head}00000000`, [], false],
    [`${head}00000000${DIGEST_HEX}`, [], true],
  ];
  for (const [hex, expected, hasDigest] of cases) {
    const { transaction, digest } = decode(hex);
    assert.deepEqual(transaction, { type: OP.closeSession, pathsToDelete: expected });
    assert.equal(digest !== undefined, hasDigest);
  }
});

test("an unknown type, a part that is no part, and bytes left over are malformed", () => {
  const part = (type: string) => `${HEADER_HEX}0000000e00000001${type}00000000`;
  for (const hex of [
    `${HEADER_HEX}00000063`,
    part("0000000e"),
    part("fffffff6"),
    `${HEADER_HEX}00000002000000022f61${"00".repeat(5)}`,
    `${HEADER_HEX}00000002000000022f61${DIGEST_HEX}00`,
  ]) {
    assert.throws(() => decode(hex), MalformedBytesError);
  }
});

test("any prefix of a transaction is malformed or a shorter transaction that was possible, never a crash", () => {
  fc.assert(
    fc.property(arbitrary.transaction, arbitrary.header(0), (transaction, header) => {
      const writer = new ByteWriter();
      writeLogRecord(writer, { ...header, type: transaction.type }, transaction, undefined);
      const whole = writer.copy();
      for (let length = 0; length < whole.length; length++) {
        try {
          decode(whole.subarray(0, length));
        } catch (error) {
          assert.ok(error instanceof MalformedBytesError, String(error));
        }
      }
    }),
    { numRuns: 100 },
  );
});
