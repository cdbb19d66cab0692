import type { RandomSource } from "../../base/random.js";
import type { TargetDriver } from "../../targets/driver.js";
import type { SharedRegion } from "../../workers/load-shared.js";
import type { LoadJob } from "../load/load.js";
import type { Tally } from "../load/tally.js";

/**
 * One connection of a workload whose operations are sequences of awaited steps: a contender, a producer, a watcher. What
 * role it plays follows from its index alone, so that it is the same whatever the number of workers.
 */
export interface Actor {
  /** Opens its sessions. */
  open(): Promise<void>;
  /** Repeats its steps until `turns.over`; called once in a round. What it throws ends the run. */
  act(turns: ActorTurns): Promise<void>;
  /**
   * After every actor of this worker has acted, or was given up: what has to be looked at before the round is judged.
   * Nothing is recorded any more.
   */
  settle?(): Promise<void>;
  close(): Promise<void>;
}

/** What an actor is given. */
export interface Stage {
  readonly job: LoadJob;
  /** The connection's number over all workers, from 0. */
  readonly index: number;
  readonly driver: TargetDriver;
  /** By (seed, connection) alone. */
  readonly random: RandomSource;
  /** Shared by all actors of all workers. */
  readonly region: SharedRegion;
  /** The in-flight check of this name, one for all actors of this worker. */
  tally(name: string): Tally;
}

/** An operation that has begun. */
export interface Attempt {
  readonly operation: string;
  /** Of the monotonic clock. */
  readonly startedMicros: number;
}

/** One actor's part of one round. After the round was given up every call is without effect. */
export interface ActorTurns {
  /** No further operation begins. */
  readonly over: boolean;
  /** The time for answers has run out too: what comes now belongs to nobody. */
  readonly givenUp: boolean;
  /** Until ended by one of the three calls below it is outstanding, and counts as UNANSWERED when the round is given up. */
  begin(operation: string): Attempt;
  /** Returns its latency in microseconds. */
  succeeded(attempt: Attempt): number;
  failed(attempt: Attempt, error: unknown): void;
  /** It was no operation after all: waiting for what need not come. */
  dropped(attempt: Attempt): void;
  /** Records an operation that was seen to take from `startedMicros` until `endedMicros`, by default now. */
  record(operation: string, startedMicros: number, endedMicros?: number): void;
  /** Adds to a figure of this actor (see `LoadReport.figures`), unless the round is not being recorded yet. */
  add(figure: string, amount: number): void;
  /** Resolves when what begins is recorded; at once in a warm-up. For what takes too long to be left to the lead-in. */
  leadIn(): Promise<void>;
  /** Resolves after `millis`, or when the round is over. */
  pause(millis: number): Promise<void>;
}
