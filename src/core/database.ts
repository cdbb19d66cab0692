import { ByteWriter } from "../base/bytes.js";
import { isNextZxid, type Zxid } from "../base/zxid.js";
import type { ByteSource } from "./log/byte-source.js";
import {
  decodeImage,
  type SnapshotContent,
  type SnapshotDigest,
  type SnapshotSink,
  type SnapshotTail,
} from "./log/snapshot-format.js";
import {
  type Transaction,
  TXN_DIGEST_VERSION,
  type TxnDigest,
  type TxnHeader,
  writeLogRecord,
} from "./log/transactions.js";
import { Applier, type ChangeListener } from "./request/apply.js";
import { SessionTable } from "./session/session-table.js";
import { createFreshTree } from "./tree/fresh.js";
import type { ZnodeStore } from "./tree/store.js";
import type { LogEntry } from "./zab/effects.js";

const NOBODY: ChangeListener = { watching: false, created: () => {}, deleted: () => {}, dataChanged: () => {} };

/** What transactions make: the tree and the sessions, as of one of them. */
export interface Database {
  readonly store: ZnodeStore;
  readonly sessions: SessionTable;
  readonly lastZxid: Zxid;
}

export interface LoadedDatabase extends Database {
  /** The newest log entries, oldest first, and the zxid right before them. */
  readonly recent: readonly LogEntry[];
  readonly baseZxid: Zxid;
  /** How far back the history can be cut. */
  readonly floorZxid: Zxid;
  /** What the snapshot is named after; 0 without one. */
  readonly snapshotZxid: Zxid;
}

/** The snapshot that a database was loaded from, and the transaction it is named after. */
export interface LoadedSnapshot extends SnapshotTail {
  readonly zxid: Zxid;
}

/** Ephemerals that nobody could have closed any more. */
export interface Orphans {
  readonly sessionId: bigint;
  readonly paths: readonly string[];
}

/**
 * The oldest of `snapshots`, in order, since which the log is there that begins with `firstLoggedZxid`: a history can be
 * cut back that far, unless the log has a gap. `loadedZxid` is the snapshot it was recovered from.
 */
export function oldestWithLog(snapshots: readonly Zxid[], firstLoggedZxid: Zxid | undefined, loadedZxid: Zxid): Zxid {
  if (firstLoggedZxid === undefined) return loadedZxid;
  const before = snapshots.findLast((zxid) => zxid < firstLoggedZxid);
  const isBegun = before !== undefined && isNextZxid(before, firstLoggedZxid);
  const oldest = isBegun ? before : snapshots.find((zxid) => zxid >= firstLoggedZxid);
  return Math.min(loadedZxid, oldest ?? loadedZxid);
}

/** Keeps the last so many entries, encoded again as the log has them: those the snapshot holds already as well. */
class RecentEntries {
  private entries: LogEntry[] = [];
  private readonly writer = new ByteWriter(4_096);
  private readonly countMax: number;
  baseZxid: Zxid = 0;
  private lastZxid: Zxid | undefined;

  constructor(countMax: number) {
    this.countMax = countMax;
  }

  /** An entry that the snapshot holds. What stands before a gap does not count, nor what is there a second time. */
  cover(header: TxnHeader, transaction: Transaction, digest: TxnDigest | undefined): void {
    const { zxid } = header;
    if (this.lastZxid !== undefined && zxid <= this.lastZxid) return;
    if (this.lastZxid === undefined || !isNextZxid(this.lastZxid, zxid)) {
      this.entries = [];
      this.baseZxid = zxid;
      this.lastZxid = zxid;
    } else {
      this.add(header, transaction, digest);
    }
  }

  add(header: TxnHeader, transaction: Transaction, digest: TxnDigest | undefined): void {
    this.lastZxid = header.zxid;
    if (this.countMax === 0) return;
    this.writer.reset();
    writeLogRecord(this.writer, header, transaction, digest);
    this.entries.push({ zxid: header.zxid, payload: this.writer.copy() });
    if (this.entries.length >= this.countMax * 2) this.trim();
  }

  /** Histories that share an entry agree on what is before it: if the snapshot's last is not here, only later ones count. */
  take(snapshotZxid: Zxid): readonly LogEntry[] {
    this.trim();
    const reachesBack = this.baseZxid >= snapshotZxid || this.entries.some(({ zxid }) => zxid === snapshotZxid);
    if (!reachesBack || this.lastZxid === undefined || this.lastZxid < snapshotZxid) {
      this.entries = this.entries.filter(({ zxid }) => zxid > snapshotZxid);
      this.baseZxid = snapshotZxid;
    }
    return this.entries;
  }

  private trim(): void {
    const dropped = this.entries.length - this.countMax;
    if (dropped <= 0) return;
    this.baseZxid = this.entries[dropped - 1]!.zxid;
    this.entries = this.entries.slice(dropped);
  }
}

