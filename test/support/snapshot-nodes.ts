import type { ByteWriter } from "../../src/base/bytes.js";
import { memorySource } from "../../src/core/log/byte-source.js";
import { decodeImage, encodeImage } from "../../src/core/log/snapshot-format.js";
import type { ZnodeStore } from "../../src/core/tree/store.js";
import { StatPersisted } from "../../src/jute/records.js";

/** A node as it is kept on disk. The root's path is "/", or empty. */
export interface SnapshotNode {
  readonly path: string;
  readonly data: Buffer | null;
  readonly aclId: number;
  readonly stat: StatPersisted;
}

/** Writes nodes as a tree does. */
export function* writeNodes(nodes: Iterable<SnapshotNode>, writer: ByteWriter): Generator<undefined> {
  for (const { path, data, aclId, stat } of nodes) {
    writer.string(path === "/" ? "" : path);
    writer.buffer(data);
    writer.safeInt64(aclId);
    StatPersisted.write(writer, stat);
    yield;
  }
}

/** What a snapshot of the tree would hold, in its order. */
export function nodesOf(store: ZnodeStore): SnapshotNode[] {
  const nodes: SnapshotNode[] = [];
  const content = { sessions: [], acls: [], writeNodes: (writer: ByteWriter) => store.writeNodes(writer) };
  const image = Buffer.concat(Array.from(encodeImage(content, 1 << 16), (chunk) => Buffer.from(chunk)));
  decodeImage(memorySource(image), {
    session: () => {},
    acl: () => {},
    load: (path, data, aclId, stat) =>
      nodes.push({ path: path === "/" ? "" : path, data: data === null ? null : Buffer.from(data), aclId, stat }),
  });
  return nodes;
}
