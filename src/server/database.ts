import { randomBytes } from "node:crypto";
import { ByteWriter } from "../base/bytes.js";
import type { Zxid } from "../base/zxid.js";
import type { ByteSource } from "../core/log/byte-source.js";
import { decodeImage, type SnapshotSink } from "../core/log/snapshot-format.js";
import { writeLogRecord } from "../core/log/transactions.js";
import { Applier, type ChangeListener } from "../core/request/apply.js";
import { formatSessionId } from "../core/session/session-id.js";
import { SessionTable } from "../core/session/session-table.js";
import { createFreshTree } from "../core/tree/fresh.js";
import { CONFIG_PATH } from "../core/tree/paths.js";
import { ZnodeStore } from "../core/tree/store.js";
import type { LogEntry } from "../core/zab/effects.js";
import { TREE_READERS_MAX } from "../workers/tree-thread.js";
import { formatServers } from "./configuration/server-line.js";
import { isReplicated, type ServerConfiguration } from "./configuration/zoo-cfg.js";
import type { Logger } from "./log.js";
import type { StorageFolders } from "./storage/folders.js";
import { recover } from "./storage/recovery.js";

const NOBODY: ChangeListener = { watching: false, created: () => {}, deleted: () => {}, dataChanged: () => {} };

/**
 * Not by a transaction: every member writes its own configuration into its tree, also over that of an image (upstream:
 * ZKDatabase.initConfigInZKDatabase, which stamps it with the time of the start; here all members hold the same Stat).
 */
function writeConfiguration(store: ZnodeStore, configuration: ServerConfiguration): void {
  if (!isReplicated(configuration)) return;
  store.setData(CONFIG_PATH, Buffer.from(formatServers(configuration.servers)), -1, 0, 0);
}

export interface Database {
  readonly store: ZnodeStore;
  readonly sessions: SessionTable;
  readonly lastZxid: Zxid;
}

export interface LoadedDatabase extends Database {
  /** The newest log entries, oldest first, and the zxid right before them. */
  readonly recent: readonly LogEntry[];
  readonly baseZxid: Zxid;
  /** The last transaction that the snapshot may show something of; 0 without one. */
  readonly snapshotZxid: Zxid;
}

function emptyStore({ arenaBytesMax, extendedTypesEnabled }: ServerConfiguration): ZnodeStore {
  return ZnodeStore.create({
    arenaBytesMax,
    extendedTypesEnabled,
    readersMax: TREE_READERS_MAX,
    hashSeed: randomBytes(6).readUIntBE(0, 6),
  });
}

/** Keeps the last so many entries, encoded again as the log has them. */
class RecentEntries {
  private entries: LogEntry[] = [];
  private readonly writer = new ByteWriter(4_096);
  private readonly countMax: number;
  baseZxid: Zxid = 0;

  constructor(countMax: number) {
    this.countMax = countMax;
  }

  add(zxid: Zxid, record: Parameters<typeof writeLogRecord>[1], ...rest: RestOfRecord): void {
    if (this.countMax === 0) return;
    this.writer.reset();
    writeLogRecord(this.writer, record, ...rest);
    this.entries.push({ zxid, payload: this.writer.copy() });
    if (this.entries.length >= this.countMax * 2) this.trim();
  }

  take(): readonly LogEntry[] {
    this.trim();
    return this.entries;
  }

  private trim(): void {
    const dropped = this.entries.length - this.countMax;
    if (dropped <= 0) return;
    this.baseZxid = this.entries[dropped - 1]!.zxid;
    this.entries = this.entries.slice(dropped);
  }
}

type RestOfRecord = Parameters<typeof writeLogRecord> extends [unknown, unknown, ...infer Rest] ? Rest : never;

/**
 * Loads what is on disk, or makes the tree of a new database (upstream: ZKDatabase, FileTxnSnapLog.restore). Keeps the
 * newest `recentMax` log entries in memory.
 */
export function loadDatabase(
  configuration: ServerConfiguration,
  folders: StorageFolders,
  log: Logger,
  recentMax: number,
): LoadedDatabase {
  let store = emptyStore(configuration);
  let sessions = new SessionTable();
  let applier: Applier | undefined;
  const recent = new RecentEntries(recentMax);
  const begun = performance.now();
  const recovered = recover(
    folders,
    {
      clear: () => {
        store = emptyStore(configuration);
        sessions = new SessionTable();
      },
      session: (id, timeoutMs) => sessions.put(id, timeoutMs),
      acl: (id, acl) => store.acls.load(id, acl),
      load: (path, data, aclId, stat) => store.load(path, data, aclId, stat),
      apply: (header, transaction, digest) => {
        if (applier === undefined) {
          if (store.nodeCount === 0) createFreshTree(store);
          applier = new Applier(store, sessions, NOBODY, undefined);
        }
        applier.apply(transaction, { zxid: header.zxid, timeMs: header.time, sessionId: header.clientId });
        recent.add(header.zxid, header, transaction, digest);
      },
    },
    { trustEmptySnapshot: configuration.snapshotTrustEmpty, notice: (text) => log.warn(text) },
  );
  if (store.nodeCount === 0) createFreshTree(store);
  store.acls.purgeUnused();
  writeConfiguration(store, configuration);
  const { lastZxid, applied, snapshot } = recovered;
  removeOrphans(store, sessions, lastZxid, log);
  if (snapshot !== undefined || applied > 0) {
    const took = Math.round(performance.now() - begun);
    log.info({ zxid: `0x${lastZxid.toString(16)}`, znodes: store.nodeCount, applied, tookMs: took }, "database loaded");
  }
  const entries = recent.take();
  const before = Math.max(recent.baseZxid, snapshot?.zxid ?? 0);
  return {
    store,
    sessions,
    lastZxid,
    recent: entries,
    baseZxid: entries.length === 0 ? lastZxid : before,
    snapshotZxid: Math.max(snapshot?.zxid ?? 0, snapshot?.digest?.zxid ?? 0),
  };
}

/** Ephemerals whose session is gone cannot be closed by anybody any more (upstream: ZooKeeperServer.loadData). */
function removeOrphans(store: ZnodeStore, sessions: SessionTable, zxid: Zxid, log: Logger): void {
  for (const id of [...store.sessionsWithEphemerals()]) {
    if (sessions.timeoutMs(id) !== undefined) continue;
    const paths = store.ephemeralsOf(id);
    for (const path of paths) store.remove(path, zxid);
    log.warn({ session: formatSessionId(id), paths }, "ephemeral znodes without a session were removed");
  }
}

/** A database from an image that a leader sent. Throws `MalformedBytesError`. */
export function databaseOfImage(source: ByteSource, configuration: ServerConfiguration, zxid: Zxid): Database {
  const store = emptyStore(configuration);
  const sessions = new SessionTable();
  const sink: SnapshotSink = {
    session: (id, timeoutMs) => sessions.put(id, timeoutMs),
    acl: (id, acl) => store.acls.load(id, acl),
    load: (path, data, aclId, stat) => store.load(path, data, aclId, stat),
  };
  decodeImage(source, sink);
  store.acls.purgeUnused();
  writeConfiguration(store, configuration);
  return { store, sessions, lastZxid: zxid };
}
