import type { SnapshotContent, SnapshotDigest } from "../core/log/snapshot-format.js";

export type TreeFormat = "snapshot" | "image";

/** To the thread. Every message is of one job; a job has a chunk under way at the most. */
export type TreeRequest =
  | {
      readonly kind: "begin";
      readonly job: number;
      readonly format: TreeFormat;
      readonly chunkBytes: number;
      readonly shared: SharedArrayBuffer;
      readonly readerIndex: number;
      readonly sessions: SnapshotContent["sessions"];
      readonly acls: SnapshotContent["acls"];
    }
  /** `digest` is of the tree as it is when this is sent. */
  | { readonly kind: "next"; readonly job: number; readonly digest: SnapshotDigest }
  | { readonly kind: "end"; readonly job: number };

/** From the thread, to each `next`: a chunk, that there is no more, or what went wrong. */
export interface TreeReply {
  readonly job: number;
  readonly chunk: Uint8Array<ArrayBuffer> | undefined;
  readonly failed: string | undefined;
}
