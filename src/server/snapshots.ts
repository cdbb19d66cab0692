import type { RandomSource } from "../base/random.js";
import type { PendingSnapshot } from "../core/ensemble-member.js";
import { SnapshotPolicy } from "../core/log/snapshot-policy.js";
import type { TreeThread } from "../workers/tree-thread.js";
import type { ServerConfiguration } from "./configuration/zoo-cfg.js";
import type { Logger } from "./log.js";
import type { StorageFolders } from "./storage/folders.js";
import { purge } from "./storage/purge.js";
import { SNAPSHOT_CHUNK_BYTES, writeSnapshot } from "./storage/snapshot-file.js";
import { encodeBeside } from "./tree-source.js";

const HOUR_MS = 3_600_000;
/**
 * After one there is none for so many times as long as it took, so that a large tree under many writes does not spend its time on
 * snapshots; a recovery replays more of the log instead.
 */
const REST_FACTOR = 9;

/**
 * When snapshots are taken, and which are kept. One is taken at a time, beside the serving of requests; and later than the
 * policy says, where they would take more than a tenth of the time.
 */
export class Snapshots {
  private running: Promise<void> | undefined;
  private restUntilMs = 0;
  private readonly policy: SnapshotPolicy;
  private readonly purging: NodeJS.Timeout | undefined;
  private readonly folders: StorageFolders;
  private readonly trees: TreeThread;
  private readonly log: Logger;

  constructor(
    folders: StorageFolders,
    configuration: ServerConfiguration,
    trees: TreeThread,
    random: RandomSource,
    log: Logger,
  ) {
    this.folders = folders;
    this.trees = trees;
    this.log = log;
    this.policy = new SnapshotPolicy(configuration.snapshotTransactionsMax, random);
    const { autopurgeIntervalHours, autopurgeRetain } = configuration;
    if (autopurgeIntervalHours > 0) {
      this.purging = setInterval(() => this.purge(autopurgeRetain), autopurgeIntervalHours * HOUR_MS);
      this.purging.unref();
      this.purge(autopurgeRetain);
    }
  }

  /** `transactionCount` counts from the start of the server. */
  due(transactionCount: number): boolean {
    if (this.running !== undefined || performance.now() < this.restUntilMs) return false;
    return this.policy.isDue(transactionCount);
  }

  /**
   * Writes a snapshot of the tree as it is while this goes on. It counts once `confirm` settles, since it must not show
   * what the log may lose. A failure is told and not passed on: the log still has everything.
   */
  take({ zxid, source, confirm }: PendingSnapshot): Promise<void> {
    const begun = performance.now();
    const confirmed = (): Promise<void> =>
      new Promise((resolve, reject) => {
        confirm((refusal) => (refusal === undefined ? resolve() : reject(new Error(refusal))));
      });
    const chunks = encodeBeside(this.trees, source, "snapshot", SNAPSHOT_CHUNK_BYTES);
    this.running = writeSnapshot(this.folders.snapshots, zxid, chunks, confirmed)
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
}
