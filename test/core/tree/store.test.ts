import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { AssertionError } from "../../../src/base/assert.js";
import { ByteReader, ByteWriter } from "../../../src/base/bytes.js";
import { createFreshTree, ZERO_STAT } from "../../../src/core/tree/fresh.js";
import { hashPath } from "../../../src/core/tree/hash.js";
import { bucketOf, HEADER, PAGE_BYTES, PATH_BYTES_MAX, SEGMENT_BUCKETS } from "../../../src/core/tree/layout.js";
import { CONTAINER_OWNER, TTL_OWNER } from "../../../src/core/tree/owner.js";
import { ArenaFullError, ZnodeReader, ZnodeStore } from "../../../src/core/tree/store.js";
import { ustring, vector } from "../../../src/jute/codec.js";
import { GetDataResponse, type StatPersisted } from "../../../src/jute/records.js";
import { nodesOf } from "../../support/snapshot-nodes.js";

function emptyStore(arenaBytesMax = 8 * 2 ** 20, hashSeed = 0x1234_5678_9abc): ZnodeStore {
  const store = ZnodeStore.create({ arenaBytesMax, hashSeed, readersMax: 2, extendedTypesEnabled: true });
  assert.ok(store.load("", Buffer.alloc(0), -1, ZERO_STAT));
  return store;
}

function create(store: ZnodeStore, path: string, data: Uint8Array | null = null, zxid = 1): void {
  const change = { path, data, aclId: -1, ephemeralOwner: 0n, zxid, timeMs: 1, parentCversion: -1 };
  assert.equal(store.create(change), "applied");
}

function refOf(store: ZnodeReader, path: string): number {
  const node = store.findPath(path);
  assert.notEqual(node, 0, path);
  return node;
}

// The model: a map, told in the words of the specification.

interface ModelNode {
  data: Buffer | null;
  aclId: number;
  stat: { -readonly [K in keyof StatPersisted]: StatPersisted[K] };
  readonly children: Set<string>;
}

class Model {
  readonly nodes = new Map<string, ModelNode>([
    ["", { data: Buffer.alloc(0), aclId: -1, stat: { ...ZERO_STAT }, children: new Set() }],
  ]);

  parentOf(path: string): ModelNode | undefined {
    return this.nodes.get(path.slice(0, path.lastIndexOf("/")));
  }

  create(path: string, data: Buffer | null, owner: bigint, zxid: number, timeMs: number, cversion: number): string {
    const parent = this.parentOf(path);
    if (parent === undefined) return "noNode";
    const next = cversion === -1 ? parent.stat.cversion + 1 : cversion;
    if (next > parent.stat.cversion) {
      parent.stat.cversion = next;
      parent.stat.pzxid = zxid;
    }
    if (this.nodes.has(path)) return "nodeExists";
    parent.children.add(path.slice(path.lastIndexOf("/") + 1));
    const stat = {
      ...ZERO_STAT,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: timeMs,
      mtime: timeMs,
      ephemeralOwner: owner,
    };
    this.nodes.set(path, { data, aclId: -1, stat, children: new Set() });
    return "applied";
  }

  remove(path: string, zxid: number): string {
    const parent = this.parentOf(path);
    if (parent === undefined) return "noNode";
    parent.stat.pzxid = Math.max(parent.stat.pzxid, zxid);
    parent.children.delete(path.slice(path.lastIndexOf("/") + 1));
    if (!this.nodes.has(path)) return "noNode";
    for (const other of [...this.nodes.keys()]) {
      if (other === path || other.startsWith(`${path}/`)) this.nodes.delete(other);
    }
    return "applied";
  }
}

