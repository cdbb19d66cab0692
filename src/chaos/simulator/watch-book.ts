import type { Zxid } from "../../base/zxid.js";
import { EVENT_TYPE } from "../../jute/opcodes.js";
import type { TreeModel } from "./tree-model.js";
import { Violation } from "./violation.js";

export type WatchTable = "data" | "child";

interface Watch {
  readonly path: string;
  readonly table: WatchTable;
  /** As of which state of the tree it stands. */
  zxid: Zxid;
  /** Whether there was a znode to watch. */
  readonly existed: boolean;
}

/**
 * The watches that one session believes to have, and the promises about them: an event comes before any answer that
 * could show the change, it comes for a change only, and once.
 */
export class WatchBook {
  private readonly watches = new Map<string, Watch>();
  private readonly model: TreeModel;

  constructor(model: TreeModel) {
    this.model = model;
  }

  get size(): number {
    return this.watches.size;
  }

  clear(): void {
    this.watches.clear();
  }

  /** A read that was answered as of `zxid` left a watch. */
  add(table: WatchTable, path: string, zxid: Zxid): void {
    const key = `${table} ${path}`;
    if (this.watches.has(key)) return;
    const existed = table === "child" || this.model.node(path, zxid) !== undefined;
    this.watches.set(key, { path, table, zxid, existed });
  }

  /** What to ask a new server for. */
  lists(): { readonly dataWatches: string[]; readonly existWatches: string[]; readonly childWatches: string[] } {
    const all = [...this.watches.values()];
    const pathsOf = (which: (watch: Watch) => boolean): string[] => all.filter(which).map(({ path }) => path);
    return {
      dataWatches: pathsOf(({ table, existed }) => table === "data" && existed),
      existWatches: pathsOf(({ table, existed }) => table === "data" && !existed),
      childWatches: pathsOf(({ table }) => table === "child"),
    };
  }

  event(type: number, path: string): void {
    const key = `${type === EVENT_TYPE.nodeChildrenChanged ? "child" : "data"} ${path}`;
    const watch = this.watches.get(key);
    if (watch === undefined) throw new Violation(`an event of type ${type} for ${path}, which is not watched`);
    this.watches.delete(key);
    const changed = this.nextChange(watch);
    if (changed === undefined) throw new Violation(`an event of type ${type} for ${path}, which has not changed`);
  }

  /** An answer as of `zxid` arrives: every watch that a change up to there has set off must have been heard of. */
  answered(zxid: Zxid): void {
    for (const watch of this.watches.values()) {
      const changed = this.nextChange(watch);
      if (changed === undefined || changed > zxid) continue;
      const change = `${watch.path} at 0x${changed.toString(16)} (${watch.table} watch of 0x${watch.zxid.toString(16)})`;
      throw new Violation(`an answer as of 0x${zxid.toString(16)} comes before the event of the change of ${change}`);
    }
  }

  /** A new server has the watches again, as of `zxid`: what differs from then has been told. */
  restored(zxid: Zxid): void {
    for (const watch of this.watches.values()) {
      const { path, table, existed } = watch;
      const now = this.model.node(path, zxid);
      const changed =
        table === "child"
          ? (this.model.nextChildChange(watch.zxid) ?? Infinity) <= zxid
          : existed
            ? now === undefined || now.mzxid > watch.zxid
            : now !== undefined;
      if (changed) throw new Violation(`a ${table} watch of ${path} was restored without the event of a change`);
      watch.zxid = zxid;
    }
  }

  private nextChange({ table, path, zxid }: Watch): Zxid | undefined {
    return table === "child" ? this.model.nextChildChange(zxid) : this.model.nextChange(path, zxid);
  }
}
