import { randomUUID } from "node:crypto";
import type { ZooKeeperClient } from "../client.js";
import { joinPath } from "../paths.js";
import { ChildrenCache } from "./children-cache.js";
import { LeastLoaded } from "./least-loaded.js";
import { type Listener, ListenerTurns } from "./listener.js";
import { Presence } from "./presence.js";

/** What a provider says of itself; kept as JSON. */
export interface ProviderDescription {
  /** Where it is reached: "10.0.0.7:8080". */
  readonly address: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** In whatever unit the providers of a service agree on: requests under way, for one. 0 where left out. */
  readonly load?: number;
}

export interface Provider extends Required<ProviderDescription> {
  readonly id: string;
}

export interface Registration {
  readonly id: string;
  readonly path: string;
  /** Aborted once the provider is registered no more for good: unregistered, or the session over and not renewed. */
  readonly ended: AbortSignal;
  /** What is left out stays as it is. */
  update(description: Partial<ProviderDescription>): Promise<void>;
  unregister(): Promise<void>;
}

export interface DiscoveryOptions {
  /** Called with the providers there are, then with all of them after every change, in order. */
  readonly onChange?: Listener<readonly Provider[]>;
  /** What a choice adds to the load of a provider here, until it reports its load again. Default 1. */
  readonly loadPerChoice?: number;
}

export interface Discovery {
  /** As last read, in no particular order. */
  readonly providers: readonly Provider[];
  /** Aborted once the cache is kept current no more: stopped, or the session over for good. */
  readonly ended: AbortSignal;
  /**
   * The provider with the least load, of those with the same the one not chosen for the longest; undefined where there is
   * none. It asks the cache only and takes O(log n), so it is fit for every single request.
   */
  pick(): Provider | undefined;
  stop(): Promise<void>;
}

/**
 * Providers of a service are ephemeral nodes in `path`/<service>; consumers keep a cache of them that a watch keeps
 * current, and choose from that. A client that renews its session registers its providers again by itself. While
 * disconnected a consumer goes on with the providers it knows. What is no description of a provider is left out.
 *
 * @example
 * const registry = new ServiceRegistry(client, "/services");
 * const registration = await registry.register("mail", { address: "10.0.0.7:25", load: 0 });
 * const discovery = await registry.discover("mail");
 * const provider = discovery.pick();
 * await discovery.stop();
 * await registration.unregister();
 */
export class ServiceRegistry {
  private readonly client: ZooKeeperClient;
  private readonly path: string;

  constructor(client: ZooKeeperClient, path: string) {
    this.client = client;
    this.path = path;
  }

  /** Resolves once consumers can see the provider. */
  async register(service: string, description: ProviderDescription): Promise<Registration> {
    const id = randomUUID();
    let current = description;
    const presence = new Presence(this.client, joinPath(joinPath(this.path, service), id), encode(current));
    await presence.begin();
    return {
      id,
      path: presence.path,
      ended: presence.ended,
      update: async (changed) => {
        current = { ...current, ...changed };
        await presence.update(encode(current));
      },
      unregister: () => presence.withdraw(),
    };
  }

  /** Resolves once the cache is filled. Goes on over lost connections, and in the session a client renews. */
  async discover(service: string, options: DiscoveryOptions = {}): Promise<Discovery> {
    const { onChange, loadPerChoice = 1 } = options;
    const turns = onChange === undefined ? undefined : new ListenerTurns(this.client, onChange);
    const byLoad = new LeastLoaded<Provider>();
    const providers = new Map<string, Provider>();
    const cache = new ChildrenCache(this.client, joinPath(this.path, service), (ids) => {
      for (const id of ids) {
        const provider = decode(id, cache.nodes.get(id)?.data);
        if (provider === undefined) {
          providers.delete(id);
          byLoad.delete(id);
        } else {
          providers.set(id, provider);
          byLoad.set(id, provider, provider.load);
        }
      }
      turns?.tell([...providers.values()]);
    });
    await cache.start();
    return {
      get providers() {
        return [...providers.values()];
      },
      ended: cache.ended,
      pick: () => byLoad.choose(loadPerChoice),
      stop: async () => {
        turns?.stop();
        await cache.stop();
      },
    };
  }
}

function encode({ address, metadata = {}, load = 0 }: ProviderDescription): Buffer {
  return Buffer.from(JSON.stringify({ address, metadata, load }));
}

function decode(id: string, data: Buffer | null | undefined): Provider | undefined {
  if (data === null || data === undefined) return undefined;
  try {
    const { address, metadata, load } = JSON.parse(data.toString()) as Partial<Record<keyof Provider, unknown>>;
    if (typeof address !== "string" || typeof load !== "number" || !isRecord(metadata)) return undefined;
    return { id, address, metadata, load };
  } catch (error) {
    // SyntaxError for no JSON, TypeError for "null".
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === "object" && value !== null && Object.values(value).every((each) => typeof each === "string");
}
