import type { Stat } from "../../jute/records.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import { joinPath } from "../paths.js";
import { type Changes, Observation } from "./observation.js";

export interface CachedNode {
  readonly data: Buffer | null;
  readonly stat: Stat;
}

/**
 * The children of `path` with their data, kept current by one recursive watch: after a change only the nodes that
 * changed are read. Where `path` is missing it has no children, and is looked out for.
 */
export class ChildrenCache {
  readonly nodes = new Map<string, CachedNode>();
  private readonly client: ZooKeeperClient;
  private readonly path: string;
  private readonly observation: Observation;
  /** Gets the names of children that have come, changed or gone; called also where the first reading found none. */
  private readonly onChange: (names: ReadonlySet<string>) => void;
  private filled = false;

  constructor(client: ZooKeeperClient, path: string, onChange: (names: ReadonlySet<string>) => void) {
    this.client = client;
    this.path = path;
    this.onChange = onChange;
    this.observation = new Observation({
      client,
      path,
      mode: "persistentRecursive",
      refresh: (changes) => this.refresh(changes),
    });
  }

  get ended(): AbortSignal {
    return this.observation.ended;
  }

  /** Resolves once the cache is filled, and `onChange` was called for that. */
  async start(): Promise<void> {
    await this.observation.start();
  }

  async stop(): Promise<void> {
    await this.observation.stop();
  }

  private async refresh(changes: Changes): Promise<void> {
    const names = changes === "everything" ? await this.allNames() : this.namesOf(changes);
    const read = await Promise.all([...names].map(async (name) => [name, await this.read(name)] as const));
    const changed = new Set<string>();
    for (const [name, node] of read) {
      if (this.put(name, node)) changed.add(name);
    }
    if (changed.size === 0 && this.filled) return;
    this.filled = true;
    this.onChange(changed);
  }

  private put(name: string, node: CachedNode | undefined): boolean {
    const known = this.nodes.get(name);
    if (node === undefined) return this.nodes.delete(name);
    if (known?.stat.mzxid === node.stat.mzxid) return false;
    this.nodes.set(name, node);
    return true;
  }

  /** Those that are there, and those that were. */
  private async allNames(): Promise<Set<string>> {
    const names = new Set(this.nodes.keys());
    try {
      for (const name of (await this.client.getChildren(this.path)).children) names.add(name);
    } catch (error) {
      if (!isZooKeeperError(error, "NONODE")) throw error;
    }
    return names;
  }

  private namesOf(paths: ReadonlySet<string>): Set<string> {
    const names = new Set<string>();
    const prefix = joinPath(this.path, "");
    for (const path of paths) {
      if (path.startsWith(prefix) && !path.includes("/", prefix.length)) names.add(path.slice(prefix.length));
    }
    return names;
  }

  private async read(name: string): Promise<CachedNode | undefined> {
    try {
      return await this.client.getData(joinPath(this.path, name));
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return undefined;
      throw error;
    }
  }
}
