import { unlinkSync } from "node:fs";
import { listLogs, listSnapshots, type StorageFolders } from "./folders.js";
import { logsAfter } from "./recovery.js";

/** Upstream refuses to keep fewer, because a snapshot may turn out to be damaged. */
export const SNAPSHOTS_KEPT_MIN = 3;

/**
 * Deletes all but the `keep` newest snapshots, and every log that cannot hold a transaction after the oldest of these
 * (upstream: PurgeTxnLog). Returns the paths deleted.
 */
export function purge(folders: StorageFolders, keep: number): readonly string[] {
  const snapshots = listSnapshots(folders.snapshots);
  const kept = snapshots.slice(-Math.max(keep, SNAPSHOTS_KEPT_MIN));
  const oldest = kept[0];
  if (oldest === undefined) return [];
  const logs = listLogs(folders.logs);
  const needed = new Set(logsAfter(logs, oldest.zxid));
  const dropped = [...snapshots.filter((file) => !kept.includes(file)), ...logs.filter((log) => !needed.has(log))];
  for (const { path } of dropped) unlinkSync(path);
  return dropped.map(({ path }) => path);
}