function digestOf(path: string, node: ModelNode): number {
  if (path.startsWith("/zookeeper/")) return 0;
  const { stat } = node;
  const bytes = Buffer.alloc(60);
  [stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime].forEach((value, index) => {
    bytes.writeBigInt64BE(BigInt(value), index * 8);
  });
  [stat.version, stat.cversion, stat.aversion].forEach((value, index) => {
    bytes.writeInt32BE(value, 40 + index * 4);
  });
  bytes.writeBigInt64BE(stat.ephemeralOwner, 52);
  return zlib.crc32(Buffer.concat([Buffer.from(path), node.data ?? Buffer.alloc(0), bytes]));
}

function visibleOwner(owner: bigint): bigint {
  return owner === CONTAINER_OWNER || owner >> 40n === TTL_OWNER >> 40n ? 0n : owner;
}

function assertSameNode(store: ZnodeStore, path: string, expected: ModelNode): void {
  const node = refOf(store, path);
  const { stat, data, children } = expected;
  const reply = Buffer.alloc(store.dataReplyBytes(node) + 2, 0xee);
  assert.equal(store.copyDataReply(node, reply, 1), reply.length - 2);
  assert.equal(reply[0], 0xee);
  assert.equal(reply.at(-1), 0xee);
  const read = GetDataResponse.read(new ByteReader(reply, 1));
  assert.deepEqual(read.data === null ? null : Buffer.from(read.data), data);
  assert.deepEqual(read.stat, {
    czxid: stat.czxid,
    mzxid: stat.mzxid,
    ctime: stat.ctime,
    mtime: stat.mtime,
    version: stat.version,
    cversion: stat.cversion * 2 - children.size,
    aversion: stat.aversion,
    ephemeralOwner: visibleOwner(stat.ephemeralOwner),
    dataLength: data === null ? 0 : data.length,
    numChildren: children.size,
    pzxid: stat.pzxid,
  });
  assert.deepEqual(store.data(node), data);
  assert.equal(store.aclId(node), expected.aclId);
  assert.equal(store.digest(node), digestOf(path, expected), `digest of ${path}`);
  assert.deepEqual(store.children(node).sort(), [...children].sort());
  const writer = new ByteWriter();
  store.writeChildren(node, writer);
  assert.deepEqual(vector(ustring).read(new ByteReader(writer.view())), store.children(node));
}

function assertSameTree(store: ZnodeStore, model: Model): void {
  let digest = 0n;
  let dataBytes = 1;
  for (const [path, node] of model.nodes) {
    assertSameNode(store, path, node);
    digest += BigInt(digestOf(path, node));
    dataBytes += path.length + (node.data?.length ?? 0);
  }
  assert.equal(store.treeDigest, digest);
  assert.equal(store.nodeCount, model.nodes.size + 1);
  assert.equal(store.approximateDataBytes, dataBytes);
  const walked = nodesOf(store);
  assert.deepEqual(walked.map(({ path }) => path).sort(), [...model.nodes.keys()].sort());
  for (const { path, data, aclId, stat } of walked) {
    const expected = model.nodes.get(path)!;
    assert.deepEqual({ data, aclId, stat }, { data: expected.data, aclId: expected.aclId, stat: expected.stat }, path);
  }
  const seen = new Set<string>();
  for (const { path } of walked) {
    assert.ok(path === "" || seen.has(path.slice(0, path.lastIndexOf("/"))), `${path} before its parent`);
    seen.add(path);
  }
  for (const session of [7n, -9n]) {
    const owned = [...model.nodes].filter(([, node]) => node.stat.ephemeralOwner === session).map(([path]) => path);
    assert.deepEqual([...store.ephemeralsOf(session)].sort(), owned.sort());
  }
}

