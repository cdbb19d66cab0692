import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashPath } from "../../../src/core/tree/hash.js";

function hash(path: string, key0 = 1, key1 = 2): number {
  const bytes = Buffer.from(path);
  return hashPath(key0, key1, bytes, 0, bytes.length);
}

/** Paths of the kinds that fill real trees, and ones made to collide under weak functions. */
const FAMILIES: readonly ((index: number) => string)[] = [
  (index) => `/queue/lock-${String(index).padStart(10, "0")}`,
  (index) => `/${index}`,
  (index) => `/${"a".repeat(index % 64)}/${Math.floor(index / 64)}`,
  (index) => `/${String.fromCodePoint(0x4e00 + (index % 128), 0x4e00 + Math.floor(index / 128))}`,
  (index) => `/${index.toString(2).padStart(20, "0")}`,
];

test("chosen paths spread like random numbers, in the low bits that a table uses, under any key", () => {
  const buckets = 1_024;
  const paths = 8_192;
  for (const [key0, key1] of [
    [0, 0],
    [1, 0],
    [0x1234_5678, 77],
    [-1, -1],
  ] as const) {
    for (const family of FAMILIES) {
      const counts = new Int32Array(buckets);
      for (let index = 0; index < paths; index++) {
        const bucket = hash(family(index), key0, key1) & (buckets - 1);
        counts[bucket] = (counts[bucket] as number) + 1;
      }
      const expected = paths / buckets;
      const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // 1023 degrees of freedom: mean 1023, standard deviation 45; beyond six deviations it is no chance.
      assert.ok(chiSquare < 1_023 + 6 * 45.2, `${family(0)}: ${chiSquare}`);
      assert.ok(counts.every((count) => count < 30));
    }
  }
});

test("paths that collide under one key do not under another", () => {
  const mask = 0xfff;
  const wanted = hash("/victim") & mask;
  const flood: string[] = [];
  for (let index = 0; flood.length < 200; index++) {
    if ((hash(`/flood-${index}`) & mask) === wanted) flood.push(`/flood-${index}`);
  }
  const elsewhere = new Set(flood.map((path) => hash(path, 1, 3) & mask));
  assert.ok(elsewhere.size > 180, `${elsewhere.size} of 4096 buckets`);
});

test("every bit of the path and of the key changes about half the bits of the hash", () => {
  const bitsOf = (word: number): number => {
    let count = 0;
    for (let rest = word; rest !== 0; rest &= rest - 1) count++;
    return count;
  };
  let changed = 0;
  let flips = 0;
  for (let sample = 0; sample < 50; sample++) {
    const path = Buffer.from(`/some/path/number-${sample}`);
    const base = hashPath(sample, 9, path, 0, path.length);
    for (let bit = 0; bit < path.length * 8; bit++) {
      const other = Buffer.from(path);
      other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
      changed += bitsOf(base ^ hashPath(sample, 9, other, 0, other.length));
      flips++;
    }
    for (let bit = 0; bit < 32; bit++) {
      changed += bitsOf(base ^ hashPath(sample ^ (1 << bit), 9, path, 0, path.length));
      changed += bitsOf(base ^ hashPath(sample, 9 ^ (1 << bit), path, 0, path.length));
      flips += 2;
    }
  }
  assert.ok(Math.abs(changed / flips - 16) < 0.3, `${changed / flips} of 32 bits`);
});

test("the hash depends on the range alone, not on what stands around it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 9 }), (path, before) => {
      const inside = Buffer.concat([before, path, Buffer.from("after")]);
      assert.equal(
        hashPath(5, 6, inside, before.length, before.length + path.length),
        hashPath(5, 6, path, 0, path.length),
      );
    }),
  );
});
