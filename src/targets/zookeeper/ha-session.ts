import { randomUUID } from "node:crypto";
import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import { isZooKeeperError } from "../../client/errors.js";
import type { MultiRequest } from "../../client/multi.js";
import { ensurePath } from "../../client/recipes/ensure-path.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import { Signal } from "../../client/recipes/signal.js";
import type { HaSession } from "../driver.js";

/** What stands in the breadcrumb of an active that has stepped down: nobody is there to be fenced. */
const NOBODY = "";

/**
 * Active and standby as Hadoop's elector has them: an ephemeral lock, and a persistent breadcrumb that outlives the active
 * and tells the next one whom to fence. Rewriting it is the fence: an active's writes are tied to its version in one
 * transaction, as HBase ties those of a region server's log. The lock is held by a session of its own, so that it
 * can be lost by one who goes on writing.
 */
export class ZooKeeperHaSession implements HaSession {
  private readonly connectElector: () => Promise<ZooKeeperClient>;
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  private elector: ZooKeeperClient | undefined;
  private breadcrumbVersion = -1;

  constructor(client: ZooKeeperClient, connectElector: () => Promise<ZooKeeperClient>, root: string) {
    this.client = client;
    this.connectElector = connectElector;
    this.root = root;
  }

  async open(): Promise<void> {
    await overConnectionLoss(this.client, () => ensurePath(this.client, this.statePath));
    await overConnectionLoss(this.client, () => ensurePath(this.client, this.breadcrumbPath));
    this.elector = await this.connectElector();
  }

  async acquireLock(node: number): Promise<void> {
    this.elector ??= await this.connectElector();
    const { elector } = this;
    for (;;) {
      const gone = new Signal();
      const acquired = await overConnectionLoss(elector, async (again) => {
        try {
          await elector.create(this.lockPath, Buffer.from(String(node)), { mode: "ephemeral" });
          return true;
        } catch (error) {
          if (!isZooKeeperError(error, "NODEEXISTS")) throw error;
        }
        try {
          const { stat } = await elector.getData(this.lockPath, gone.raise);
          return again && stat.ephemeralOwner === elector.sessionId;
        } catch (error) {
          if (!isZooKeeperError(error, "NONODE")) throw error;
          gone.raise();
          return false;
        }
      });
      if (acquired) return;
      await gone.raised;
    }
  }

  async fence(node: number): Promise<{ readonly epoch: number; readonly fenced: boolean; readonly writes: number }> {
    const mark = `${node} ${randomUUID()}`;
    let fenced = false;
    const epoch = await overConnectionLoss(this.client, async () => {
      for (;;) {
        const { data, stat } = await this.client.getData(this.breadcrumbPath);
        if (String(data) === mark) {
          this.breadcrumbVersion = stat.version;
          return stat.mzxid;
        }
        fenced = data !== null && String(data) !== NOBODY;
        try {
          const written = await this.client.setData(this.breadcrumbPath, Buffer.from(mark), stat.version);
          this.breadcrumbVersion = written.version;
          return written.mzxid;
        } catch (error) {
          if (!isZooKeeperError(error, "BADVERSION")) throw error;
        }
        // This session's server is behind the last active's.
        await this.client.sync(this.breadcrumbPath);
      }
    });
    // After a write of this session, so no older than that.
    const state = await overConnectionLoss(this.client, () => this.client.exists(this.statePath));
    assert(state !== null, "the state that actives write is never removed");
    return { epoch, fenced, writes: state.version };
  }

  async write(data: Uint8Array): Promise<{ readonly order: number; readonly writes: number } | undefined> {
    const write = { op: "setData", path: this.statePath, data } as const;
    return await overConnectionLoss(this.client, async () => {
      try {
        const { stat } = await this.writeGuarded(write);
        return { order: stat.mzxid, writes: stat.version };
      } catch (error) {
        if (isZooKeeperError(error, "BADVERSION")) return undefined;
        throw error;
      }
    });
  }

  async stepDown(): Promise<void> {
    const { elector } = this;
    assert(elector, "only an active steps down");
    await overConnectionLoss(this.client, async () => {
      try {
        await this.client.setData(this.breadcrumbPath, Buffer.from(NOBODY), this.breadcrumbVersion);
      } catch (error) {
        // Carried out before, or another has fenced this one meanwhile.
        if (!isZooKeeperError(error, "BADVERSION")) throw error;
      }
    });
    await overConnectionLoss(elector, async (again) => {
      try {
        await elector.delete(this.lockPath);
      } catch (error) {
        if (!(again && isZooKeeperError(error, "NONODE"))) throw error;
      }
    });
  }

  async loseLock(): Promise<void> {
    const { elector } = this;
    this.elector = undefined;
    await elector?.close();
  }

  async close(): Promise<void> {
    await Promise.all([this.loseLock(), this.client.close()]);
  }

  /** All or nothing: the write, and that the breadcrumb is as this active wrote it. */
  protected async writeGuarded(
    write: Extract<MultiRequest, { readonly op: "setData" }>,
  ): Promise<{ readonly stat: { readonly mzxid: number; readonly version: number } }> {
    const [, written] = await this.client.multi([
      { op: "check", path: this.breadcrumbPath, version: this.breadcrumbVersion },
      write,
    ]);
    return written;
  }

  private get lockPath(): string {
    return `${this.root}/ActiveStandbyElectorLock`;
  }

  private get breadcrumbPath(): string {
    return `${this.root}/ActiveBreadCrumb`;
  }

  private get statePath(): string {
    return `${this.root}/state`;
  }
}
