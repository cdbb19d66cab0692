import type { Recipe } from "../../../targets/driver.js";

/**
 * Who comes and goes, and who keeps a list of those who are there. The observers are the connections of the profile, those
 * who come and go are numbered after them.
 */
export interface RosterPlan {
  readonly recipe: Extract<Recipe, "registry" | "membership">;
  readonly operations: RosterOperations;
  readonly checks: { readonly order: string; readonly delivery: string; readonly choice?: string };
  /** What those are called who come and go: "provider". */
  readonly comer: string;
  /** What those are called who observe: "consumer". */
  readonly observer: string;
  readonly observers: number;
  readonly comers: number;
  /** Observers are on the list themselves, and stay. */
  readonly observersEnter: boolean;
  /** Who goes ends its session, instead of leaving the list within it. */
  readonly goesWithSession: boolean;
  /** How long one is there, on average. */
  readonly lifeMicros: number;
  readonly awayMicros: number;
  /** Between two reports of a load; undefined where none is reported. */
  readonly reportMicros?: number;
  /** Choices of one observer from its list. */
  readonly lookupsPerSecond?: number;
}

/** What is recorded, by the names of operations. What is learnt counts from the start of the request behind it. */
export interface RosterOperations {
  readonly enter: string;
  readonly leave: string;
  readonly learnEntered: string;
  readonly learnLeft: string;
  /** Until the last observer knows. */
  readonly allLearntEntered: string;
  readonly allLearntLeft: string;
  readonly report?: string;
}

/** The names of operations, in the order in which they are reported. */
export function rosterOperations(operations: RosterOperations): string[] {
  const { enter, leave, report, learnEntered, learnLeft, allLearntEntered, allLearntLeft } = operations;
  const all = [enter, leave, report, learnEntered, learnLeft, allLearntEntered, allLearntLeft];
  return all.filter((name) => name !== undefined);
}
