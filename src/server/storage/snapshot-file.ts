import { readFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { MalformedBytesError } from "../../base/bytes.js";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { formatZxid, type Zxid } from "../../base/zxid.js";
import { memorySource } from "../../core/log/byte-source.js";
import { decodeSnapshot, type SnapshotSink, type SnapshotTail } from "../../core/log/snapshot-format.js";
import { withFile } from "./file-source.js";
import { type NumberedFile, syncFolder } from "./folders.js";

/** Of what a snapshot is written in: a piece is small enough to be encoded between two requests. */
export const SNAPSHOT_CHUNK_BYTES = 262_144;

/**
 * Writes `snapshot.<zxid>` and returns its path once it is durable. It is written under another name first, so that a
 * crash leaves either a whole snapshot or none. Between two chunks the event loop turns, so the tree may change
 * meanwhile; `zxid` is the last transaction that was applied before the first chunk. It gets its name after
 * `beforeItCounts`. Throws the file system's errors, having removed what it wrote.
 */
export async function writeSnapshot(
  folder: string,
  zxid: Zxid,
  chunks: Iterable<Buffer> | AsyncIterable<Buffer>,
  beforeItCounts: () => Promise<void> = async () => {},
): Promise<string> {
  const path = join(folder, `snapshot.${formatZxid(zxid)}`);
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, "w", 0o644);
    try {
      for await (const chunk of chunks) {
        for (let written = 0; written < chunk.length; ) {
          written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
        }
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await beforeItCounts();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  syncFolder(folder);
  return path;
}

/** Reads a snapshot; throws `MalformedBytesError` if it is not whole, when the sink may already hold parts of it. */
export function readSnapshot(file: NumberedFile, sink: SnapshotSink): SnapshotTail {
  if (file.suffix === ".snappy") throw new UserError(USER_ERRORS.snapshotCompression, {}, file.path);
  if (file.suffix !== ".gz") return withFile(file.path, (source) => decodeSnapshot(source, sink));
  let bytes: Buffer;
  try {
    bytes = gunzipSync(readFileSync(file.path));
  } catch (error) {
    throw new MalformedBytesError(`not a gzip file: ${(error as Error).message}`);
  }
  return decodeSnapshot(memorySource(bytes), sink);
}
