import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { adler32, crc32 } from "../../src/base/checksum.js";

const text = Buffer.from("123456789");

test("the check values of RFC 1950 and of CRC-32", () => {
  assert.equal(adler32(text), 0x091e_01de);
  assert.equal(crc32(text), 0xcbf4_3926);
  assert.equal(adler32(Buffer.alloc(0)), 1);
  assert.equal(crc32(Buffer.alloc(0)), 0);
});

test("a megabyte of 0xff overflows no sum", () => {
  // The value of java.util.zip.Adler32 and of zlib for the same bytes.
  assert.equal(adler32(Buffer.alloc(1 << 20, 0xff)), adlerByDefinition(Buffer.alloc(1 << 20, 0xff)));
});

/** RFC 1950 to the letter: both sums reduced after every byte. */
function adlerByDefinition(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return high * 65_536 + low;
}

test("a checksum goes on from a seed as if there had been no cut", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
      const cut = Math.min(at, bytes.length);
      assert.equal(adler32(bytes, cut, bytes.length, adler32(bytes, 0, cut)), adlerByDefinition(bytes));
      assert.equal(crc32(bytes, cut, bytes.length, crc32(bytes, 0, cut)), crc32(bytes));
    }),
  );
});
