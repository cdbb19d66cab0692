import { randomBytes } from "node:crypto";
import type { Zxid } from "../base/zxid.js";
import {
  type Database,
  DatabaseLoader,
  databaseOfImage,
  type LoadedDatabase,
  oldestWithLog,
} from "../core/database.js";
import type { ByteSource } from "../core/log/byte-source.js";
import { formatSessionId } from "../core/session/session-id.js";
import { CONFIG_PATH } from "../core/tree/paths.js";
import { ZnodeStore } from "../core/tree/store.js";
import { TREE_READERS_MAX } from "../workers/tree-thread.js";
import { formatServers } from "./configuration/server-line.js";
import { isReplicated, type ServerConfiguration } from "./configuration/zoo-cfg.js";
import type { Logger } from "./log.js";
import { listLogs, listSnapshots, type StorageFolders } from "./storage/folders.js";
import { recover } from "./storage/recovery.js";

/**
 * Not by a transaction: every member writes its own configuration into its tree, also over that of an image (upstream:
 * ZKDatabase.initConfigInZKDatabase, which stamps it with the time of the start; here all members hold the same Stat).
 */
function writeConfiguration(store: ZnodeStore, configuration: ServerConfiguration): void {
  if (!isReplicated(configuration)) return;
  store.setData(CONFIG_PATH, Buffer.from(formatServers(configuration.servers)), -1, 0, 0);
}

function emptyStore({ arenaBytesMax, extendedTypesEnabled }: ServerConfiguration): ZnodeStore {
  return ZnodeStore.create({
    arenaBytesMax,
    extendedTypesEnabled,
    readersMax: TREE_READERS_MAX,
    hashSeed: randomBytes(6).readUIntBE(0, 6),
  });
}

/**
 * Loads what is on disk, or makes the tree of a new database (upstream: ZKDatabase, FileTxnSnapLog.restore). Keeps the
 * newest `recentMax` log entries in memory. With `throughZxid` it is what it was then, and nothing on disk changes.
 */
export function loadDatabase(
  configuration: ServerConfiguration,
  folders: StorageFolders,
  log: Logger,
  recentMax: number,
  throughZxid?: Zxid,
): LoadedDatabase {
  const loader = new DatabaseLoader(() => emptyStore(configuration), recentMax);
  const begun = performance.now();
  const { lastZxid, snapshot } = recover(folders, loader, {
    trustEmptySnapshot: configuration.snapshotTrustEmpty,
    notice: (text) => log.warn(text),
    ...(throughZxid === undefined ? {} : { throughZxid }),
  });
  const snapshots = listSnapshots(folders.snapshots).map(({ zxid }) => zxid);
  const oldestZxid = oldestWithLog(snapshots, listLogs(folders.logs)[0]?.zxid, snapshot?.zxid ?? 0);
  const database = loader.finish(lastZxid, snapshot, oldestZxid);
  writeConfiguration(database.store, configuration);
  for (const { sessionId, paths } of database.orphans) {
    log.warn({ session: formatSessionId(sessionId), paths }, "ephemeral znodes without a session were removed");
  }
  const { applied } = loader;
  if (snapshot !== undefined || applied > 0) {
    const took = Math.round(performance.now() - begun);
    const znodes = database.store.nodeCount;
    log.info({ zxid: `0x${lastZxid.toString(16)}`, znodes, applied, tookMs: took }, "database loaded");
  }
  return database;
}

/** A database from an image that a leader sent. Throws `MalformedBytesError`. */
export function loadImage(source: ByteSource, configuration: ServerConfiguration, zxid: Zxid): Database {
  const database = databaseOfImage(source, () => emptyStore(configuration), zxid);
  writeConfiguration(database.store, configuration);
  return database;
}
