import type { ZooKeeperClient } from "../../client/client.js";
import { isZooKeeperError } from "../../client/errors.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import type { SessionOptions, WatchSession } from "../driver.js";
import { changeValues } from "./change-values.js";
import { flushEvents } from "./flush-events.js";
import { keyPath } from "./keys.js";

export class ZooKeeperWatchSession implements WatchSession {
  protected readonly client: ZooKeeperClient;
  private readonly root: string;
  private readonly value: Buffer;

  constructor(client: ZooKeeperClient, { root, valueBytes = 0 }: Pick<SessionOptions, "root" | "valueBytes">) {
    this.client = client;
    this.root = root;
    this.value = Buffer.alloc(valueBytes, "b");
  }

  /**
   * A one-shot watch brings no value, and before 3.9 no zxid: a watcher knows the change when it has read the node, which
   * arms the next watch too. So that is when it is told here, whatever the server. Changes in between are reported
   * as one, by the last of them.
   */
  async watch(key: number, onChange: (order: number) => void): Promise<void> {
    const path = keyPath(this.root, key);
    const arm = (): Promise<number> =>
      overConnectionLoss(this.client, async () => (await this.client.getData(path, changed)).stat.mzxid);
    let seen = 0;
    const notify = async (): Promise<void> => {
      try {
        const order = await arm();
        if (order <= seen) return;
        seen = order;
        onChange(order);
      } catch (error) {
        // The node was removed, or the session is over: there is nothing more to watch.
        if (!isZooKeeperError(error, "NONODE", "SESSIONEXPIRED")) throw error;
      }
    };
    // Not returned as a promise: the watches of other keys do not wait for this read.
    const changed = (): void => void notify();
    seen = await arm();
  }

  async change(key: number, count = 1): Promise<number> {
    return await changeValues(this.client, this.root, key, count, this.value);
  }

  async flush(): Promise<void> {
    await flushEvents(this.client);
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
