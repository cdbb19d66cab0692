import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { EPOCH_MAX, epochOf, type Zxid } from "../../base/zxid.js";
import { type StorageFolders, syncFolder } from "./folders.js";

export type EpochFile = "acceptedEpoch" | "currentEpoch";

/**
 * The epoch a server has promised to follow no older leader than, and the one its history is of (upstream: QuorumPeer).
 * Where a file is missing it is the epoch of the last transaction, as for a server that was alone before.
 */
export function readEpoch(folders: StorageFolders, name: EpochFile, lastZxid: Zxid): number {
  const path = join(folders.snapshots, name);
  if (!existsSync(path)) return epochOf(lastZxid);
  const text = readFileSync(path, "utf8").split("\n")[0]!.trim();
  const epoch = Number(text);
  if (!/^\d+$/.test(text) || epoch > EPOCH_MAX) {
    throw new UserError(USER_ERRORS.epochFileDamaged, { text: text.slice(0, 40) }, path);
  }
  return epoch;
}

/** Durable when it returns; a crash leaves either the old epoch or the new one. */
export function writeEpoch(folders: StorageFolders, name: EpochFile, epoch: number): void {
  const path = join(folders.snapshots, name);
  const temporary = `${path}.tmp`;
  const descriptor = openSync(temporary, "w", 0o644);
  try {
    writeSync(descriptor, String(epoch));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
  syncFolder(folders.snapshots);
}
