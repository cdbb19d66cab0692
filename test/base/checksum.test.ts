import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { adler32, crc32 } from "../../src/base/checksum.js";

const CHECK = Buffer.from("123456789");

test("the published check values hold", () => {
  assert.equal(crc32(CHECK), 0xcbf4_3926);
  assert.equal(adler32(CHECK), 0x091e_01de);
  assert.equal(crc32(Buffer.alloc(0)), 0);
  assert.equal(adler32(Buffer.alloc(0)), 1);
});

test("Adler-32 of a createSession log entry is the one Apache ZooKeeper wrote", () => {
  const entry = "01000a1b2c3d00000000000000000000000000010000018bcfe56800fffffff600007530000000020000000051c6d660";
  assert.equal(adler32(Buffer.from(entry, "hex")), 2_937_457_184);
});

test("CRC-32 agrees with zlib on any bytes, in any number of steps", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
      const middle = Math.min(cut, bytes.length);
      assert.equal(crc32(bytes), zlib.crc32(bytes));
      assert.equal(crc32(bytes, middle, bytes.length, crc32(bytes, 0, middle)), zlib.crc32(bytes));
    }),
  );
});

test("Adler-32 of long runs of the largest byte does not overflow", () => {
  const bytes = new Uint8Array(1_000_000).fill(0xff);
  let low = 1n;
  let high = 0n;
  for (const byte of bytes) {
    low = (low + BigInt(byte)) % 65_521n;
    high = (high + low) % 65_521n;
  }
  assert.equal(adler32(bytes), Number((high << 16n) | low));
  assert.equal(adler32(bytes, 500, bytes.length, adler32(bytes, 0, 500)), Number((high << 16n) | low));
});
