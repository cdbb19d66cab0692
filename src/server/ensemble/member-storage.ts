import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../base/assert.js";
import { ByteWriter } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import type { EpochName, MemberStorage } from "../../core/command-runner.js";
import { type Database, treeSource } from "../../core/database.js";
import { beginEntry, endEntry } from "../../core/log/log-format.js";
import type { ConnectionId, LogEntry } from "../../core/zab/effects.js";
import { type LogAppender, type LogStatistics, openLogAppender } from "../../workers/log-thread.js";
import type { ServerConfiguration } from "../configuration/zoo-cfg.js";
import { loadDatabase, loadImage } from "../database.js";
import type { Logger } from "../log.js";
import { writeEpoch } from "../storage/epoch-files.js";
import { withFile } from "../storage/file-source.js";
import type { StorageFolders } from "../storage/folders.js";
import { SNAPSHOT_CHUNK_BYTES, writeSnapshot } from "../storage/snapshot-file.js";
import { dropHistoryBut, truncateHistory } from "../storage/truncate.js";
import { encodeHere } from "../tree-source.js";

export interface MemberStorageListener {
  /** Everything that was appended up to this transaction is durable. */
  synced(zxid: Zxid): void;
  fatal(error: Error): void;
}

interface ReceivedImage {
  readonly path: string;
  readonly descriptor: number;
}

/** The files of a member: log, snapshots, epochs, and images while they are received. Appends go to the log thread. */
export class FileStorage implements MemberStorage {
  private readonly folders: StorageFolders;
  private readonly configuration: ServerConfiguration;
  private readonly log: Logger;
  private readonly listener: MemberStorageListener;
  private appender: LogAppender;
  private readonly batch = new ByteWriter(65_536);
  private readonly images = new Map<ConnectionId, ReceivedImage>();
  /** Ends when what takes time is done. */
  private work: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    folders: StorageFolders,
    configuration: ServerConfiguration,
    log: Logger,
    listener: MemberStorageListener,
  ) {
    this.folders = folders;
    this.configuration = configuration;
    this.log = log;
    this.listener = listener;
    this.appender = this.openAppender();
  }

  get statistics(): LogStatistics {
    return this.appender.statistics;
  }

  append(entries: readonly LogEntry[]): void {
    const { batch } = this;
    batch.reset();
    for (const { payload } of entries) {
      const start = beginEntry(batch);
      batch.raw(payload);
      endEntry(batch, start);
    }
    this.appender.append(batch.view(), entries[entries.length - 1]!.zxid);
  }

  /** What is appended from now on goes to a new file. */
  roll(): void {
    this.appender.roll();
  }

  writeEpoch(name: EpochName, epoch: number, done: () => void): void {
    if (this.attempt(() => writeEpoch(this.folders, name, epoch))) done();
  }

  truncate(zxid: Zxid, reload: boolean, done: (database: Database | undefined) => void): void {
    this.takeTime(async () => {
      await this.appender.close();
      // Before anything is cut: if older snapshots and logs turn out not to be whole, this server still has what it had.
      const database = reload ? loadDatabase(this.configuration, this.folders, this.log, 0, zxid) : undefined;
      assert(database === undefined || database.lastZxid === zxid, "a history is cut behind an entry that it holds");
      truncateHistory(this.folders, zxid, database?.snapshotZxid);
      this.appender = this.openAppender();
      this.log.info({ zxid: `0x${zxid.toString(16)}` }, "history cut to the leader's");
      return () => done(database);
    });
  }

  install(zxid: Zxid, connection: ConnectionId, done: (database: Database) => void): void {
    this.takeTime(async () => {
      const { path } = this.images.get(connection)!;
      await this.appender.close();
      const database = withFile(path, (source) => loadImage(source, this.configuration, zxid));
      // Written before the logs go: a crash in between leaves the image, or what was there before.
      const source = treeSource(database.store, database.sessions, () => zxid);
      await writeSnapshot(this.folders.snapshots, zxid, encodeHere(source, "snapshot", SNAPSHOT_CHUNK_BYTES));
      dropHistoryBut(this.folders, zxid);
      this.appender = this.openAppender();
      const znodes = database.store.nodeCount;
      this.log.info({ zxid: `0x${zxid.toString(16)}`, znodes }, "image of the leader installed");
      return () => done(database);
    });
  }

  /** A piece of the image that comes over this connection. */
  imageBytes(connection: ConnectionId, bytes: Buffer): void {
    if (this.closed) return;
    this.attempt(() => {
      let image = this.images.get(connection);
      if (image === undefined) {
        const path = join(this.folders.snapshots, `image.${connection}.tmp`);
        image = { path, descriptor: openSync(path, "w", 0o600) };
        this.images.set(connection, image);
      }
      for (let at = 0; at < bytes.length; ) at += writeSync(image.descriptor, bytes, at);
    });
  }

  dropImage(connection: ConnectionId): void {
    const image = this.images.get(connection);
    if (image === undefined) return;
    this.images.delete(connection);
    closeSync(image.descriptor);
    unlinkSync(image.path);
  }

  /** What was begun is done first: it uses the image, and leaves another log open than it found. */
  async close(): Promise<void> {
    this.closed = true;
    await this.work;
    for (const connection of [...this.images.keys()]) this.dropImage(connection);
    await this.appender.close();
  }

  private openAppender(): LogAppender {
    const { configuration } = this;
    const appender = openLogAppender({
      folder: this.folders.logs,
      preAllocBytes: configuration.preAllocBytes,
      sizeLimitBytes: configuration.logSizeLimitBytes ?? 0,
      forceSync: configuration.forceSync,
      onSynced: (zxid) => {
        if (appender === this.appender) this.listener.synced(zxid);
      },
      onFatal: (error) => this.listener.fatal(error),
    });
    return appender;
  }

  private attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.listener.fatal(error as Error);
      return false;
    }
  }

  /** Runs what `work` comes to, unless it fails: then nothing follows. */
  private takeTime(work: () => Promise<() => void>): void {
    this.work = work()
      .then((done) => done())
      .catch((error: unknown) => this.listener.fatal(error as Error));
  }
}
