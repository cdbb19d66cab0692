import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../base/assert.js";
import { ByteWriter } from "../../base/bytes.js";
import { RingBuffer } from "../../base/ring.js";
import type { Zxid } from "../../base/zxid.js";
import { beginEntry, endEntry } from "../../core/log/log-format.js";
import type { Command, ConnectionId, LogEntry, Role } from "../../core/zab/effects.js";
import { type LogAppender, type LogStatistics, openLogAppender } from "../../workers/log-thread.js";
import type { ServerConfiguration } from "../configuration/zoo-cfg.js";
import { type Database, databaseOfImage, loadDatabase } from "../database.js";
import type { Logger } from "../log.js";
import { writeEpoch } from "../storage/epoch-files.js";
import { withFile } from "../storage/file-source.js";
import type { StorageFolders } from "../storage/folders.js";
import { SNAPSHOT_CHUNK_BYTES, writeSnapshot } from "../storage/snapshot-file.js";
import { dropHistoryBut, truncateHistory } from "../storage/truncate.js";
import { encodeHere, treeSource } from "../tree-source.js";

export interface JournalListener {
  /** Every command up to this one is durable. */
  stored(sequence: number): void;
  apply(entries: readonly LogEntry[]): void;
  /** The tree is another one. */
  load(database: Database): void;
  /** The last transaction that was given to the tree. */
  readonly appliedZxid: Zxid;
  open(role: Role): void;
  shut(): void;
  fatal(error: Error): void;
}

interface ReceivedImage {
  readonly path: string;
  readonly descriptor: number;
  whole: boolean;
}

interface PendingAppend {
  readonly sequence: number;
  readonly zxid: Zxid;
}

/**
 * Carries out the commands of a `ZabServer` on disk and tree: in order, and durable in order. Appends go to the log thread,
 * which syncs them together; what may not be on disk before they are waits for them.
 */
