import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
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

/**
 * Both epochs. Throws UserError where they and the last transaction cannot be of one server, as after a copy of some
 * files only: it would break its promises, or follow nobody. A history may be ahead of the current epoch, which is
 * written last, but never of the accepted one.
 */
export function readEpochs(
  folders: StorageFolders,
  lastZxid: Zxid,
): { readonly acceptedEpoch: number; readonly currentEpoch: number } {
  const acceptedEpoch = readEpoch(folders, "acceptedEpoch", lastZxid);
  const currentEpoch = readEpoch(folders, "currentEpoch", lastZxid);
  const lastEpoch = epochOf(lastZxid);
  if (acceptedEpoch < Math.max(currentEpoch, lastEpoch)) {
    const details = { accepted: acceptedEpoch, current: currentEpoch, last: lastEpoch };
    throw new UserError(USER_ERRORS.epochsContradict, details, join(folders.snapshots, "acceptedEpoch"));
  }
  return { acceptedEpoch, currentEpoch };
}

/** An epoch and newlines, so that every one takes the same room; readers look at the first line only. */
const EPOCH_BYTES = 16;

/**
 * Durable when it returns; a crash leaves either the old epoch or the new one. A file that is there is written over in
 * place: sixteen bytes are in one sector, and to sync them costs a tenth of what a new name in the folder does, which a
 * failover would wait for four times.
 */
export function writeEpoch(folders: StorageFolders, name: EpochFile, epoch: number): void {
  const path = join(folders.snapshots, name);
  const bytes = Buffer.from(String(epoch).padEnd(EPOCH_BYTES, "\n"));
  if (existsSync(path) && statSync(path).size === EPOCH_BYTES) {
    withDescriptor(path, "r+", (descriptor) => {
      writeSync(descriptor, bytes, 0, EPOCH_BYTES, 0);
      fdatasyncSync(descriptor);
    });
    return;
  }
  const temporary = `${path}.tmp`;
  withDescriptor(temporary, "w", (descriptor) => {
    writeSync(descriptor, bytes);
    fsyncSync(descriptor);
  });
  renameSync(temporary, path);
  syncFolder(folders.snapshots);
}

function withDescriptor(path: string, flags: "r+" | "w", use: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags, 0o644);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
