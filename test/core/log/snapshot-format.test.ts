import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { MalformedBytesError } from "../../../src/base/bytes.js";
import { memorySource } from "../../../src/core/log/byte-source.js";
import {
  decodeSnapshot,
  encodeSnapshot,
  type SnapshotContent,
  type SnapshotDigest,
} from "../../../src/core/log/snapshot-format.js";
import type { Acl } from "../../../src/jute/records.js";
import { type SnapshotNode, writeNodes } from "../../support/snapshot-nodes.js";
import * as arbitrary from "./arbitrary.js";
import { fixture } from "./fixtures.js";

const golden = readFileSync(fixture("snapshot.6"));

interface Loaded {
  readonly sessions: [bigint, number][];
  readonly acls: [number, readonly Acl[]][];
  readonly nodes: SnapshotNode[];
  digest: SnapshotDigest | undefined;
  lastZxid: number | undefined;
}

function decode(bytes: Uint8Array): Loaded {
  const loaded: Loaded = { sessions: [], acls: [], nodes: [], digest: undefined, lastZxid: undefined };
  const tail = decodeSnapshot(memorySource(bytes), {
    session: (id, timeoutMs) => loaded.sessions.push([id, timeoutMs]),
    acl: (id, acl) => loaded.acls.push([id, acl]),
    load: (path, data, aclId, stat) =>
      loaded.nodes.push({ path, data: data === null ? null : Buffer.from(data), aclId, stat }),
  });
  return Object.assign(loaded, tail);
}

function contentOf(loaded: Loaded): SnapshotContent {
  return {
    sessions: loaded.sessions,
    acls: loaded.acls,
    writeNodes: (writer) => writeNodes(loaded.nodes, writer),
    digest: () => loaded.digest,
    lastZxid: () => loaded.lastZxid,
  };
}

function encode(loaded: Loaded, chunkBytes = 1 << 16): Buffer {
  const chunks: Buffer[] = [];
  for (const chunk of encodeSnapshot(contentOf(loaded), chunkBytes)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

test("a snapshot of Apache ZooKeeper is read and written back byte for byte", () => {
  const loaded = decode(golden);
  assert.deepEqual(loaded.sessions, [[0x1000a1b2c3d0000n, 30_000]]);
  assert.deepEqual(
    loaded.nodes.map((node) => node.path),
    ["/", "/a", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"],
  );
  assert.deepEqual(loaded.digest, { zxid: 6, version: 2, digest: 2_056_207_373n });
  assert.deepEqual(encode(loaded), golden);
  assert.deepEqual(encode(loaded, 16), golden);
});

const int32 = fc.integer();
const anyZxid = fc.integer({ min: 0, max: 2 ** 52 });
const stat = fc.record(
  {
    czxid: anyZxid,
    mzxid: anyZxid,
    ctime: anyZxid,
    mtime: anyZxid,
    version: int32,
    cversion: int32,
    aversion: int32,
    ephemeralOwner: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    pzxid: anyZxid,
  },
  { noNullPrototype: true },
);
const node = fc.record(
  { path: arbitrary.path, data: arbitrary.data, aclId: fc.integer({ min: -1, max: 9 }), stat },
  { noNullPrototype: true },
);
const anyDigest = fc.oneof(
  fc.record(
    { zxid: anyZxid, version: fc.constant(2), digest: fc.bigInt({ min: 0n, max: 2n ** 62n }) },
    { noNullPrototype: true },
  ),
  fc.record(
    { zxid: anyZxid, version: fc.constant(1), digest: fc.stringMatching(/^[0-9a-f]{0,16}$/) },
    { noNullPrototype: true },
  ),
);
const content = fc.record(
  {
    sessions: fc.array(fc.tuple(fc.bigInt({ min: 1n, max: 2n ** 62n }), int32), { maxLength: 4 }),
    acls: fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), arbitrary.aclList), { maxLength: 4 }),
    nodes: fc.array(node, { maxLength: 6 }),
    digest: fc.option(anyDigest, { nil: undefined }),
    lastZxid: fc.option(anyZxid, { nil: undefined }),
  },
  { noNullPrototype: true },
) as fc.Arbitrary<Loaded>;

test("whatever is written is read back, with each optional part present or absent, in chunks of any size", () => {
  fc.assert(
    fc.property(content, fc.integer({ min: 1, max: 500 }), (loaded, chunkBytes) => {
      const bytes = encode(loaded, chunkBytes);
      assert.deepEqual(decode(bytes), loaded);
      assert.deepEqual(bytes.subarray(-5), Buffer.from("000000012f", "hex"));
    }),
    { numRuns: 300 },
  );
});

test("chunks stay near the size asked for, so a large tree needs no large buffer", () => {
  const loaded = decode(golden);
  const one = loaded.nodes[1] as SnapshotNode;
  let longest = 0;
  let chunks = 0;
  const nodes = Array.from({ length: 20_000 }, (_, index) => ({ ...one, path: `/n${index}` }));
  for (const chunk of encodeSnapshot(contentOf({ ...loaded, nodes }), 10_000)) {
    longest = Math.max(longest, chunk.length);
    chunks++;
  }
  assert.ok(longest < 10_200, `${longest}`);
  assert.ok(chunks > 150, `${chunks}`);
});

test("values beyond the read window arrive whole", () => {
  const loaded = decode(golden);
  const one = loaded.nodes[1] as SnapshotNode;
  const nodes = [1, 1 << 20, (1 << 20) - 80, 3 << 20, 5].map((length, index) => ({
    ...one,
    path: `/v${index}`,
    data: Buffer.alloc(length, index + 1),
  }));
  const read = decode(encode({ ...loaded, nodes }));
  for (const [index, node] of nodes.entries()) assert.ok(node.data.equals(read.nodes[index]?.data as Buffer));
});

test("a snapshot cut anywhere is refused, except where only an optional part is missing", () => {
  const loaded = { ...decode(golden), lastZxid: 6 };
  const bytes = encode(loaded);
  const partEnds = [bytes.length - 21 - 33, bytes.length - 21];
  for (let length = 0; length < bytes.length; length++) {
    if (partEnds.includes(length)) assert.deepEqual(decode(bytes.subarray(0, length)).nodes, loaded.nodes);
    else assert.throws(() => decode(bytes.subarray(0, length)), MalformedBytesError, `cut at ${length}`);
  }
});

test("any flipped bit of a snapshot is found", () => {
  const bytes = encode({ ...decode(golden), lastZxid: 6 });
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.throws(() => decode(flipped), MalformedBytesError, `bit ${bit}`);
  }
});

test("bytes behind the last seal, or arbitrary bytes, are refused", () => {
  assert.throws(() => decode(Buffer.concat([golden, Buffer.from([0])])), MalformedBytesError);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      assert.throws(() => decode(Buffer.concat([golden.subarray(0, 16), noise])), MalformedBytesError);
    }),
  );
});
