import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import { joinPath } from "../paths.js";
import { ensurePath } from "./ensure-path.js";
import type { AcquireOptions } from "./held-lock.js";
import { Receipts } from "./receipts.js";
import { overConnectionLoss } from "./retry.js";
import { SessionWatch } from "./session-watch.js";
import { Signal, waitForAny } from "./signal.js";

export interface QueueItem {
  readonly data: Buffer | null;
  /** The node it was in, which is gone. */
  readonly path: string;
}

/** Where an item stands by its name; those with a smaller `priority` go first, then those with a smaller `sequence`. */
export interface ItemOrder {
  readonly priority: number;
  /** As the server counts, in 32 bits: it goes on at the negative end. */
  readonly sequence: number;
}

interface Listed extends ItemOrder {
  readonly name: string;
}

const ITEMS = "items";
const RECEIPTS = "receipts";

/**
 * Items as persistent sequential nodes in `path`/items, which is what both queues are made of. Who deletes an item
 * has it, and nobody else. A put and a take are each one transaction with a receipt (`path`/receipts), which tells
 * whether it was carried out where the reply is lost: an item is neither put twice nor taken by nobody, and a put is not
 * repeated because its item has been taken meanwhile. That holds beyond the end of a session that the client renews.
 */
export class QueueItems {
  private readonly client: ZooKeeperClient;
  private readonly items: string;
  private readonly receipts: Receipts;
  private readonly orderOf: (name: string) => ItemOrder | undefined;
  private readonly overtaking: boolean;
  /** As last listed, the next one last; some may be taken by now. */
  private listed: Listed[] = [];
  /** `listed` may lack an item that goes before those in it. */
  private stale = false;

  /** `orderOf` knows no strangers; `overtaking`: an item put later may have to be taken before one that is there. */
  constructor(
    client: ZooKeeperClient,
    path: string,
    orderOf: (name: string) => ItemOrder | undefined,
    options: { readonly overtaking: boolean },
  ) {
    this.client = client;
    this.items = joinPath(path, ITEMS);
    this.receipts = new Receipts(client, joinPath(path, RECEIPTS), "queue");
    this.orderOf = orderOf;
    this.overtaking = options.overtaking;
  }

  async put(prefix: string, data: Uint8Array | null): Promise<void> {
    const path = joinPath(this.items, prefix);
    for (;;) {
      try {
        await this.receipts.commit([{ op: "create", path, data, mode: "persistentSequential" }]);
        return;
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
      await overConnectionLoss(this.client, () => ensurePath(this.client, this.items));
    }
  }

  /** The first item; undefined where there is none, and `changed` is raised by the next change then. */
  async poll(changed = new Signal()): Promise<QueueItem | undefined> {
    for (;;) {
      if (this.stale || this.listed.length === 0) await this.list(changed);
      const next = this.listed.pop();
      if (next === undefined) return undefined;
      const item = await this.tryTake(joinPath(this.items, next.name));
      if (item !== undefined) return item;
    }
  }

  async take({ signal }: AcquireOptions): Promise<QueueItem> {
    const session = new SessionWatch(this.client, "queue", true);
    try {
      for (;;) {
        signal?.throwIfAborted();
        session.throwIfEnded(this.items);
        const changed = new Signal();
        const item = await this.poll(changed);
        if (item !== undefined) return item;
        await waitForAny(changed, session.signal, signal);
      }
    } finally {
      session.stop();
    }
  }

  /** How many items there are, as this client's server knows it. */
  async length(): Promise<number> {
    return await overConnectionLoss(this.client, async () => (await this.client.exists(this.items))?.numChildren ?? 0);
  }

  async close(): Promise<void> {
    await this.receipts.close();
  }

  private async list(changed: Signal): Promise<void> {
    this.stale = false;
    const onChange = (): void => {
      this.stale = this.overtaking;
      changed.raise();
    };
    const children = await overConnectionLoss(this.client, async () => {
      for (;;) {
        try {
          return (await this.client.getChildren(this.items, onChange)).children;
        } catch (error) {
          if (!isZooKeeperError(error, "NONODE")) throw error;
        }
        await ensurePath(this.client, this.items);
      }
    });
    const listed: Listed[] = [];
    for (const name of children) {
      const order = this.orderOf(name);
      if (order !== undefined) listed.push({ name, ...order });
    }
    this.listed = listed.sort((left, right) => right.priority - left.priority || (right.sequence - left.sequence) | 0);
  }

  /** Undefined where somebody else has it. */
  private async tryTake(path: string): Promise<QueueItem | undefined> {
    try {
      const { data } = await overConnectionLoss(this.client, () => this.client.getData(path));
      await this.receipts.commit([{ op: "delete", path }]);
      return { data, path };
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return undefined;
      throw error;
    }
  }
}
