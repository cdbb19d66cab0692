import { randomInt, randomUUID } from "node:crypto";
import { ERROR } from "../../jute/errors.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError, MultiError, ZooKeeperError } from "../errors.js";
import type { MultiRequest } from "../multi.js";
import { joinPath } from "../paths.js";
import { ensurePath } from "./ensure-path.js";
import { overConnectionLoss } from "./retry.js";

/** A receipt that nobody has used for so long is left over from a process that ended without removing it. */
export const RECEIPT_KEPT_MS = 24 * 60 * 60 * 1_000;

/** How many receipts of others are looked at when one is made, so that left-over ones go faster than they come. */
const SAMPLE = 4;

interface Receipt {
  readonly path: string;
  version: number;
}

/**
 * Transactions of which is known whether they were carried out, however often the connection is lost, and beyond the end
 * of the session where the client renews it. Each changes a node of its own, the receipt, along with what it is for. When
 * a reply is lost, the version of the receipt tells, read after a sync: that is answered after everything the lost
 * connection had under way.
 *
 * A receipt serves one transaction at a time and is then used again; it is persistent, for it must outlive the session
 * whose reply was lost. `close` removes them. Those of processes that ended without it are removed by others after a day.
 */
export class Receipts {
  private readonly client: ZooKeeperClient;
  private readonly folder: string;
  private readonly operation: string;
  private readonly free: Receipt[] = [];

  /** `operation` stands in errors. */
  constructor(client: ZooKeeperClient, folder: string, operation: string) {
    this.client = client;
    this.folder = folder;
    this.operation = operation;
  }

  /**
   * Resolves once `requests` have been carried out, exactly once. Throws MultiError where they were not and will not
   * be; RUNTIMEINCONSISTENCY where that cannot be told, since somebody removed the receipt; and SESSIONEXPIRED where the
   * session is over for good, and it may be either.
   */
  async commit(requests: readonly MultiRequest[]): Promise<void> {
    for (;;) {
      const receipt = this.free.pop() ?? (await this.make());
      if (await this.commitWith(receipt, requests)) return;
    }
  }

  /** Removes the receipts that are not in use. What is committed later makes new ones. */
  async close(): Promise<void> {
    await Promise.all(
      this.free.splice(0).map((receipt) => overConnectionLoss(this.client, () => this.delete(receipt.path))),
    );
  }

  /** False where the receipt was gone, so that nothing was done. */
  private async commitWith(receipt: Receipt, requests: readonly MultiRequest[]): Promise<boolean> {
    try {
      await overConnectionLoss(this.client, async (again) => {
        if (again && (await this.isCommitted(receipt))) return;
        await this.client.multi([
          ...requests,
          { op: "setData", path: receipt.path, data: null, version: receipt.version },
        ]);
      });
      receipt.version++;
      this.free.push(receipt);
      return true;
    } catch (error) {
      if (!(error instanceof MultiError)) throw error;
      if (error.index === requests.length) return false;
      this.free.push(receipt);
      throw error;
    }
  }

  private async isCommitted(receipt: Receipt): Promise<boolean> {
    await this.client.sync(receipt.path);
    const stat = await this.client.exists(receipt.path);
    if (stat === null) {
      throw new ZooKeeperError(ERROR.RUNTIMEINCONSISTENCY, this.operation, receipt.path, {
        detail: "its receipt was removed, so nobody can tell whether it was carried out",
      });
    }
    return stat.version > receipt.version;
  }

  private async make(): Promise<Receipt> {
    const path = joinPath(this.folder, randomUUID());
    const madeAtMs = await overConnectionLoss(this.client, async () => {
      for (;;) {
        try {
          return (await this.client.create(path)).stat.ctime;
        } catch (error) {
          if (isZooKeeperError(error, "NODEEXISTS")) return undefined;
          if (!isZooKeeperError(error, "NONODE")) throw error;
        }
        await ensurePath(this.client, this.folder);
      }
    });
    if (madeAtMs !== undefined) await overConnectionLoss(this.client, () => this.removeLeftOver(madeAtMs));
    return { path, version: 0 };
  }

  /** By the clock of the service. */
  private async removeLeftOver(nowMs: number): Promise<void> {
    const { children } = await this.client.getChildren(this.folder);
    const first = randomInt(Math.max(1, children.length - SAMPLE + 1));
    for (const name of children.slice(first, first + SAMPLE)) {
      const path = joinPath(this.folder, name);
      const stat = await this.client.exists(path);
      if (stat !== null && nowMs - stat.mtime > RECEIPT_KEPT_MS) await this.delete(path);
    }
  }

  private async delete(path: string): Promise<void> {
    try {
      await this.client.delete(path);
    } catch (error) {
      if (!isZooKeeperError(error, "NONODE")) throw error;
    }
  }
}
