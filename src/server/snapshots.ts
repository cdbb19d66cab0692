import type { Zxid } from "../base/zxid.js";
import type { SessionTable } from "../core/session/session-table.js";
import type { ZnodeStore } from "../core/tree/store.js";
import type { TreeThread } from "../workers/tree-thread.js";
import type { ServerConfiguration } from "./configuration/zoo-cfg.js";
import type { Logger } from "./log.js";
import type { StorageFolders } from "./storage/folders.js";
import { purge } from "./storage/purge.js";
import { SNAPSHOT_CHUNK_BYTES, writeSnapshot } from "./storage/snapshot-file.js";
import { encodeBeside, treeSource } from "./tree-source.js";

const HOUR_MS = 3_600_000;
/**
 * After one there is none for so many times as long as it took, so that a large tree under many writes does not spend its time on
 * snapshots; a recovery replays more of the log instead.
 */
const REST_FACTOR = 9;

/**
 * When snapshots are taken, and which are kept. One is taken at a time, beside the serving of requests, after between a
 * half and all of `snapCount` transactions, so that the members of an ensemble do not all take theirs at once; and
 * later, where they would take more than a tenth of the time.
 */
export class Snapshots {
  private running: Promise<void> | undefined;
  private dueAtCount: number;
  private restUntilMs = 0;
  private readonly purging: NodeJS.Timeout | undefined;
  private readonly folders: StorageFolders;
  private readonly configuration: ServerConfiguration;
  private readonly trees: TreeThread;
  private readonly random: () => number;
  private readonly log: Logger;

  constructor(
    folders: StorageFolders,
    configuration: ServerConfiguration,
    trees: TreeThread,
    random: () => number,
    log: Logger,
  ) {
    this.folders = folders;
    this.configuration = configuration;
    this.trees = trees;
    this.random = random;
    this.log = log;
    this.dueAtCount = this.nextDue(0);
    const { autopurgeIntervalHours, autopurgeRetain } = configuration;
    if (autopurgeIntervalHours > 0) {
      this.purging = setInterval(() => this.purge(autopurgeRetain), autopurgeIntervalHours * HOUR_MS);
      this.purging.unref();
      this.purge(autopurgeRetain);
    }
  }

  /** `transactionCount` counts from the start of the server. */
  due(transactionCount: number): boolean {
    if (transactionCount < this.dueAtCount || this.running !== undefined) return false;
    if (performance.now() < this.restUntilMs) return false;
    this.dueAtCount = this.nextDue(transactionCount);
    return true;
  }

  /**
   * Writes a snapshot of the tree as it is while this goes on; `appliedZxid` tells the last transaction
   * applied, when it begins and when it ends. It counts from when the log is durable up to there (`whenDurable`), since
   * it must not show what the log may lose. A failure is told and not passed on: the log still has everything.
   */
  take(
    store: ZnodeStore,
    sessions: SessionTable,
    appliedZxid: () => Zxid,
    whenDurable: (zxid: Zxid) => Promise<void>,
  ): Promise<void> {
    const begun = performance.now();
    const source = treeSource(store, sessions, appliedZxid);
    const chunks = encodeBeside(this.trees, source, "snapshot", SNAPSHOT_CHUNK_BYTES);
    this.running = writeSnapshot(this.folders.snapshots, appliedZxid(), chunks, () => whenDurable(appliedZxid()))
      .then(
        (path) => this.log.info({ path, tookMs: Math.round(performance.now() - begun) }, "snapshot written"),
        (error: unknown) => this.log.error({ error: String(error) }, "a snapshot could not be written"),
      )
      .finally(() => {
        this.running = undefined;
        const now = performance.now();
        this.restUntilMs = now + REST_FACTOR * (now - begun);
      });
    return this.running;
  }

  async close(): Promise<void> {
    clearInterval(this.purging);
    await this.running;
  }

  private purge(keep: number): void {
    const paths = purge(this.folders, keep);
    if (paths.length > 0) this.log.info({ paths }, "old snapshots and logs were deleted");
  }

  private nextDue(count: number): number {
    const half = Math.floor(this.configuration.snapshotTransactionsMax / 2);
    return count + half + (this.random() % Math.max(1, half));
  }
}
