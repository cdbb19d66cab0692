import { unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { MalformedBytesError } from "../../base/bytes.js";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { formatZxid, isNextZxid, type Zxid } from "../../base/zxid.js";
import { LOG_HEADER_BYTES, type LogEnd, readLog } from "../../core/log/log-format.js";
import type { SnapshotSink, SnapshotTail } from "../../core/log/snapshot-format.js";
import type { Transaction, TxnDigest, TxnHeader } from "../../core/log/transactions.js";
import { withFile } from "./file-source.js";
import { listLogs, listSnapshots, type NumberedFile, type StorageFolders, syncFolder } from "./folders.js";
import { readSnapshot } from "./snapshot-file.js";
import { cut } from "./truncate.js";

/** How many snapshots are tried, newest first. */
const SNAPSHOTS_TRIED_MAX = 100;

export interface RecoverySink extends SnapshotSink {
  /** Forget everything loaded so far: a snapshot turned out to be damaged, and an older one follows. */
  clear(): void;
  /**
   * The transactions after the snapshot, in order. A snapshot is fuzzy: it may hold parts of what the first of these did
   * already, and applying them again has to end in the same tree. Byte fields are valid during the call only.
   */
  apply(header: TxnHeader, transaction: Transaction, digest: TxnDigest | undefined): void;
  /** Those of the last log that the snapshot holds already, as they stand there, before any that is applied. */
  covered?(header: TxnHeader, transaction: Transaction, digest: TxnDigest | undefined): void;
}

export interface RecoveryOptions {
  /** `snapshot.trust.empty`: logs without any snapshot are the whole history. */
  readonly trustEmptySnapshot: boolean;
  /** Loads the history as it was then, as if there were nothing later, and changes nothing on disk. */
  readonly throughZxid?: Zxid;
  /** Told of everything that was not as a clean stop leaves it, in a sentence that names the file. */
  notice(text: string): void;
}

export interface Recovered {
  /** Of the snapshot that was loaded; undefined where the folder held none. */
  readonly snapshot: (SnapshotTail & { readonly path: string; readonly zxid: Zxid }) | undefined;
  /** The last transaction in the snapshot or the logs; 0 in an empty folder. */
  readonly lastZxid: Zxid;
  /** Transactions applied from the logs. */
  readonly applied: number;
}

/**
 * Loads the newest valid snapshot and every transaction after it. A torn tail of the last log is cut off, and
 * a last log without a transaction deleted. Throws
 * UserError, having changed nothing on disk, where acknowledged transactions may be missing: in a damaged log, between
 * two transactions that are not consecutive, and in logs without a snapshot.
 */
export function recover(folders: StorageFolders, sink: RecoverySink, options: RecoveryOptions): Recovered {
  const throughZxid = options.throughZxid ?? Number.POSITIVE_INFINITY;
  const snapshot = loadNewestSnapshot(folders.snapshots, sink, options, throughZxid);
  const logs = listLogs(folders.logs).filter(({ zxid }) => zxid <= throughZxid);
  if (snapshot === undefined && logs.length > 0 && !options.trustEmptySnapshot) {
    const holdsNothing = logs.every((log) => withFile(log.path, (source) => source.sizeBytes === 0));
    if (!holdsNothing) throw new UserError(USER_ERRORS.logWithoutSnapshot, {}, folders.logs);
  }
  const replay = new Replay(snapshot?.zxid ?? 0, throughZxid, sink);
  const relevant = logsAfter(logs, replay.lastZxid);
  for (const [index, log] of relevant.entries()) {
    const end = replay.read(log);
    settleEnd(log, end, index === relevant.length - 1 && options.throughZxid === undefined, options);
  }
  return { snapshot, lastZxid: replay.lastZxid, applied: replay.applied };
}

/** The logs that may hold transactions after `zxid`: those that begin after it, and the one before them. */
export function logsAfter(logs: readonly NumberedFile[], zxid: Zxid): readonly NumberedFile[] {
  let first = 0;
  for (const [index, log] of logs.entries()) if (log.zxid <= zxid) first = index;
  return logs.slice(first);
}

function loadNewestSnapshot(
  folder: string,
  sink: RecoverySink,
  options: RecoveryOptions,
  throughZxid: Zxid,
): Recovered["snapshot"] {
  const newestFirst = listSnapshots(folder)
    .filter(({ zxid }) => zxid <= throughZxid)
    .reverse()
    .slice(0, SNAPSHOTS_TRIED_MAX);
  let newestFault: { readonly path: string; readonly reason: string } | undefined;
  for (const file of newestFirst) {
    try {
      const tail = readSnapshot(file, sink);
      if ((tail.digest?.zxid ?? 0) <= throughZxid) return { ...tail, path: file.path, zxid: file.zxid };
      // It was taken while later transactions were applied, and shows some of them.
      sink.clear();
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      options.notice(`snapshot ${file.path} is not valid and is passed over: ${error.message}`);
      newestFault ??= { path: file.path, reason: error.message };
      sink.clear();
    }
  }
  if (newestFault === undefined) return undefined;
  const { path, reason } = newestFault;
  throw new UserError(USER_ERRORS.noValidSnapshot, { count: newestFirst.length, reason }, path);
}

class Replay {
  lastZxid: Zxid;
  applied = 0;
  private readonly throughZxid: Zxid;
  private readonly sink: RecoverySink;

  constructor(snapshotZxid: Zxid, throughZxid: Zxid, sink: RecoverySink) {
    this.lastZxid = snapshotZxid;
    this.throughZxid = throughZxid;
    this.sink = sink;
  }

  read(log: NumberedFile): LogEnd {
    return withFile(log.path, (source) =>
      readLog(source, ({ header, transaction, digest }, offset) => {
        // In the snapshot already, or logged a second time when a follower was synchronized.
        if (header.zxid <= this.lastZxid) {
          if (this.applied === 0) this.sink.covered?.(header, transaction, digest);
          return;
        }
        if (header.zxid > this.throughZxid) return;
        if (!isNextZxid(this.lastZxid, header.zxid)) {
          const details = { last: formatZxid(this.lastZxid), next: formatZxid(header.zxid), offset };
          throw new UserError(USER_ERRORS.logGap, details, log.path);
        }
        this.lastZxid = header.zxid;
        this.applied++;
        this.sink.apply(header, transaction, digest);
      }),
    );
  }
}

function settleEnd(log: NumberedFile, end: LogEnd, isLast: boolean, options: RecoveryOptions): void {
  if (end.kind === "damaged") {
    throw new UserError(USER_ERRORS.logDamaged, { offset: end.offset, reason: end.reason, file: log.path }, log.path);
  }
  // A server that does not cut its torn tails (Apache ZooKeeper) leaves them behind in older files. If they had held
  // anything, the next file would not begin with the next transaction.
  if (!isLast) return;
  try {
    if (end.offset <= LOG_HEADER_BYTES) {
      // Its name is the one that the next file will have.
      unlinkSync(log.path);
      syncFolder(dirname(log.path));
      options.notice(`${log.path} held no transaction and was deleted`);
    } else if (end.kind === "torn") {
      cut(log.path, end.offset);
      options.notice(`${log.path} was cut to its last whole transaction, ${end.offset} bytes: ${end.reason}`);
    }
  } catch (error) {
    throw new UserError(USER_ERRORS.logUnwritable, { reason: (error as Error).message }, log.path);
  }
}
