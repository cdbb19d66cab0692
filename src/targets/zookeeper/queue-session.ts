import type { ZooKeeperClient } from "../../client/client.js";
import { FifoQueue } from "../../client/recipes/fifo-queue.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import type { QueueSession } from "../driver.js";

export class ZooKeeperQueueSession implements QueueSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  private readonly queue: FifoQueue;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.root = root;
    this.queue = new FifoQueue(client, `${root}/queue`);
  }

  async enqueue(data: Uint8Array): Promise<void> {
    await this.queue.put(data);
  }

  async dequeue(signal: AbortSignal): Promise<Buffer | null> {
    return (await this.queue.take({ signal })).data;
  }

  async isEmpty(): Promise<boolean> {
    await overConnectionLoss(this.client, () => this.client.sync(this.root));
    return (await this.queue.length()) === 0;
  }

  async close(): Promise<void> {
    // Without a connection this would wait for one; what it would remove does no harm.
    if (this.client.connected) await this.queue.close();
    await this.client.close();
  }
}
