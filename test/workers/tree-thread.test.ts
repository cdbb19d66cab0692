import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { TreeSource } from "../../src/core/database.js";
import { memorySource } from "../../src/core/log/byte-source.js";
import { decodeImage, decodeSnapshot, type SnapshotSink } from "../../src/core/log/snapshot-format.js";
import { SessionTable } from "../../src/core/session/session-table.js";
import { createFreshTree } from "../../src/core/tree/fresh.js";
import { ZnodeStore } from "../../src/core/tree/store.js";
import { TREE_READERS_MAX, TreeThread } from "../../src/workers/tree-thread.js";

const ACL = [{ perms: 1, id: { scheme: "digest", id: "me:secret" } }];

function thread(context: TestContext): TreeThread {
  const trees = new TreeThread();
  context.after(() => trees.close());
  return trees;
}

function create(store: ZnodeStore, path: string, data: string): void {
  const aclId = store.acls.acquire(ACL);
  const change = { path, data: Buffer.from(data), aclId, ephemeralOwner: 0n, zxid: 7, timeMs: 1, parentCversion: -1 };
  assert.equal(store.create(change), "applied");
}

function source(nodes: number): TreeSource & { digestsAsked: number } {
  const store = ZnodeStore.create({ arenaBytesMax: 32 << 20, hashSeed: 1, readersMax: TREE_READERS_MAX });
  createFreshTree(store);
  for (let index = 0; index < nodes; index++) create(store, `/n${index}`, `data ${index}`);
  const sessions = new SessionTable();
  sessions.put(5n, 4_000);
  return {
    store,
    sessions,
    digestsAsked: 0,
    digest() {
      this.digestsAsked++;
      return { zxid: 7, version: 2, digest: store.treeDigest };
    },
  };
}

/** Takes what is read, as text; the service's own nodes left out. */
function sink(): { readonly sink: SnapshotSink; readonly held: Map<string, string> } {
  const held = new Map<string, string>();
  return {
    held,
    sink: {
      session: (id, timeoutMs) => held.set(`session ${id}`, String(timeoutMs)),
      acl: (id, acl) => held.set(`acl ${id}`, JSON.stringify(acl)),
      load: (path, data, aclId) => {
        if (/^\/n\d/.test(path)) held.set(path, `${aclId} ${data}`);
      },
    },
  };
}

function expected(nodes: number): Map<string, string> {
  const held = new Map([
    ["session 5", "4000"],
    ["acl 1", JSON.stringify([{ perms: 1, id: { scheme: "world", id: "anyone" } }])],
    ["acl 2", JSON.stringify(ACL)],
  ]);
  for (let index = 0; index < nodes; index++) held.set(`/n${index}`, `2 data ${index}`);
  return held;
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const byKey = (held: Map<string, string>): [string, string][] =>
  [...held].sort(([left], [right]) => (left < right ? -1 : 1));

describe("a tree that is encoded on a thread of its own", () => {
  it("is a snapshot with the digest of when the walk was over", async (context) => {
    const from = source(3_000);
    const bytes = await collect(thread(context).encode(from, "snapshot", 10_000));
    const { sink: into, held } = sink();
    const { digest } = decodeSnapshot(memorySource(bytes), into);
    assert.deepEqual(byKey(held), byKey(expected(3_000)));
    assert.deepEqual(digest, { zxid: 7, version: 2, digest: from.store.treeDigest });
    assert.ok(from.digestsAsked > 10);
  });

  it("is an image, and any number of them at once", async (context) => {
    const from = source(500);
    const trees = thread(context);
    const images = Array.from({ length: TREE_READERS_MAX + 3 }, () => collect(trees.encode(from, "image", 1_000)));
    for (const bytes of await Promise.all(images)) {
      const { sink: into, held } = sink();
      decodeImage(memorySource(bytes), into);
      assert.deepEqual(byKey(held), byKey(expected(500)));
    }
  });

  it("may change meanwhile: what was there throughout is there, and the digest is of the end", async (context) => {
    const from = source(2_000);
    const { store } = from;
    const chunks: Buffer[] = [];
    let changes = 0;
    for await (const chunk of thread(context).encode(from, "snapshot", 4_000)) {
      chunks.push(chunk);
      changes++;
      store.setData(`/n${changes}`, Buffer.from("changed"), changes, 8, 1);
      create(store, `/late${changes}`, "");
    }
    assert.ok(changes > 10);
    const { sink: into, held } = sink();
    const { digest } = decodeSnapshot(memorySource(Buffer.concat(chunks)), into);
    for (let index = 0; index < 2_000; index++) {
      const text = held.get(`/n${index}`);
      assert.ok(text === `2 data ${index}` || (text === "2 changed" && index <= changes), `/n${index}: ${text}`);
    }
    assert.notEqual(digest?.digest, source(2_000).store.treeDigest);
  });

  it("gives its place back when it is not wanted to the end, and holds no memory back while nobody asks", async (context) => {
    const from = source(2_000);
    const { store } = from;
    const trees = thread(context);
    for (let round = 0; round < 3 * TREE_READERS_MAX; round++) {
      for await (const _ of trees.encode(from, "image", 1_000)) break;
    }
    const waiting = trees.encode(from, "image", 1_000);
    await waiting.next();
    for (let change = 0; change < 5_000; change++) store.setData("/n1", Buffer.from("again"), change, 9, 1);
    assert.ok(store.retiredCount < 1_000, `${store.retiredCount} blocks wait for a reader that is outside`);
    await waiting.return();
  });

  it("fails who waits when it is closed, and who comes later", async () => {
    const from = source(2_000);
    const trees = new TreeThread();
    const chunks = trees.encode(from, "image", 1_000);
    await chunks.next();
    const refused = assert.rejects(chunks.next(), /the tree thread has ended/);
    await trees.close();
    await refused;
    await assert.rejects(trees.encode(from, "image", 1_000).next(), /the tree thread has ended/);
  });
});
