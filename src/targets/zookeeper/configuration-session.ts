import type { ZooKeeperClient } from "../../client/client.js";
import { ConfigurationCache } from "../../client/recipes/configuration-cache.js";
import type { SessionOptions, WatchSession } from "../driver.js";
import { changeValues } from "./change-values.js";
import { flushEvents } from "./flush-events.js";
import { keyPath } from "./keys.js";

/** A `ConfigurationCache` for each value: a persistent watch, and a read after each event. */
export class ZooKeeperConfigurationSession implements WatchSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  private readonly value: Buffer;

  constructor(client: ZooKeeperClient, { root, valueBytes = 0 }: SessionOptions) {
    this.client = client;
    this.root = root;
    this.value = Buffer.alloc(valueBytes, "b");
  }

  async watch(key: number, onChange: (order: number) => void): Promise<void> {
    let first = true;
    const cache = new ConfigurationCache(this.client, keyPath(this.root, key), {
      onChange: (configuration) => {
        // What was there before is no change.
        if (!first) onChange(configuration?.mzxid ?? 0);
        first = false;
      },
    });
    await cache.start();
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
