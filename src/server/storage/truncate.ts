import { closeSync, fsyncSync, ftruncateSync, openSync, unlinkSync } from "node:fs";
import type { Zxid } from "../../base/zxid.js";
import { readLog } from "../../core/log/log-format.js";
import { withFile } from "./file-source.js";
import { listLogs, listSnapshots, type StorageFolders, syncFolder } from "./folders.js";

/** Makes a file shorter, durably. */
export function cut(path: string, sizeBytes: number): void {
  const descriptor = openSync(path, "r+");
  try {
    ftruncateSync(descriptor, sizeBytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Forgets every transaction after `zxid`, in logs and snapshots, newest first, so that a crash in between leaves a
 * history without a gap; snapshots after `snapshotZxid`, since one may show more than its name says. No file may be open.
 */
export function truncateHistory(folders: StorageFolders, zxid: Zxid, snapshotZxid = zxid): void {
  for (const { path, zxid: at } of listSnapshots(folders.snapshots).reverse()) if (at > snapshotZxid) unlinkSync(path);
  syncFolder(folders.snapshots);
  for (const { path, zxid: first } of listLogs(folders.logs).reverse()) {
    if (first > zxid) {
      unlinkSync(path);
      continue;
    }
    const end = endOf(path, zxid);
    if (end !== undefined) cut(path, end);
    break;
  }
  syncFolder(folders.logs);
}

/** Where the first entry after `zxid` begins; undefined where there is none. */
function endOf(path: string, zxid: Zxid): number | undefined {
  let end: number | undefined;
  withFile(path, (source) =>
    readLog(source, ({ header }, offset) => {
      if (header.zxid > zxid) end ??= offset;
    }),
  );
  return end;
}

/**
 * Every log, and the snapshots that are not of `zxid`'s history any more because they are beyond it. The logs go first:
 * without those snapshots a log that begins behind one of them would have a gap before it.
 */
export function dropHistoryBut(folders: StorageFolders, zxid: Zxid): void {
  for (const { path } of listLogs(folders.logs).reverse()) unlinkSync(path);
  syncFolder(folders.logs);
  for (const { path, zxid: at } of listSnapshots(folders.snapshots).reverse()) if (at > zxid) unlinkSync(path);
  syncFolder(folders.snapshots);
}
