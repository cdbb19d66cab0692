import type { Zxid } from "../base/zxid.js";
import { encodeImage, encodeSnapshot, type SnapshotContent } from "../core/log/snapshot-format.js";
import { TXN_DIGEST_VERSION } from "../core/log/transactions.js";
import type { SessionTable } from "../core/session/session-table.js";
import type { ZnodeStore } from "../core/tree/store.js";
import type { TreeSource, TreeThread } from "../workers/tree-thread.js";
import type { TreeFormat } from "../workers/tree-thread.messages.js";

/** What a snapshot or an image is made from: the tree as it is while that goes on, `appliedZxid` its last transaction. */
export function treeSource(store: ZnodeStore, sessions: SessionTable, appliedZxid: () => Zxid): TreeSource {
  return {
    store,
    sessions,
    digest: () => ({ zxid: appliedZxid(), version: TXN_DIGEST_VERSION, digest: store.treeDigest }),
  };
}

/** Encodes it step by step on the calling thread; each chunk is valid until the next is asked for. */
export function encodeHere(source: TreeSource, format: TreeFormat, chunkBytes: number): Iterable<Buffer> {
  const { store, sessions } = source;
  const content: SnapshotContent = {
    sessions: sessions.entries(),
    acls: store.acls.lists(),
    writeNodes: (writer) => store.writeNodes(writer),
    digest: source.digest,
  };
  return format === "snapshot" ? encodeSnapshot(content, chunkBytes) : encodeImage(content, chunkBytes);
}

/** Up to so many znodes a thread of its own would not be worth starting. */
const NODES_HERE_MAX = 5_000;

/** Encodes it without holding anybody up; each chunk is valid until the next is asked for. */
export function encodeBeside(
  trees: TreeThread,
  source: TreeSource,
  format: TreeFormat,
  chunkBytes: number,
): Iterable<Buffer> | AsyncIterable<Buffer> {
  return source.store.nodeCount <= NODES_HERE_MAX
    ? encodeHere(source, format, chunkBytes)
    : trees.encode(source, format, chunkBytes);
}
