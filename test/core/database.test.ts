import assert from "node:assert/strict";
import { test } from "node:test";
import { contentOf, databaseOfImage, oldestWithLog, treeSource } from "../../src/core/database.js";
import { memorySource } from "../../src/core/log/byte-source.js";
import { encodeImage } from "../../src/core/log/snapshot-format.js";
import type { Transaction } from "../../src/core/log/transactions.js";
import { Applier } from "../../src/core/request/apply.js";
import { SessionTable } from "../../src/core/session/session-table.js";
import { createFreshTree } from "../../src/core/tree/fresh.js";
import { ZnodeStore } from "../../src/core/tree/store.js";
import { OP } from "../../src/jute/opcodes.js";
import type { Acl } from "../../src/jute/records.js";

const NOBODY = { watching: false, created: () => {}, deleted: () => {}, dataChanged: () => {} };

const createStore = (): ZnodeStore => ZnodeStore.create({ arenaBytesMax: 8 * 2 ** 20, hashSeed: 1, readersMax: 0 });

const aclOf = (name: string): readonly Acl[] => [{ perms: 31, id: { scheme: "digest", id: `${name}:secret` } }];

function create(path: string, acl: readonly Acl[]): Transaction {
  return { type: OP.create, path, data: null, acl, ephemeral: false, parentCVersion: -1 };
}

function applierOf(store: ZnodeStore): (zxid: number, transaction: Transaction) => void {
  const applier = new Applier(store, new SessionTable(), NOBODY, undefined);
  return (zxid, transaction) => applier.apply(transaction, { zxid, timeMs: 1, sessionId: 0n });
}

function aclAt(store: ZnodeStore, path: string): readonly Acl[] | undefined {
  return store.acls.get(store.aclId(store.findPath(path)));
}

test("znodes made while an image was have their ACLs once the transactions behind it are applied", () => {
  const leader = createStore();
  createFreshTree(leader);
  const atLeader = applierOf(leader);
  // The leader has given away numbers of lists that the image does not name any more.
  atLeader(1, create("/gone", aclOf("gone")));
  atLeader(2, { type: OP.delete, path: "/gone" });
  const chunks: Buffer[] = [];
  const image = encodeImage(contentOf(treeSource(leader, new SessionTable(), () => 2)), 1);
  chunks.push(Buffer.from(image.next().value as Buffer));
  const behind: [zxid: number, transaction: Transaction][] = [
    [3, create("/a", aclOf("a"))],
    [4, create("/b", aclOf("b"))],
    [5, create("/c", aclOf("c"))],
    [6, { type: OP.delete, path: "/c" }],
    [7, create("/c", aclOf("again"))],
  ];
  for (const [zxid, transaction] of behind) atLeader(zxid, transaction);
  for (const chunk of image) chunks.push(Buffer.from(chunk));
  const { store } = databaseOfImage(memorySource(Buffer.concat(chunks)), createStore, 2);
  assert.notEqual(store.findPath("/a"), 0, "the image shows what came while it was made");
  const atLearner = applierOf(store);
  for (const [zxid, transaction] of behind) atLearner(zxid, transaction);
  for (const path of ["/a", "/b", "/c"]) {
    assert.deepEqual(aclAt(store, path), aclAt(leader, path), path);
    assert.equal(store.acls.usagesOf(store.aclId(store.findPath(path))), 1, path);
  }
  assert.deepEqual(aclAt(store, "/c"), aclOf("again"));
});

test("a history can be cut back to the oldest snapshot since which no log is missing", () => {
  const EPOCH = 2 ** 32;
  assert.equal(oldestWithLog([0, 6, 9], 1, 9), 0);
  assert.equal(oldestWithLog([0, 6, 9], 5, 9), 6);
  assert.equal(oldestWithLog([0, 6, 9], 10, 9), 9);
  assert.equal(oldestWithLog([0, 6, 9], undefined, 9), 9, "an image has replaced the log");
  // The first log of an epoch may stand behind an image of the one before, but not behind what the image replaced.
  assert.equal(oldestWithLog([0, EPOCH + 3], EPOCH + 1, EPOCH + 3), 0);
  assert.equal(oldestWithLog([0, 50, EPOCH + 3], EPOCH + 1, EPOCH + 3), 50);
  assert.equal(oldestWithLog([0, 50, EPOCH + 3], EPOCH + 2, EPOCH + 3), EPOCH + 3);
});
