import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { COUNTER_MAX, EPOCH_MAX, makeZxid, type Zxid } from "../../base/zxid.js";

/** The folder below `dataDir` and `dataLogDir` that holds the files, named after their format's version. */
const VERSION_FOLDER = "version-2";

/** Where the files of a server are (upstream: FileTxnSnapLog). */
export interface StorageFolders {
  readonly snapshots: string;
  readonly logs: string;
}

export interface NumberedFile {
  readonly name: string;
  readonly path: string;
  /** Of a log, its first transaction; of a snapshot, the last one it is sure to hold. */
  readonly zxid: Zxid;
  /** Of a snapshot: "", ".gz" or ".snappy". */
  readonly suffix: string;
}

/** Makes a folder's entries durable: a file that was created, renamed or removed in it is so only after this. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The folders of a server, created if need be. Throws UserError if the data folder holds logs that `dataLogDir` says
 * are elsewhere, or the log folder snapshots: a changed configuration would silently start from half the data.
 */
export function openStorageFolders(dataDir: string, dataLogDir = dataDir): StorageFolders {
  const snapshots = join(dataDir, VERSION_FOLDER);
  const logs = join(dataLogDir, VERSION_FOLDER);
  for (const folder of [snapshots, logs]) {
    try {
      if (mkdirSync(folder, { recursive: true }) !== undefined) syncFolder(join(folder, ".."));
    } catch (error) {
      throw new UserError(USER_ERRORS.dataFolderUnusable, { reason: (error as Error).message }, folder);
    }
  }
  if (snapshots !== logs) {
    const log = listLogs(snapshots)[0];
    if (log !== undefined) throw new UserError(USER_ERRORS.logInDataFolder, { folder: logs }, log.path);
    const snapshot = listSnapshots(logs)[0];
    if (snapshot !== undefined)
      throw new UserError(USER_ERRORS.snapshotInLogFolder, { folder: snapshots }, snapshot.path);
  }
  return { snapshots, logs };
}

/** What a crash has left of snapshots that were being written and of images that were being received. */
export function removeUnfinished({ snapshots }: StorageFolders): void {
  for (const name of readdirSync(snapshots)) {
    if (/^(snapshot\.[0-9a-f]+|image\.-?\d+)\.tmp$/.test(name)) unlinkSync(join(snapshots, name));
  }
}

/** Oldest first. */
export function listLogs(folder: string): NumberedFile[] {
  return list(folder, /^log\.([0-9a-f]+)()$/i);
}

/** Oldest first. */
export function listSnapshots(folder: string): NumberedFile[] {
  return list(folder, /^snapshot\.([0-9a-f]+)(|\.gz|\.snappy)$/i);
}

function list(folder: string, pattern: RegExp): NumberedFile[] {
  const files: NumberedFile[] = [];
  for (const name of readdirSync(folder)) {
    const match = pattern.exec(name);
    if (match === null) continue;
    const zxid = Number.parseInt(match[1] as string, 16);
    if (zxid > makeZxid(EPOCH_MAX, COUNTER_MAX)) {
      throw new UserError(USER_ERRORS.zxidUnsupported, { epochMax: EPOCH_MAX }, join(folder, name));
    }
    files.push({ name, path: join(folder, name), zxid, suffix: match[2] as string });
  }
  return files.sort((left, right) => left.zxid - right.zxid);
}
