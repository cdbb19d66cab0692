import type { Zxid } from "../base/zxid.js";
import { type EventType, OP } from "../jute/opcodes.js";
import { SetWatches, SetWatches2 } from "../jute/records.js";
import { parentOf } from "./paths.js";
import type { Encoder } from "./session.js";

export interface WatchEvent {
  readonly type: Exclude<EventType, "none">;
  readonly path: string;
  /** Of the change, where the server tells it (since 3.9, and not for what was missed while disconnected); else 0. */
  readonly zxid: Zxid;
}

/** Called once per event, one call after the other; a returned promise is waited for before the next call. */
export type Watcher = (event: WatchEvent) => void | Promise<void>;

export type WatchTable = "data" | "exist" | "child" | "persistent" | "persistentRecursive";

/** The types of removeWatches; the two persistent ones need a server of 3.9. */
export type WatcherKind = "children" | "data" | "any" | "persistent" | "persistentRecursive";

const TABLES_OF_KIND: Readonly<Record<WatcherKind, readonly WatchTable[]>> = {
  children: ["child"],
  data: ["data", "exist"],
  any: ["data", "exist", "child", "persistent", "persistentRecursive"],
  persistent: ["persistent"],
  persistentRecursive: ["persistentRecursive"],
};

/** One-shot watches an event uses up. A watch set by `exists` on a missing node stands in `exist`. */
const USED_UP: Readonly<Record<WatchEvent["type"], readonly WatchTable[]>> = {
  nodeCreated: ["data", "exist"],
  nodeDataChanged: ["data", "exist"],
  nodeDeleted: ["data", "exist", "child"],
  nodeChildrenChanged: ["child"],
};

/** The watches of a client, by the paths the server knows. */
export class WatchRegistry {
  private readonly tables: Readonly<Record<WatchTable, Map<string, Set<Watcher>>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    persistentRecursive: new Map(),
  };
  /** Requests under way that will add a watcher, by path. */
  private readonly begun = new Map<string, number>();

  begin(path: string): void {
    this.begun.set(path, (this.begun.get(path) ?? 0) + 1);
  }

  finish(path: string): void {
    const left = (this.begun.get(path) ?? 0) - 1;
    if (left > 0) this.begun.set(path, left);
    else this.begun.delete(path);
  }

  add(table: WatchTable, path: string, watcher: Watcher): void {
    const watchers = this.tables[table].get(path);
    if (watchers === undefined) this.tables[table].set(path, new Set([watcher]));
    else watchers.add(watcher);
  }

  /** The watchers of an event, each once, in the order they were added; one-shot watches are used up. */
  take(type: WatchEvent["type"], path: string): Watcher[] {
    const taken = new Set<Watcher>();
    for (const name of USED_UP[type]) {
      for (const watcher of this.tables[name].get(path) ?? []) taken.add(watcher);
      this.tables[name].delete(path);
    }
    for (const watcher of this.tables.persistent.get(path) ?? []) taken.add(watcher);
    if (type !== "nodeChildrenChanged" && this.tables.persistentRecursive.size > 0) {
      for (let at = path; ; at = parentOf(at)) {
        for (const watcher of this.tables.persistentRecursive.get(at) ?? []) taken.add(watcher);
        if (at === "/") break;
      }
    }
    return [...taken];
  }

  has(kind: WatcherKind, path: string, watcher?: Watcher): boolean {
    return TABLES_OF_KIND[kind].some((name) => {
      const watchers = this.tables[name].get(path);
      return watchers !== undefined && (watcher === undefined || watchers.has(watcher));
    });
  }

  /** True where another watcher of this kind is left on the path without `watcher`, or one of any kind is on its way. */
  hasOther(kind: WatcherKind, path: string, watcher: Watcher): boolean {
    if (this.begun.has(path)) return true;
    return TABLES_OF_KIND[kind].some((name) => {
      const watchers = this.tables[name].get(path);
      return watchers !== undefined && watchers.size > (watchers.has(watcher) ? 1 : 0);
    });
  }

  remove(kind: WatcherKind, path: string, watcher?: Watcher): void {
    for (const name of TABLES_OF_KIND[kind]) {
      const watchers = this.tables[name].get(path);
      if (watchers === undefined) continue;
      if (watcher === undefined) watchers.clear();
      else watchers.delete(watcher);
      if (watchers.size === 0) this.tables[name].delete(path);
    }
  }

  get size(): number {
    return Object.values(this.tables).reduce((sum, table) => sum + table.size, 0);
  }

  clear(): void {
    for (const table of Object.values(this.tables)) table.clear();
  }

  /** What a new connection sends so that nothing since `relativeZxid` is missed, in packets of bounded size. */
  setWatches(relativeZxid: Zxid, pathBytesMax: number): SetWatchesPacket[] {
    const packets: Mutable<SetWatchesPacket["value"]>[] = [];
    let room = 0;
    for (const [table, field] of FIELDS) {
      for (const path of this.tables[table].keys()) {
        const bytes = 4 + Buffer.byteLength(path);
        if (packets.length === 0 || bytes > room) {
          packets.push(emptyPacket(relativeZxid));
          room = pathBytesMax;
        }
        (packets.at(-1) as Mutable<SetWatchesPacket["value"]>)[field].push(path);
        room -= bytes;
      }
    }
    return packets.map((value) =>
      value.persistentWatches.length + value.persistentRecursiveWatches.length === 0
        ? { type: OP.setWatches, codec: SetWatches, value }
        : { type: OP.setWatches2, codec: SetWatches2, value },
    );
  }
}

interface SetWatchesValue {
  readonly relativeZxid: Zxid;
  readonly dataWatches: readonly string[];
  readonly existWatches: readonly string[];
  readonly childWatches: readonly string[];
  readonly persistentWatches: readonly string[];
  readonly persistentRecursiveWatches: readonly string[];
}

/** setWatches where it says enough, since servers before 3.6 know no setWatches2. */
export interface SetWatchesPacket {
  readonly type: typeof OP.setWatches | typeof OP.setWatches2;
  readonly codec: Encoder<SetWatchesValue>;
  readonly value: SetWatchesValue;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly string[] ? string[] : T[K] };

const FIELDS = [
  ["data", "dataWatches"],
  ["exist", "existWatches"],
  ["child", "childWatches"],
  ["persistent", "persistentWatches"],
  ["persistentRecursive", "persistentRecursiveWatches"],
] as const satisfies readonly (readonly [WatchTable, keyof SetWatchesValue])[];

function emptyPacket(relativeZxid: Zxid): Mutable<SetWatchesValue> {
  return {
    relativeZxid,
    dataWatches: [],
    existWatches: [],
    childWatches: [],
    persistentWatches: [],
    persistentRecursiveWatches: [],
  };
}
