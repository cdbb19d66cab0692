import type { Recipe } from "../../../targets/driver.js";

/**
 * Who changes what and who watches it. Values are changed in groups of `groupSize`, each group in one transaction; group g
 * holds the values from g * groupSize on, and is changed by changer g modulo their number.
 */
export interface WatchPlan {
  readonly recipe: Extract<Recipe, "watch" | "configuration">;
  readonly operations: WatchOperations;
  readonly checks: { readonly order: string; readonly delivery: string };
  /** What a connection that watches is called: "watcher". */
  readonly watcher: string;
  /** Connections that watch: those of the profile. */
  readonly watchers: number;
  /** Further connections, numbered after the watchers. */
  readonly changers: number;
  readonly groups: number;
  readonly groupSize: number;
  /** What connection `watcher` watches, each group once. */
  groupsOf(watcher: number): readonly number[];
  /** How often a change of the group is told, over all connections. */
  tellingsOf(group: number): number;
}

/** What is recorded of a change, by the names of operations. All but the first count from its start. */
export interface WatchOperations {
  /** Until the write is acknowledged. */
  readonly change: string;
  /** Until one is told. */
  readonly each: string;
  readonly first?: string;
  readonly median?: string;
  readonly last: string;
}

/** The names of operations, in the order in which they are reported. */
export function operationsOf({ change, first, median, each, last }: WatchOperations): string[] {
  return [change, first, median, each, last].filter((name) => name !== undefined);
}
