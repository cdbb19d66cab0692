import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../client.js";
import { requireArgument } from "./arguments.js";
import type { AcquireOptions } from "./held-lock.js";
import { type ItemOrder, type QueueItem, QueueItems } from "./queue-items.js";

export interface PriorityItem extends QueueItem {
  readonly priority: number;
}

export const PRIORITY_MAX = 999_999_999;
const PRIORITY_DIGITS = String(PRIORITY_MAX).length;
const NAME = /^item-(\d+)-(-?\d+)$/;

function orderOf(name: string): ItemOrder | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : { priority: Number(match[1]), sequence: Number(match[2]) };
}

/**
 * As `FifoQueue`, but items with a smaller number for priority go first; those of the same go in the order they were put.
 * A later item may go before those that are there, so a consumer reads the list again whenever it has changed: a
 * take costs the length of the queue.
 *
 * @example
 * const queue = new PriorityQueue(client, "/queues/jobs");
 * await queue.put(Buffer.from("rebuild"), { priority: 10 });
 * await queue.put(Buffer.from("repair"), { priority: 1 });
 * const { data } = await queue.take(); // "repair"
 * await queue.close();
 */
export class PriorityQueue {
  private readonly path: string;
  private readonly items: QueueItems;

  constructor(client: ZooKeeperClient, path: string) {
    this.path = path;
    this.items = new QueueItems(client, path, orderOf, { overtaking: true });
  }

  /** `priority` is a whole number from 0 to PRIORITY_MAX. Resolves as `FifoQueue.put` does. */
  async put(data: Uint8Array | null, options: { readonly priority: number }): Promise<void> {
    const { priority } = options;
    const valid = Number.isInteger(priority) && priority >= 0 && priority <= PRIORITY_MAX;
    requireArgument(valid, "queue", this.path, `${priority} is no priority from 0 to ${PRIORITY_MAX}`);
    await this.items.put(`item-${String(priority).padStart(PRIORITY_DIGITS, "0")}-`, data);
  }

  /** Waits for an item; see `FifoQueue.take`. */
  async take(options: AcquireOptions = {}): Promise<PriorityItem> {
    return withPriority(await this.items.take(options));
  }

  /** As `take`; undefined where the queue is empty. */
  async poll(): Promise<PriorityItem | undefined> {
    const item = await this.items.poll();
    return item === undefined ? undefined : withPriority(item);
  }

  /** How many items there are, as this client's server knows it. */
  async length(): Promise<number> {
    return await this.items.length();
  }

  /** Removes what this object keeps in the service for its puts and takes; more of them may come after it. */
  async close(): Promise<void> {
    await this.items.close();
  }
}

function withPriority(item: QueueItem): PriorityItem {
  const order = orderOf(item.path.slice(item.path.lastIndexOf("/") + 1));
  assert(order, `an item's name tells its priority: ${item.path}`);
  return { ...item, priority: order.priority };
}
