import { EVENT_TYPE } from "../../jute/opcodes.js";
import { parentPath, ROOT_PATH } from "./paths.js";

// The watches of the connections one thread serves (upstream: WatchManager, DataTree). Two tables: "data" is filled by getData
// and exists, "child" by getChildren. An entry is a connection and a path with a set of modes; only the standard one is
// used up by an event.

/** What checkWatches and removeWatches ask for (upstream: Watcher.WatcherType). */
export const WATCHER_TYPE = { children: 1, data: 2, any: 3, persistent: 4, persistentRecursive: 5 } as const;
export type WatcherType = (typeof WATCHER_TYPE)[keyof typeof WATCHER_TYPE];

/** `type` is one of `EVENT_TYPE`, `path` that of the node that changed, or whose children did. */
export type EmitEvent<Connection> = (connection: Connection, type: number, path: string) => void;

const MODE_BITS = { standard: 1, persistent: 2, persistentRecursive: 4 } as const;
const ANY_MODE = 7;

class WatchTable<Connection> {
  private readonly modesByPath = new Map<string, Map<Connection, number>>();
  private readonly pathsByConnection = new Map<Connection, Set<string>>();
  /** Pairs of connection and path. */
  private entries = 0;
  /** Entries with the recursive mode; while there are none, ancestors need not be looked at. */
  private recursiveEntries = 0;

  get size(): number {
    return this.entries;
  }

  get pathCount(): number {
    return this.modesByPath.size;
  }

  get connectionCount(): number {
    return this.pathsByConnection.size;
  }

  get byPath(): ReadonlyMap<string, ReadonlyMap<Connection, number>> {
    return this.modesByPath;
  }

  get byConnection(): ReadonlyMap<Connection, ReadonlySet<string>> {
    return this.pathsByConnection;
  }

  modes(connection: Connection, path: string): number {
    return this.modesByPath.get(path)?.get(connection) ?? 0;
  }

  add(connection: Connection, path: string, mode: number): void {
    const before = this.modes(connection, path);
    this.setModes(connection, path, before, before | mode);
  }

  /** False if the connection had none of these modes on the path. */
  remove(connection: Connection, path: string, modes: number): boolean {
    const before = this.modes(connection, path);
    this.setModes(connection, path, before, before & ~modes);
    return (before & modes) !== 0;
  }

  removeConnection(connection: Connection): void {
    const paths = this.pathsByConnection.get(connection);
    if (paths === undefined) return;
    for (const path of paths) this.setModes(connection, path, this.modes(connection, path), 0);
  }

  private setModes(connection: Connection, path: string, before: number, after: number): void {
    if (before === after) return;
    const recursive = MODE_BITS.persistentRecursive;
    this.recursiveEntries += Number((after & recursive) !== 0) - Number((before & recursive) !== 0);
    let connections = this.modesByPath.get(path);
    if (after !== 0) {
      if (connections === undefined) {
        connections = new Map();
        this.modesByPath.set(path, connections);
      }
      connections.set(connection, after);
      if (before !== 0) return;
      this.entries++;
      const paths = this.pathsByConnection.get(connection);
      if (paths === undefined) this.pathsByConnection.set(connection, new Set([path]));
      else paths.add(path);
      return;
    }
    this.entries--;
    connections?.delete(connection);
    if (connections?.size === 0) this.modesByPath.delete(path);
    const paths = this.pathsByConnection.get(connection);
    paths?.delete(path);
    if (paths?.size === 0) this.pathsByConnection.delete(connection);
  }

  /**
   * Emits one event to each connection that watches the path, or an ancestor of it recursively, but not to those in
   * `skipped`, whose standard watches are used up all the same. Returns the connections it found, if any.
   */
  trigger(
    path: string,
    type: number,
    emit: EmitEvent<Connection>,
    skipped: ReadonlySet<Connection> | undefined,
  ): ReadonlySet<Connection> | undefined {
    if (this.entries === 0) return undefined;
    const watching = this.modesByPath.get(path);
    if (watching === undefined && this.recursiveEntries === 0) return undefined;
    const found = new Set<Connection>();
    if (watching !== undefined) {
      for (const [connection, modes] of watching) {
        found.add(connection);
        this.setModes(connection, path, modes, modes & ~MODE_BITS.standard);
      }
    }
    if (this.recursiveEntries > 0) this.findRecursive(path, found);
    for (const connection of found) {
      if (!skipped?.has(connection)) emit(connection, type, path);
    }
    return found.size === 0 ? undefined : found;
  }

  private findRecursive(path: string, found: Set<Connection>): void {
    for (let ancestor = path; ancestor !== ROOT_PATH; ) {
      ancestor = parentPath(ancestor);
      const watching = this.modesByPath.get(ancestor);
      if (watching === undefined) continue;
      for (const [connection, modes] of watching) {
        if ((modes & MODE_BITS.persistentRecursive) !== 0) found.add(connection);
      }
    }
  }
}