export class JournalHost {
  private readonly folders: StorageFolders;
  private readonly configuration: ServerConfiguration;
  private readonly log: Logger;
  private readonly listener: JournalListener;
  private appender: LogAppender;
  private readonly queue = new RingBuffer<Command>(16);
  private readonly pending = new RingBuffer<PendingAppend>(16);
  private readonly batch = new ByteWriter(65_536);
  private durableWaiters: {
    readonly zxid: Zxid;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  private readonly images = new Map<ConnectionId, ReceivedImage>();
  /** Carrying out something that takes time; what comes behind it waits. */
  private busy = false;
  private ended = false;
  /** The last command that was begun, and the last that was reported as durable. */
  private begunSequence = 0;
  private reportedSequence = 0;
  private durableZxid: Zxid;

  constructor(
    folders: StorageFolders,
    configuration: ServerConfiguration,
    log: Logger,
    lastZxid: Zxid,
    listener: JournalListener,
  ) {
    this.folders = folders;
    this.configuration = configuration;
    this.log = log;
    this.listener = listener;
    this.durableZxid = lastZxid;
    this.appender = this.openAppender();
  }

  get statistics(): LogStatistics {
    return this.appender.statistics;
  }

  submit(commands: readonly Command[]): void {
    for (const command of commands) this.queue.push(command);
    this.pump();
  }

  /** What is appended from now on goes to a new file. */
  roll(): void {
    if (!this.busy && !this.ended) this.appender.roll();
  }

  /** Resolves once the log is durable up to there; rejects where it is cut before that. */
  whenDurable(zxid: Zxid): Promise<void> {
    if (zxid <= this.durableZxid) return Promise.resolve();
    return new Promise((resolve, reject) => this.durableWaiters.push({ zxid, resolve, reject }));
  }

  /** A piece of the image that comes over this connection. */
  imageBytes(connection: ConnectionId, bytes: Buffer): void {
    if (!this.ended) this.attempt(() => this.keepImageBytes(connection, bytes));
  }

  private keepImageBytes(connection: ConnectionId, bytes: Buffer): void {
    let image = this.images.get(connection);
    if (image === undefined) {
      const path = join(this.folders.snapshots, `image.${connection}.tmp`);
      image = { path, descriptor: openSync(path, "w", 0o600), whole: false };
      this.images.set(connection, image);
    }
    for (let at = 0; at < bytes.length; ) at += writeSync(image.descriptor, bytes, at);
  }

  imageEnd(connection: ConnectionId): void {
    const image = this.images.get(connection);
    if (image !== undefined) image.whole = true;
  }

  /** The connection is gone; what came of an image is of use only if it is whole. */
  disconnected(connection: ConnectionId): void {
    if (this.images.get(connection)?.whole === false) this.dropImage(connection);
  }

  private dropImage(connection: ConnectionId): void {
    const image = this.images.get(connection);
    if (image === undefined) return;
    this.images.delete(connection);
    closeSync(image.descriptor);
    unlinkSync(image.path);
  }

  async close(): Promise<void> {
    this.ended = true;
    for (const connection of [...this.images.keys()]) this.dropImage(connection);
    await this.appender.close();
    this.refuseWaiters("the server stops");
  }

  private refuseWaiters(reason: string): void {
    const waiters = this.durableWaiters;
    this.durableWaiters = [];
    for (const { reject } of waiters) reject(new Error(reason));
  }

  private openAppender(): LogAppender {
    const { configuration } = this;
    const appender = openLogAppender({
      folder: this.folders.logs,
      preAllocBytes: configuration.preAllocBytes,
      sizeLimitBytes: configuration.logSizeLimitBytes ?? 0,
      forceSync: configuration.forceSync,
      onSynced: (zxid) => {
        if (appender === this.appender) this.synced(zxid);
      },
      onFatal: (error) => this.listener.fatal(error),
    });
    return appender;
  }

  private pump(): void {
    while (!this.busy && !this.ended) {
      const command = this.queue.peek();
      if (command === undefined) break;
      // What is durable by itself may not be so before the appends that stand before it.
      const isAlone = command.kind !== "append" && command.kind !== "apply" && !isSwitch(command.kind);
      if (isAlone && this.pending.length > 0) break;
      this.queue.shift();
      this.carryOut(command);
      this.begunSequence = command.sequence;
    }
    this.report();
  }

  private carryOut(command: Command): void {
    switch (command.kind) {
      case "append":
        this.append(command.sequence, command.entries);
        return;
      case "apply":
        this.listener.apply(command.entries);
        return;
      case "open":
        this.listener.open(command.role);
        return;
      case "shut":
        this.listener.shut();
        return;
      case "acceptedEpoch":
      case "currentEpoch":
        this.attempt(() => writeEpoch(this.folders, command.kind, command.epoch));
        return;
      case "truncate":
        this.takeTime(() => this.truncate(command.zxid));
        return;
      case "install":
        this.takeTime(() => this.install(command.zxid, command.connection));
        return;
    }
  }

  private append(sequence: number, entries: readonly LogEntry[]): void {
    const { batch } = this;
    batch.reset();
    for (const { payload } of entries) {
      const start = beginEntry(batch);
      batch.raw(payload);
      endEntry(batch, start);
    }
    const zxid = entries.at(-1)!.zxid;
    this.pending.push({ sequence, zxid });
    this.appender.append(batch.view(), zxid);
  }

  private synced(zxid: Zxid): void {
    this.durableZxid = zxid;
    for (let next = this.pending.peek(); next !== undefined && next.zxid <= zxid; next = this.pending.peek()) {
      this.pending.shift();
    }
    this.settleWaiters();
    // Nothing may be appended from within this call; what waits goes on with the next `submit`, which the report causes.
    this.report();
  }

  private settleWaiters(): void {
    if (this.durableWaiters.length === 0) return;
    const waiters = this.durableWaiters;
    this.durableWaiters = waiters.filter(({ zxid }) => zxid > this.durableZxid);
    for (const { zxid, resolve } of waiters) if (zxid <= this.durableZxid) resolve();
  }

  private report(): void {
    const first = this.pending.peek();
    const sequence = this.busy ? this.reportedSequence : first === undefined ? this.begunSequence : first.sequence - 1;
    if (sequence <= this.reportedSequence) return;
    this.reportedSequence = sequence;
    this.listener.stored(sequence);
  }

  private attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.ended = true;
      this.listener.fatal(error as Error);
    }
  }

  private takeTime(work: () => Promise<void>): void {
    this.busy = true;
    work().then(
      () => {
        this.busy = false;
        this.pump();
      },
      (error: unknown) => {
        this.ended = true;
        this.listener.fatal(error as Error);
      },
    );
  }

  private async truncate(zxid: Zxid): Promise<void> {
    await this.appender.close();
    truncateHistory(this.folders, zxid);
    if (this.listener.appliedZxid > zxid) {
      const database = loadDatabase(this.configuration, this.folders, this.log, 0);
      assert(database.lastZxid === zxid, "a history that was cut ends where it was cut");
      this.listener.load(database);
    }
    this.durableZxid = zxid;
    this.refuseWaiters("the log was cut meanwhile");
    this.appender = this.openAppender();
    this.log.info({ zxid: `0x${zxid.toString(16)}` }, "history cut to the leader's");
  }

  private async install(zxid: Zxid, connection: ConnectionId): Promise<void> {
    const image = this.images.get(connection);
    assert(image !== undefined, "what is installed has come");
    await this.appender.close();
    const database = withFile(image.path, (source) => databaseOfImage(source, this.configuration, zxid));
    this.dropImage(connection);
    // Written before the logs go: a crash in between leaves the image, or what was there before.
    const source = treeSource(database.store, database.sessions, () => zxid);
    await writeSnapshot(this.folders.snapshots, zxid, encodeHere(source, "snapshot", SNAPSHOT_CHUNK_BYTES));
    dropHistoryBut(this.folders, zxid);
    this.listener.load(database);
    this.durableZxid = zxid;
    this.settleWaiters();
    this.appender = this.openAppender();
    this.log.info(
      { zxid: `0x${zxid.toString(16)}`, znodes: database.store.nodeCount },
      "image of the leader installed",
    );
  }
}

function isSwitch(kind: Command["kind"]): boolean {
  return kind === "open" || kind === "shut";
}
