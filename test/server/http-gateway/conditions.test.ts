import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isValidPath } from "../../../src/core/tree/paths.js";
import { entityTag, isUnchanged, preconditionOf } from "../../../src/server/http-gateway/conditions.js";
import { Problem } from "../../../src/server/http-gateway/problem.js";
import { negotiate } from "../../../src/server/http-gateway/representation.js";
import { parseResource, resourceOf, znodePath } from "../../../src/server/http-gateway/resource.js";
import { changesSince, parseEventId } from "../../../src/server/http-gateway/watch-stream.js";

function statusOf(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error.status;
  }
  return 200;
}

describe("an entity tag", () => {
  it("is read back as what it was made of", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.maxSafeInteger().map(Math.abs), (version, mzxid) => {
        const tag = entityTag(version, mzxid);
        assert.deepEqual(preconditionOf(tag, undefined), { kind: "version", version, mzxid });
        assert.ok(isUnchanged(tag, tag) && isUnchanged(`"other", W/${tag}`, tag) && !isUnchanged('"other"', tag));
      }),
    );
  });

  it("tells a znode that was created again from the one before", () => {
    assert.notEqual(entityTag(0, 5), entityTag(0, 9));
  });

  it("may be ZooKeeper's version alone; anything else is refused", () => {
    assert.deepEqual(preconditionOf('"3"', undefined), { kind: "version", version: 3, mzxid: undefined });
    assert.deepEqual(preconditionOf("*", undefined), { kind: "exists" });
    assert.deepEqual(preconditionOf(undefined, "*"), { kind: "absent" });
    assert.deepEqual(preconditionOf(undefined, undefined), { kind: "none" });
    for (const bad of ["3", '"-1"', '"x"', '"1", "2"', 'W/"1"', '"99999999999"', '"2147483648"', ""]) {
      assert.equal(
        statusOf(() => preconditionOf(bad, undefined)),
        400,
        bad,
      );
    }
    assert.equal(
      statusOf(() => preconditionOf('"1"', "*")),
      400,
    );
    assert.equal(
      statusOf(() => preconditionOf(undefined, '"1"')),
      400,
    );
  });
});

describe("the path of a resource", () => {
  it("is read back as it was written, whatever a znode may be called", () => {
    const name = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
      .filter((text) => !text.includes("/") && isValidPath(`/${text}`));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (names) => {
        const path = `/${names.join("/")}`;
        const { family, rest } = parseResource(`${resourceOf("znodes", path)}?sync=true`);
        assert.deepEqual([family, znodePath(rest)], ["znodes", path]);
      }),
    );
  });

  it("of the root is empty", () => {
    for (const target of ["/znodes", "/znodes/"]) assert.equal(znodePath(parseResource(target).rest), "/");
  });

  it("is refused where it is none", () => {
    for (const bad of [
      "//a",
      "/a/",
      "/a//b",
      "/a/../b",
      "/.",
      "/a%2Fb",
      "/a%2fb",
      "/%",
      "/%ff",
      "/%00",
      "/\u00e9",
      "/a%0a",
    ]) {
      assert.equal(
        statusOf(() => znodePath(bad)),
        400,
        bad,
      );
    }
    for (const bad of ["*", "http://elsewhere/znodes/a", ""]) {
      assert.equal(
        statusOf(() => parseResource(bad)),
        400,
        bad,
      );
    }
  });
});

describe("the representation", () => {
  const types = ["application/octet-stream", "application/json"];

  it("is the one that the client likes best", () => {
    assert.equal(negotiate(undefined, types), types[0]);
    assert.equal(negotiate("*/*", types), types[0]);
    assert.equal(negotiate("application/json", types), types[1]);
    assert.equal(negotiate("text/html, application/*;q=0.8, */*;q=0.1", types), types[0]);
    assert.equal(negotiate("application/octet-stream;q=0.5, application/json;q=0.9", types), types[1]);
    assert.equal(negotiate("*/*, application/octet-stream;q=0", types), types[1]);
    assert.equal(
      statusOf(() => negotiate("text/html", types)),
      406,
    );
  });
});

describe("what a reader of events missed", () => {
  const stat = (czxid: number, mzxid: number, pzxid: number) => ({
    stat: {
      czxid,
      mzxid,
      pzxid,
      ctime: 0,
      mtime: 0,
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner: 0n,
      dataLength: 0,
      numChildren: 0,
    },
    zxid: 100,
  });
  const types = (...given: Parameters<typeof changesSince>): string[] =>
    changesSince(...given).map(({ type, zxid }) => `${type}@${zxid}`);

  it("follows from where it stopped and what is there now", () => {
    const seen = { zxid: 50, exists: true };
    assert.deepEqual(types(seen, stat(10, 20, 30), "/a"), []);
    assert.deepEqual(types(seen, stat(10, 60, 30), "/a"), ["nodeDataChanged@60"]);
    assert.deepEqual(types(seen, stat(10, 60, 70), "/a"), ["nodeDataChanged@60", "nodeChildrenChanged@70"]);
    assert.deepEqual(types(seen, stat(55, 55, 55), "/a"), ["nodeDeleted@undefined", "nodeCreated@55"]);
    assert.deepEqual(types(seen, { stat: undefined, zxid: 100 }, "/a"), ["nodeDeleted@undefined"]);
    const absent = { zxid: 50, exists: false };
    assert.deepEqual(types(absent, { stat: undefined, zxid: 100 }, "/a"), []);
    assert.deepEqual(types(absent, stat(55, 56, 55), "/a"), ["nodeCreated@55", "nodeDataChanged@56"]);
  });

  it("is asked for with an id of this server's own", () => {
    assert.deepEqual(parseEventId("0x1f"), { zxid: 31, exists: true });
    assert.deepEqual(parseEventId("0x1f-absent"), { zxid: 31, exists: false });
    for (const bad of ["", "31", "0x", "0xg", "0x1-gone", `0x${"f".repeat(20)}`])
      assert.equal(parseEventId(bad), undefined);
  });
});
