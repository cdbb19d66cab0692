import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader, ByteWriter, MalformedBytesError } from "../../../src/base/bytes.js";
import { AclCache, OPEN_ACL, OPEN_ACL_ID, READ_ACL } from "../../../src/core/tree/acl-cache.js";
import type { Acl } from "../../../src/jute/records.js";

const DIGEST: readonly Acl[] = [{ perms: 31, id: { scheme: "digest", id: "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" } }];
/** The ACL part of a snapshot that Apache ZooKeeper 3.8.0 wrote: id 1 is the read ACL, id 3 the one above. */
const SNAPSHOT_PART =
  "00000002" +
  "0000000000000001000000010000000100000005776f726c6400000006616e796f6e65" +
  "0000000000000003000000010000001f000000066469676573740000002273757065723a442f496e49485362377945456272577a3862396c3731526a5a4a553d";

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

test("the part of a real snapshot is read, and written byte for byte", () => {
  const cache = new AclCache();
  cache.read(new ByteReader(Buffer.from(SNAPSHOT_PART, "hex")));
  assert.deepEqual([cache.get(1), cache.get(2), cache.get(3)], [READ_ACL, undefined, DIGEST]);
  const writer = new ByteWriter();
  cache.write(writer);
  assert.equal(writer.view().toString("hex"), SNAPSHOT_PART);
  cache.addUsage(3);
  cache.addUsage(2);
  cache.purgeUnused();
  assert.deepEqual([cache.size, cache.usagesOf(3)], [1, 1]);
  assert.equal(cache.acquire(DIGEST), 3);
  assert.equal(cache.acquire(READ_ACL), 4, "ids go on after the largest one read");
});

test("an id that cannot be is refused", () => {
  for (const id of ["ffffffffffffffff", "0000000000000000", "0000000080000000"]) {
    const part = Buffer.from(`00000001${id}00000000`, "hex");
    assert.throws(() => new AclCache().read(new ByteReader(part)), MalformedBytesError);
  }
});