const anyPath = fc
  .array(fc.constantFrom("a", "b", "zookeeper", "längst", "name-0000000001"), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join("/")}`);
const anyData = fc.oneof(
  fc.constant(null),
  fc.constantFrom(0, 1, 100, 2_047, 2_048, 2_049, 16_384, 16_385, 40_000).map((length) => Buffer.alloc(length, length)),
);
const anyOwner = fc.constantFrom(0n, 0n, 7n, -9n, CONTAINER_OWNER, TTL_OWNER | 5_000n);
const anyChange = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("create"),
      path: anyPath,
      data: anyData,
      owner: anyOwner,
      cversion: fc.integer({ min: -1, max: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove"), path: anyPath, lag: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("setData"), path: anyPath, data: anyData }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("setAcl"), path: anyPath }) },
);

test("any sequence of changes leaves the tree that the specification says, and takes no memory that it does not use", () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 80 }), (changes) => {
      const store = emptyStore();
      const model = new Model();
      const freeAtFirst = store.freeBytes;
      let zxid = 2 ** 32;
      for (const change of changes) {
        zxid++;
        const timeMs = 1_700_000_000_000 + zxid;
        const { path } = change;
        const known = model.nodes.get(path);
        if ("owner" in change) {
          const { data, owner, cversion } = change;
          const asked = { path, data, aclId: -1, ephemeralOwner: owner, zxid, timeMs, parentCversion: cversion };
          assert.equal(store.create(asked), model.create(path, data, owner, zxid, timeMs, cversion));
        } else if ("lag" in change) {
          assert.equal(store.remove(path, zxid - change.lag), model.remove(path, zxid - change.lag));
        } else if ("data" in change) {
          assert.equal(store.setData(path, change.data, 5, zxid, timeMs), known === undefined ? "noNode" : "applied");
          if (known === undefined) continue;
          known.data = change.data;
          Object.assign(known.stat, { version: 5, mzxid: zxid, mtime: timeMs });
        } else {
          const list = [{ perms: 1, id: { scheme: "digest", id: path } }];
          const aclId = store.acls.acquire(list);
          assert.equal(store.setAcl(path, aclId, 3), known === undefined ? "noNode" : "applied");
          if (known === undefined) continue;
          known.aclId = aclId;
          known.stat.aversion = 3;
        }
      }
      assertSameTree(store, model);
      for (const path of [...model.nodes.keys()].filter((name) => name.lastIndexOf("/") === 0))
        store.remove(path, zxid);
      assert.equal(store.nodeCount, 2);
      assert.equal(store.acls.size, 0, "the ACLs went with the nodes");
      assert.equal(store.ephemeralsCount, 0);
      store.canHold(Number.MAX_SAFE_INTEGER);
      store.canHold(Number.MAX_SAFE_INTEGER);
      assert.equal(store.retiredCount, 0);
      assert.ok(store.freeBytes >= freeAtFirst - 16_384, "only the root's record may have moved to a page of its own");
    }),
    { numRuns: 150 },
  );
});

test("any number of changes in one place use no more memory than one", () => {
  const store = emptyStore(2 ** 20);
  create(store, "/a", Buffer.alloc(100));
  const free = store.freeBytes;
  for (let version = 1; version <= 20_000; version++) store.setData("/a", Buffer.alloc(100), version, version, version);
  assert.equal(store.freeBytes, free);
});

test("memory goes from small nodes to large ones and back", () => {
  const store = emptyStore(4 * 2 ** 20);
  for (let round = 0; round < 3; round++) {
    const count = round % 2 === 0 ? 8_000 : 100;
    const data = Buffer.alloc(round % 2 === 0 ? 10 : 20_000, round);
    for (let index = 0; index < count; index++) create(store, `/n${index}`, data);
    for (let index = 0; index < count; index++) assert.deepEqual(store.data(refOf(store, `/n${index}`)), data);
    for (let index = 0; index < count; index++) assert.equal(store.remove(`/n${index}`, 1), "applied");
  }
});

test("a full arena is a clear error that leaves the tree as it was, and is mended by deleting", () => {
  for (const dataBytes of [0, 2_000, 100_000]) {
    const store = emptyStore(2 ** 20);
    const freeAtFirst = store.freeBytes;
    let count = 0;
    const fill = (): void => {
      for (;;) create(store, `/n${count++}`, Buffer.alloc(dataBytes, count));
    };
    assert.throws(fill, ArenaFullError);
    count--;
    const before = [store.treeDigest, store.nodeCount, store.freeBytes, store.approximateDataBytes];
    assert.throws(() => create(store, `/n${count}`, Buffer.alloc(dataBytes)), ArenaFullError);
    assert.throws(() => store.setData("/n0", Buffer.alloc(900_000), 1, 1, 1), ArenaFullError);
    assert.deepEqual([store.treeDigest, store.nodeCount, store.freeBytes, store.approximateDataBytes], before);
    assert.equal(store.findPath(`/n${count}`), 0);
    assert.equal(store.children(refOf(store, "/")).length, count);
    for (let index = 0; index < count; index++) assert.equal(store.remove(`/n${index}`, 2), "applied");
    store.canHold(Number.MAX_SAFE_INTEGER);
    store.canHold(Number.MAX_SAFE_INTEGER);
    const segments = store.bucketCount / SEGMENT_BUCKETS;
    assert.ok(store.freeBytes >= freeAtFirst - segments * PAGE_BYTES, "failed changes gave back what they had");
    create(store, "/again", Buffer.alloc(dataBytes));
  }
});

test("one write that canHold agreed to needs no luck with half-used pages", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2_048), { minLength: 1_500, maxLength: 1_500 }), (sizes) => {
      const store = emptyStore(2 ** 21);
      const parent = `/${"p".repeat(20)}`;
      create(store, parent, Buffer.alloc(2_048));
      let refused = false;
      for (const [index, bytes] of sizes.entries()) {
        const path = `${parent}/${index}`;
        refused = !store.canHold(ZnodeStore.writeCostBytes(path.length, bytes));
        if (refused) break;
        create(store, path, Buffer.alloc(bytes));
      }
      assert.ok(refused, "the arena was meant to fill up");
    }),
    { numRuns: 10 },
  );
});

test("a look-up that a split overtakes looks again", (context) => {
  const seed = 77;
  const store = emptyStore(2 ** 22, seed);
  const reader = new ZnodeReader(store.shared, 0);
  for (let index = 0; index < 2_000; index++) create(store, `/n${index}`);
  const moving = (count: number): string | undefined => {
    for (let index = 0; index < 2_000; index++) {
      const path = Buffer.from(`/n${index}`);
      if (bucketOf(hashPath(seed, 0, path, 0, path.length), count + 1) === count) return path.toString();
    }
    return undefined;
  };
  let added = 0;
  const splitOnce = (): void => {
    for (const count = store.bucketCount; store.bucketCount === count; ) create(store, `/added${added++}`);
  };
  // Between the reader's load of the count and its look into the bucket, the writer splits that very bucket.
  const load = Atomics.load;
  let armed = false;
  context.after(() => {
    Atomics.load = load;
  });
  Atomics.load = ((words: Int32Array, index: number) => {
    const value = load(words, index);
    if (armed && index === HEADER.bucketCount) {
      armed = false;
      splitOnce();
    }
    return value;
  }) as typeof Atomics.load;
  for (let round = 0; round < 20; round++) {
    const path = moving(store.bucketCount);
    if (path === undefined) {
      splitOnce();
      continue;
    }
    armed = true;
    assert.notEqual(reader.findPath(path), 0, path);
    assert.equal(armed, false);
    reader.quiesce();
  }
});

test("writes that canHold agreed to never meet a full arena", () => {
  const anySizes = fc.array(fc.constantFrom(0, 10, 600, 2_048, 2_049, 5_000, 20_000, 60_000), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.array(anySizes, { minLength: 60, maxLength: 60 }), (batches) => {
      const store = emptyStore(3 * 2 ** 20);
      let count = 0;
      let accepted = 0;
      for (const batch of batches) {
        let cost = 0;
        const agreed: { path: string; data: Buffer }[] = [];
        for (const bytes of batch) {
          const path = `/${"p".repeat(count % 200)}${count++}`;
          const own = ZnodeStore.writeCostBytes(path.length, bytes);
          if (!store.canHold(cost + own)) continue;
          cost += own;
          agreed.push({ path, data: Buffer.alloc(bytes) });
        }
        for (const { path, data } of agreed) create(store, path, data);
        accepted += agreed.length;
      }
      assert.ok(accepted > 20);
      assert.equal(store.canHold(ZnodeStore.writeCostBytes(100, 1_000_000)), false);
    }),
    { numRuns: 20 },
  );
});

test("a reader sees one version of a node, with its children, until it quiesces", () => {
  const store = emptyStore();
  const reader = new ZnodeReader(store.shared, 0);
  create(store, "/a", Buffer.from("before"));
  for (const name of ["x", "y", "z"]) create(store, `/a/${name}`);
  const node = refOf(reader, "/a");
  for (const name of ["x", "z"]) store.remove(`/a/${name}`, 9);
  for (let index = 0; index < 200; index++) create(store, `/a/new${index}`);
  for (let index = 0; index < 200; index++) store.remove(`/a/new${index}`, 9);
  store.setData("/a", Buffer.from("after"), 1, 9, 9);
  assert.deepEqual(reader.data(node), Buffer.from("before"));
  assert.deepEqual(reader.children(node), ["z", "y", "x"]);
  const now = refOf(reader, "/a");
  assert.deepEqual(reader.data(now), Buffer.from("after"));
  assert.deepEqual(reader.children(now), ["y"]);
  assert.ok(store.retiredCount > 200, "nothing is reused under a reader");
  reader.quiesce();
  store.canHold(Number.MAX_SAFE_INTEGER);
  store.canHold(Number.MAX_SAFE_INTEGER);
  assert.equal(store.retiredCount, 0, "everything is once it quiesced");
  assert.deepEqual(store.children(refOf(store, "/a")), ["y"]);
});

test("a reader index has one owner, who may give it back or lose it", () => {
  const store = emptyStore();
  const reader = new ZnodeReader(store.shared, 1);
  assert.throws(() => new ZnodeReader(store.shared, 1), AssertionError);
  assert.throws(() => new ZnodeReader(store.shared, 2), AssertionError);
  reader.unregister();
  const lost = new ZnodeReader(store.shared, 1);
  refOf(lost, "/");
  create(store, "/a");
  store.releaseReader(1);
  store.canHold(Number.MAX_SAFE_INTEGER);
  assert.equal(store.retiredCount, 0, "a thread that ended holds nothing back");
  new ZnodeReader(store.shared, 1).unregister();
});

test("a path is found by its bytes within a request as by its text", () => {
  const store = emptyStore();
  const names = ["/a", "/ä", "/日本", "/with space", `/${"l".repeat(1_500)}`, `/${"ü".repeat(1_500)}`];
  for (const name of names) create(store, name);
  for (const name of names) {
    const request = Buffer.from(`xxx${name}yyy`);
    assert.equal(store.find(request, 3, request.length - 3), refOf(store, name));
    assert.equal(store.find(request, 3, request.length - 2), 0);
    assert.equal(store.path(refOf(store, name)), name);
  }
  const slash = Buffer.from("//");
  assert.equal(store.find(slash, 0, 1), refOf(store, "/"));
  assert.equal(store.find(slash, 1, 1), refOf(store, "/"));
  assert.equal(store.find(slash, 0, 2), 0);
  assert.equal(store.findPath("/a/"), 0);
});

test("the longest path fits, a longer one does not", () => {
  const store = emptyStore();
  const longest = `/${"x".repeat(PATH_BYTES_MAX - 1)}`;
  create(store, longest, Buffer.alloc(2_048, 1));
  assert.deepEqual(store.data(refOf(store, longest)), Buffer.alloc(2_048, 1));
  assert.equal(ZnodeStore.fits(PATH_BYTES_MAX, 2 ** 20), true);
  assert.equal(ZnodeStore.fits(PATH_BYTES_MAX + 1, 0), false);
  assert.throws(() => create(store, `${longest}x`), AssertionError);
});

test("kinds of owners", () => {
  const store = emptyStore();
  const owners = { "/p": 0n, "/c": CONTAINER_OWNER, "/t": TTL_OWNER | 1n, "/e": 0x0100_0000_0000_0001n, "/f": -1n };
  for (const [path, ephemeralOwner] of Object.entries(owners)) {
    store.create({ path, data: null, aclId: -1, ephemeralOwner, zxid: 1, timeMs: 1, parentCversion: -1 });
    assert.equal(store.ephemeralOwner(refOf(store, path)), ephemeralOwner);
  }
  const kinds = Object.keys(owners).map((path) => store.ownerKind(refOf(store, path)));
  assert.deepEqual(kinds, ["persistent", "container", "ttl", "ephemeral", "ephemeral"]);
  assert.deepEqual([...store.sessionsWithEphemerals()].sort(), [-1n, 0x0100_0000_0000_0001n]);
  const plain = ZnodeStore.create({ arenaBytesMax: 2 ** 20, hashSeed: 1, readersMax: 0 });
  createFreshTree(plain);
  plain.create({
    path: "/t",
    data: null,
    aclId: -1,
    ephemeralOwner: TTL_OWNER | 1n,
    zxid: 1,
    timeMs: 1,
    parentCversion: -1,
  });
  assert.equal(plain.ownerKind(refOf(plain, "/t")), "ephemeral", "without extended types a TTL owner is a session");
});

test("which permissions everyone has stands with the node", () => {
  const store = emptyStore();
  const everyoneReads = store.acls.acquire([
    { perms: 1, id: { scheme: "world", id: "anyone" } },
    { perms: 31, id: { scheme: "ip", id: "10.0.0.1" } },
  ]);
  store.create({
    path: "/r",
    data: null,
    aclId: everyoneReads,
    ephemeralOwner: 0n,
    zxid: 1,
    timeMs: 1,
    parentCversion: -1,
  });
  assert.equal(store.isOpenToAll(refOf(store, "/r"), 1), true);
  assert.equal(store.isOpenToAll(refOf(store, "/r"), 2), false);
  assert.equal(store.isOpenToAll(refOf(store, "/"), 16), true);
});

test("a wrong reference ends in an assertion or in garbage, never outside the arena", () => {
  const store = emptyStore(2 ** 20);
  for (let index = 0; index < 300; index++) create(store, `/node-${index}`, Buffer.alloc(index * 10, 0xff));
  const target = Buffer.alloc(2 ** 16);
  const uses: ((node: number) => unknown)[] = [
    (node) => store.dataReplyBytes(node),
    (node) => store.copyDataReply(node, target, 0),
    (node) => store.copyStat(node, target, 0),
    (node) => store.data(node),
    (node) => store.children(node),
    (node) => store.writeChildren(node, new ByteWriter()),
    (node) => store.version(node),
    (node) => store.czxid(node),
    (node) => store.ownerKind(node),
    (node) => store.digest(node),
  ];
  const wrong = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 17 }),
    fc.integer(),
    fc.constantFrom(0, -1, 2 ** 17 - 1, 2 ** 17, 2 ** 31, 2 ** 32, 1.5, Number.NaN, Number.POSITIVE_INFINITY),
  );
  fc.assert(
    fc.property(wrong, fc.nat(uses.length - 1), (node, use) => {
      try {
        uses[use]?.(node);
      } catch (error) {
        assert.ok(error instanceof AssertionError, String(error));
      }
    }),
    { numRuns: 3_000 },
  );
  assert.throws(() => store.version(2 ** 17), AssertionError);
  assert.throws(() => store.data(-1), AssertionError);
  assert.throws(() => store.copyDataReply(refOf(store, "/node-9"), Buffer.alloc(157), 0), AssertionError);
});
