import { contentOf, type TreeSource } from "../core/database.js";
import { encodeImage, encodeSnapshot } from "../core/log/snapshot-format.js";
import type { TreeThread } from "../workers/tree-thread.js";
import type { TreeFormat } from "../workers/tree-thread.messages.js";

/** Encodes it step by step on the calling thread; each chunk is valid until the next is asked for. */
export function encodeHere(source: TreeSource, format: TreeFormat, chunkBytes: number): Iterable<Buffer> {
  const content = contentOf(source);
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
