import assert from "node:assert/strict";
import { test } from "node:test";
import { isValidPath, nodeName, parentPath, pathProblem, sequenceSuffix } from "../../../src/core/tree/paths.js";

test("paths that upstream takes", () => {
  for (const path of [
    "/",
    "/a",
    "/a/b",
    "/.a",
    "/a.",
    "/...",
    "/a/..b",
    "/with space",
    "/日本",
    "/\u{a0}",
    "/\u{ffef}",
  ]) {
    assert.equal(pathProblem(path), undefined, path);
  }
});

test("paths that upstream refuses", () => {
  for (const path of ["", "a", "a/b", "/a/", "//", "//a", "/a//b", "/.", "/..", "/a/.", "/a/..", "/./a", "/a/../b"]) {
    assert.equal(isValidPath(path), false, path);
  }
});

test("exactly the refused ranges of code units are refused", () => {
  const ranges: readonly (readonly [number, number])[] = [
    [0, 0x1f],
    [0x7f, 0x9f],
    [0xd800, 0xf8ff],
    [0xfff0, 0xffff],
  ];
  for (let unit = 0; unit <= 0xffff; unit++) {
    if (unit === 0x2f || unit === 0x2e) continue;
    const refused = ranges.some(([first, last]) => unit >= first && unit <= last);
    assert.equal(isValidPath(`/${String.fromCharCode(unit)}`), !refused, unit.toString(16));
  }
});

test("parts of a path", () => {
  assert.deepEqual(["/a", "/a/b", "/a/b/c"].map(parentPath), ["/", "/a", "/a/b"]);
  assert.deepEqual(["/a", "/a/b", "/a/b/c"].map(nodeName), ["a", "b", "c"]);
});

test("sequence numbers print as Java's %010d", () => {
  const printed = [0, 7, 2_147_483_647, -2_147_483_648, -1].map(sequenceSuffix);
  assert.deepEqual(printed, ["0000000000", "0000000007", "2147483647", "-2147483648", "-000000001"]);
});
