import assert from "node:assert/strict";
import { test } from "node:test";
import { createFreshTree } from "../../../src/core/tree/fresh.js";
import { ZnodeStore } from "../../../src/core/tree/store.js";
import type { Acl } from "../../../src/jute/records.js";
import { nodesOf } from "../../support/snapshot-nodes.js";

// What Apache ZooKeeper 3.8.0 made of six transactions; the digest of each stands in its transaction log.

const SESSION = 0x0100_0a1b_2c3d_0000n;
const TIME_MS = 1_700_000_000_000;
const FRESH_DIGEST = 1_371_985_504n;
const FRESH_NODE_COUNT = 5;
/** mntr of a fresh server: the lengths of "", "/", "/zookeeper", "/zookeeper/quota" and "/zookeeper/config". */
const FRESH_DATA_BYTES = 44;
const OPEN: readonly Acl[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const DIGEST_ACL: readonly Acl[] = [{ perms: 31, id: { scheme: "digest", id: "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" } }];

function freshStore(): ZnodeStore {
  const store = ZnodeStore.create({ arenaBytesMax: 2 ** 20, hashSeed: 1, readersMax: 0 });
  createFreshTree(store);
  return store;
}

function statOf(store: ZnodeStore, path: string): readonly number[] {
  const stat = Buffer.alloc(68);
  store.copyStat(store.findPath(path), stat, 0);
  const zxids = [0, 8, 16, 24].map((at) => Number(stat.readBigInt64BE(at)));
  const counts = [32, 36, 40].map((at) => stat.readInt32BE(at));
  const rest = [Number(stat.readBigInt64BE(44)), stat.readInt32BE(52), stat.readInt32BE(56)];
  return [...zxids, ...counts, ...rest, Number(stat.readBigInt64BE(60))];
}

test("a fresh tree has upstream's nodes, stats and digest", () => {
  const store = freshStore();
  assert.equal(store.nodeCount, FRESH_NODE_COUNT);
  assert.equal(store.treeDigest, FRESH_DIGEST);
  assert.equal(store.approximateDataBytes, FRESH_DATA_BYTES);
  assert.deepEqual(statOf(store, "/"), [0, 0, 0, 0, 0, -1, 0, 0, 0, 1, 0]);
  assert.deepEqual(statOf(store, "/zookeeper"), [0, 0, 0, 0, 0, -2, 0, 0, 0, 2, 0]);
  assert.deepEqual(statOf(store, "/zookeeper/config"), [0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0]);
  assert.equal(store.findPath(""), store.findPath("/"));
  assert.equal(store.aclId(store.findPath("/")), -1);
  assert.equal(store.aclId(store.findPath("/zookeeper/config")), 1);
  assert.deepEqual(store.children(store.findPath("/")), ["zookeeper"]);
});

test("the digest after each transaction is the one in Apache ZooKeeper's log", () => {
  const store = freshStore();
  const persistent = { ephemeralOwner: 0n, timeMs: TIME_MS };
  const a = { ...persistent, path: "/a", data: Buffer.from("hello"), zxid: 2, parentCversion: 1 };
  assert.equal(store.create({ ...a, aclId: store.acls.acquire(OPEN) }), "applied");
  assert.equal(store.treeDigest, 4_124_795_797n);

  const e = {
    path: "/a/e",
    data: Buffer.alloc(0),
    ephemeralOwner: SESSION,
    zxid: 3,
    timeMs: TIME_MS,
    parentCversion: 1,
  };
  assert.equal(store.create({ ...e, aclId: store.acls.acquire(OPEN) }), "applied");
  assert.equal(store.treeDigest, 5_701_431_082n);
  assert.deepEqual(store.ephemeralsOf(SESSION), ["/a/e"]);

  assert.equal(store.setData("/a", Buffer.from("world!"), 1, 4, TIME_MS), "applied");
  assert.equal(store.treeDigest, 5_024_430_969n);

  assert.equal(store.setAcl("/a", store.acls.acquire(DIGEST_ACL), 1), "applied");
  assert.equal(store.treeDigest, 4_878_225_340n);
  assert.equal(store.aclId(store.findPath("/a")), 3);

  assert.equal(store.remove("/a/e", 6), "applied");
  assert.equal(store.treeDigest, 2_056_207_373n);
  assert.equal(store.digestHigh * 2 ** 32 + store.digestLow, 2_056_207_373);
  assert.deepEqual(store.ephemeralsOf(SESSION), []);
  assert.equal(store.ephemeralsCount, 0);
  assert.deepEqual(statOf(store, "/a"), [2, 4, TIME_MS, TIME_MS, 1, 2, 1, 0, 6, 0, 6]);
  assert.equal(store.acls.size, 2, "the open list is forgotten with its last node");
});

test("a tree loaded from its own walk is the same tree", () => {
  const store = freshStore();
  const aclId = store.acls.acquire(OPEN);
  store.create({ path: "/a", data: null, aclId, ephemeralOwner: 0n, zxid: 2, timeMs: TIME_MS, parentCversion: -1 });
  store.create({
    path: "/a/b",
    data: Buffer.from("x"),
    aclId: -1,
    ephemeralOwner: SESSION,
    zxid: 3,
    timeMs: 5,
    parentCversion: -1,
  });
  const copy = ZnodeStore.create({ arenaBytesMax: 2 ** 20, hashSeed: 2, readersMax: 0 });
  for (const { path, data, aclId: id, stat } of nodesOf(store)) assert.ok(copy.load(path, data, id, stat), path);
  assert.equal(copy.treeDigest, store.treeDigest);
  assert.equal(copy.nodeCount, store.nodeCount);
  assert.equal(copy.approximateDataBytes, store.approximateDataBytes);
  const paths = nodesOf(store).map(({ path }) => path);
  assert.equal(paths[0], "");
  assert.deepEqual(
    nodesOf(copy)
      .map(({ path }) => path)
      .sort(),
    paths.sort(),
  );
  assert.deepEqual(copy.ephemeralsOf(SESSION), ["/a/b"]);
});

test("loading refuses a node without a parent and a node that is there", () => {
  const store = ZnodeStore.create({ arenaBytesMax: 2 ** 20, hashSeed: 1, readersMax: 0 });
  const stat = nodesOf(freshStore())[0]!.stat;
  assert.equal(store.load("/a", null, -1, stat), false);
  assert.equal(store.load("", null, -1, stat), true);
  assert.equal(store.load("/", null, -1, stat), false);
  assert.equal(store.load("/a", null, -1, stat), true);
  assert.equal(store.load("/a", null, -1, stat), false);
});
