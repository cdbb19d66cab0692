import type { ZooKeeperClient } from "../client.js";
import type { AcquireOptions } from "./held-lock.js";
import { type ItemOrder, type QueueItem, QueueItems } from "./queue-items.js";

const PREFIX = "item-";
const NAME = /^item-(-?\d+)$/;

function orderOf(name: string): ItemOrder | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : { priority: 0, sequence: Number(match[1]) };
}

/**
 * First in, first out, for any number of producers and consumers: nobody takes an item while one that was put
 * before it is there untaken. Each item is taken by exactly one consumer, over lost connections and, where the client
 * renews its session, over expiry; see `QueueItems`. An item belongs to its taker, and is lost with one that crashes.
 *
 * A consumer works through the list of items it read last and reads it again when that is used up. Every consumer that
 * waits at an empty queue is woken by the next put, and one of them gets it.
 *
 * @example
 * const queue = new FifoQueue(client, "/queues/mail");
 * await queue.put(Buffer.from("hello"));
 * const { data } = await queue.take();
 * await queue.close();
 */
export class FifoQueue {
  private readonly items: QueueItems;

  constructor(client: ZooKeeperClient, path: string) {
    this.items = new QueueItems(client, path, orderOf, { overtaking: false });
  }

  /** Resolves once the item is in the queue, once. Throws SESSIONEXPIRED where that cannot be told any more. */
  async put(data: Uint8Array | null): Promise<void> {
    await this.items.put(PREFIX, data);
  }

  /**
   * The first item, for which it waits. The reason of `signal` is thrown only where none was taken; SESSIONEXPIRED where
   * the session is over for good, and one may have been.
   */
  async take(options: AcquireOptions = {}): Promise<QueueItem> {
    return await this.items.take(options);
  }

  /** As `take`; undefined where the queue is empty. */
  async poll(): Promise<QueueItem | undefined> {
    return await this.items.poll();
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
