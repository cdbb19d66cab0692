import type { Zxid } from "../../base/zxid.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import { type Listener, ListenerTurns } from "./listener.js";
import { Observation } from "./observation.js";

export interface Configuration {
  readonly data: Buffer | null;
  readonly version: number;
  /** Of the change that made it: grows also where the node was removed and made again, which `version` does not. */
  readonly mzxid: Zxid;
}

export interface ConfigurationCacheOptions {
  /** Called with what is there at first, then with every change, in order; of changes that follow at once possibly the last. */
  readonly onChange?: Listener<Configuration | null>;
}

/**
 * The data of one node, kept current by a watch, for reading without a request. It never goes back to an older value.
 * While the client is disconnected it keeps the last one; after that, also in the session a client renews, it is read again.
 *
 * @example
 * const cache = new ConfigurationCache(client, "/config/limits", { onChange: (value) => apply(value) });
 * await cache.start();
 * const limits = JSON.parse(String(cache.current?.data));
 * await cache.stop();
 */
export class ConfigurationCache {
  private readonly client: ZooKeeperClient;
  private readonly path: string;
  private readonly observation: Observation;
  private readonly turns: ListenerTurns<Configuration | null>;
  private known: Configuration | null | undefined;

  constructor(client: ZooKeeperClient, path: string, options: ConfigurationCacheOptions = {}) {
    this.client = client;
    this.path = path;
    this.turns = new ListenerTurns(client, options.onChange ?? (() => undefined));
    this.observation = new Observation({ client, path, mode: "persistent", refresh: () => this.refresh() });
  }

  /** Null where the node is missing, and before `start`. */
  get current(): Configuration | null {
    return this.known ?? null;
  }

  /** Aborted once it is kept current no more: stopped, or the session over for good. */
  get ended(): AbortSignal {
    return this.observation.ended;
  }

  /** Resolves once the value has been read. A cache is started once. */
  async start(): Promise<void> {
    await this.observation.start();
  }

  /** No callback begins after it. */
  async stop(): Promise<void> {
    this.turns.stop();
    await this.observation.stop();
  }

  private async refresh(): Promise<void> {
    const now = await this.read();
    if (this.known !== undefined && now?.mzxid === this.known?.mzxid) return;
    this.known = now;
    this.turns.tell(now);
  }

  private async read(): Promise<Configuration | null> {
    try {
      const { data, stat } = await this.client.getData(this.path);
      return { data, version: stat.version, mzxid: stat.mzxid };
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return null;
      throw error;
    }
  }
}