/** What `wchs` prints: of the data table only, as upstream. */
export interface WatchSummary {
  readonly connections: number;
  readonly paths: number;
  readonly watches: number;
}

/**
 * `Connection` is whatever the caller knows a connection by; it is only compared. Paths are as clients write them, the root
 * is `/`. Events are emitted within the call, in upstream's order; a change of a path that nobody watches makes no object.
 */
export class WatchTables<Connection> {
  private readonly data = new WatchTable<Connection>();
  private readonly child = new WatchTable<Connection>();

  /** The watch of a getData or an exists. */
  addData(connection: Connection, path: string): void {
    this.data.add(connection, path, MODE_BITS.standard);
  }

  /** The watch of a getChildren. */
  addChild(connection: Connection, path: string): void {
    this.child.add(connection, path, MODE_BITS.standard);
  }

  /** An addWatch. A recursive watch never tells of changed children, so it stands in the data table alone. */
  add(connection: Connection, path: string, mode: "persistent" | "persistentRecursive"): void {
    this.data.add(connection, path, MODE_BITS[mode]);
    if (mode === "persistent") this.child.add(connection, path, MODE_BITS[mode]);
  }

  nodeCreated(path: string, emit: EmitEvent<Connection>): void {
    this.data.trigger(path, EVENT_TYPE.nodeCreated, emit, undefined);
    this.childrenChanged(path, emit);
  }

  /** Who hears of the deletion from the data table does not hear of it again from the child table. */
  nodeDeleted(path: string, emit: EmitEvent<Connection>): void {
    const told = this.data.trigger(path, EVENT_TYPE.nodeDeleted, emit, undefined);
    this.child.trigger(path, EVENT_TYPE.nodeDeleted, emit, told);
    this.childrenChanged(path, emit);
  }

  nodeDataChanged(path: string, emit: EmitEvent<Connection>): void {
    this.data.trigger(path, EVENT_TYPE.nodeDataChanged, emit, undefined);
  }

  private childrenChanged(path: string, emit: EmitEvent<Connection>): void {
    if (this.child.size === 0) return;
    this.child.trigger(parentPath(path), EVENT_TYPE.nodeChildrenChanged, emit, undefined);
  }

  removeConnection(connection: Connection): void {
    this.data.removeConnection(connection);
    this.child.removeConnection(connection);
  }

  /** False if there is no such watch (NOWATCHER). */
  check(connection: Connection, path: string, type: WatcherType): boolean {
    const data = this.data.modes(connection, path);
    const child = this.child.modes(connection, path);
    switch (type) {
      case WATCHER_TYPE.children:
        return (child & MODE_BITS.standard) !== 0;
      case WATCHER_TYPE.data:
        return (data & MODE_BITS.standard) !== 0;
      case WATCHER_TYPE.persistent:
        return (data & MODE_BITS.persistent) !== 0;
      case WATCHER_TYPE.persistentRecursive:
        return (data & MODE_BITS.persistentRecursive) !== 0;
      case WATCHER_TYPE.any:
        return (data | child) !== 0;
    }
  }

  /** False if there was no such watch (NOWATCHER). */
  remove(connection: Connection, path: string, type: WatcherType): boolean {
    switch (type) {
      case WATCHER_TYPE.children:
        return this.child.remove(connection, path, MODE_BITS.standard);
      case WATCHER_TYPE.data:
        return this.data.remove(connection, path, MODE_BITS.standard);
      case WATCHER_TYPE.persistentRecursive:
        return this.data.remove(connection, path, MODE_BITS.persistentRecursive);
      case WATCHER_TYPE.persistent:
      case WATCHER_TYPE.any: {
        const modes = type === WATCHER_TYPE.any ? ANY_MODE : MODE_BITS.persistent;
        const removedData = this.data.remove(connection, path, modes);
        return this.child.remove(connection, path, modes) || removedData;
      }
    }
  }

  /** `watch_count`: the entries of both tables. */
  get count(): number {
    return this.data.size + this.child.size;
  }

  get summary(): WatchSummary {
    return { connections: this.data.connectionCount, paths: this.data.pathCount, watches: this.data.size };
  }

  /** For `wchp`: data table only, as upstream. */
  *byPath(): Generator<[path: string, connections: Iterable<Connection>]> {
    for (const [path, connections] of this.data.byPath) yield [path, connections.keys()];
  }

  /** For `wchc`: data table only, as upstream. */
  *byConnection(): Generator<[connection: Connection, paths: Iterable<string>]> {
    yield* this.data.byConnection;
  }
}