/** Makes a database of a snapshot and the transactions after it, or of transactions alone (upstream: ZKDatabase). */
export class DatabaseLoader implements SnapshotSink {
  store: ZnodeStore;
  sessions = new SessionTable();
  /** Transactions applied. */
  applied = 0;
  private applier: Applier | undefined;
  private readonly recent: RecentEntries;
  private readonly createStore: () => ZnodeStore;

  /** `createStore` makes one without a znode. The newest `recentMax` transactions are kept as log entries. */
  constructor(createStore: () => ZnodeStore, recentMax: number) {
    this.createStore = createStore;
    this.store = createStore();
    this.recent = new RecentEntries(recentMax);
  }

  /** Forgets what a snapshot held that turned out to be damaged. */
  clear(): void {
    this.store = this.createStore();
    this.sessions = new SessionTable();
  }

  session(id: bigint, timeoutMs: number): void {
    this.sessions.put(id, timeoutMs);
  }

  acl(...acl: Parameters<SnapshotSink["acl"]>): void {
    this.store.acls.load(...acl);
  }

  load(...node: Parameters<SnapshotSink["load"]>): void {
    this.store.load(...node);
  }

  /** What the log still has of the transactions in the snapshot, in its order, and before any that is applied. */
  covered(header: TxnHeader, transaction: Transaction, digest: TxnDigest | undefined): void {
    this.recent.cover(header, transaction, digest);
  }

  /** In the order of the log, and only after the snapshot. */
  apply(header: TxnHeader, transaction: Transaction, digest: TxnDigest | undefined): void {
    if (this.applier === undefined) {
      if (this.store.nodeCount === 0) createFreshTree(this.store);
      this.applier = new Applier(this.store, this.sessions, NOBODY, undefined);
    }
    this.applier.apply(transaction, { zxid: header.zxid, timeMs: header.time, sessionId: header.clientId });
    this.applied++;
    this.recent.add(header, transaction, digest);
  }

  /**
   * `snapshot` is what was loaded ahead of the transactions, if there was one; `oldestZxid` the oldest snapshot since which
   * the log is there. Nothing may be added behind this.
   */
  finish(
    lastZxid: Zxid,
    snapshot: LoadedSnapshot | undefined,
    oldestZxid: Zxid,
  ): LoadedDatabase & { readonly orphans: Orphans[] } {
    const { store, sessions } = this;
    if (store.nodeCount === 0) createFreshTree(store);
    store.acls.purgeUnused();
    const snapshotZxid = snapshot?.zxid ?? 0;
    const recent = this.recent.take(snapshotZxid);
    const baseZxid = recent.length === 0 ? lastZxid : this.recent.baseZxid;
    const shownZxid = Math.max(snapshotZxid, snapshot?.digest?.zxid ?? 0);
    return {
      store,
      sessions,
      lastZxid,
      recent,
      baseZxid,
      // Behind the snapshot only as far as it is known that the log is of the same history.
      floorZxid: Math.min(shownZxid, Math.max(baseZxid, oldestZxid)),
      snapshotZxid,
      orphans: removeOrphans(store, sessions, lastZxid),
    };
  }
}

/** Ephemerals whose session is gone cannot be closed by anybody any more (upstream: ZooKeeperServer.loadData). */
function removeOrphans(store: ZnodeStore, sessions: SessionTable, zxid: Zxid): Orphans[] {
  const orphans: Orphans[] = [];
  for (const sessionId of [...store.sessionsWithEphemerals()]) {
    if (sessions.timeoutMs(sessionId) !== undefined) continue;
    const paths = store.ephemeralsOf(sessionId);
    for (const path of paths) store.remove(path, zxid);
    orphans.push({ sessionId, paths });
  }
  return orphans;
}

/** A database from an image that a leader sent. Throws `MalformedBytesError`. */
export function databaseOfImage(source: ByteSource, createStore: () => ZnodeStore, zxid: Zxid): Database {
  const loader = new DatabaseLoader(createStore, 0);
  decodeImage(source, loader);
  const { store, sessions } = loader;
  store.acls.purgeUnused();
  return { store, sessions, lastZxid: zxid };
}

/** What a snapshot or an image is made from: the tree as it is while that goes on. */
export interface TreeSource {
  readonly store: ZnodeStore;
  readonly sessions: SessionTable;
  /** Of the tree as it is. */
  digest(): SnapshotDigest;
}

/** `appliedZxid` tells the last transaction of the tree. */
export function treeSource(store: ZnodeStore, sessions: SessionTable, appliedZxid: () => Zxid): TreeSource {
  return {
    store,
    sessions,
    digest: () => ({ zxid: appliedZxid(), version: TXN_DIGEST_VERSION, digest: store.treeDigest }),
  };
}

export function contentOf({ store, sessions, digest }: TreeSource): SnapshotContent {
  return {
    sessions: sessions.entries(),
    acls: store.acls.lists(),
    writeNodes: (writer) => store.writeNodes(writer),
    digest,
  };
}
