import assert from "node:assert/strict";
import { test } from "node:test";
import { MalformedBytesError } from "../../../src/base/bytes.js";
import { AclCache, OPEN_ACL, OPEN_ACL_ID, READ_ACL } from "../../../src/core/tree/acl-cache.js";
import type { Acl } from "../../../src/jute/records.js";

const DIGEST: readonly Acl[] = [{ perms: 31, id: { scheme: "digest", id: "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" } }];
test("equal lists share an id, which goes with its last usage and never comes back", () => {
  const cache = new AclCache();
  assert.equal(cache.acquire(null), OPEN_ACL_ID);
  assert.equal(cache.acquire(READ_ACL), 1);
  assert.equal(cache.acquire(OPEN_ACL), 2, "the open ACL given as a list has an id of its own");
  assert.equal(cache.acquire([...READ_ACL]), 1);
  assert.equal(cache.usagesOf(1), 2);
  cache.release(1);
  assert.deepEqual(cache.get(1), READ_ACL);
  cache.release(1);
  assert.equal(cache.get(1), undefined);
  assert.equal(cache.acquire(READ_ACL), 3);
  cache.release(OPEN_ACL_ID);
  assert.deepEqual(cache.get(OPEN_ACL_ID), OPEN_ACL);
});

test("lists that only look alike are kept apart", () => {
  const cache = new AclCache();
  const lists: (readonly Acl[])[] = [
    [],
    [{ perms: 1, id: { scheme: "a", id: "b" } }],
    [{ perms: 1, id: { scheme: "a", id: null } }],
    [{ perms: 1, id: { scheme: "a", id: "-" } }],
    [{ perms: 1, id: { scheme: "", id: "ab" } }],
    [{ perms: 1, id: { scheme: "a1:", id: "b" } }],
    [
      { perms: 1, id: { scheme: "a", id: "b" } },
      { perms: 1, id: { scheme: "a", id: "b" } },
    ],
    [{ perms: 1, id: { scheme: "a", id: "b1,1:a1:b" } }],
  ];
  assert.equal(new Set(lists.map((list) => cache.acquire(list))).size, lists.length);
});

test("what everyone may do is the union of the entries for anyone", () => {
  const cache = new AclCache();
  const anyone = { scheme: "world", id: "anyone" };
  const id = cache.acquire([
    { perms: 1, id: anyone },
    { perms: 4, id: anyone },
    { perms: 31, id: { scheme: "world", id: "someone" } },
  ]);
  assert.deepEqual(
    [1, 2, 4, 8, 16].map((permission) => cache.isOpenToAll(id, permission)),
    [true, false, true, false, false],
  );
  assert.equal(cache.isOpenToAll(OPEN_ACL_ID, 16), true);
  assert.equal(cache.isOpenToAll(999, 1), false);
});

test("lists of a snapshot keep their ids, and those without a node are forgotten", () => {
  const cache = new AclCache();
  cache.load(1, READ_ACL);
  cache.load(3, DIGEST);
  assert.deepEqual([cache.get(1), cache.get(2), cache.get(3)], [READ_ACL, undefined, DIGEST]);
  assert.deepEqual(
    [...cache.lists()],
    [
      [1, READ_ACL],
      [3, DIGEST],
    ],
  );
  cache.addUsage(3);
  cache.addUsage(2);
  cache.purgeUnused();
  assert.deepEqual([cache.size, cache.usagesOf(3)], [1, 1]);
  assert.equal(cache.acquire(DIGEST), 3);
  assert.equal(cache.acquire(READ_ACL), 4, "ids go on after the largest one loaded");
});

test("an id that cannot be is refused", () => {
  for (const id of [-1, 0, 2 ** 31]) assert.throws(() => new AclCache().load(id, READ_ACL), MalformedBytesError);
});
