import type { SimulationProfile } from "./simulate.js";

/** A run of consecutive seeds for one thread. */
export interface SeedBatch {
  readonly firstSeed: number;
  readonly count: number;
  /** Drawn from each seed where it is not given. */
  readonly servers: number | undefined;
  readonly profile: SimulationProfile;
}

export interface BrokenSeed {
  readonly seed: number;
  readonly violation: string;
}

/** What all simulated clients together were told. */
export interface SimulationTotals {
  /** Seeds that were simulated to their end. */
  seeds: number;
  simulatedMs: number;
  events: number;
  committed: number;
  writesAcknowledged: number;
  readsAnswered: number;
  syncsAnswered: number;
  watchEvents: number;
  reconnects: number;
  sessionsExpired: number;
}

export interface BatchReport {
  readonly totals: SimulationTotals;
  /** The first seed of the batch that broke a promise; none after it was run. */
  readonly broken: BrokenSeed | undefined;
}

export function noTotals(): SimulationTotals {
  return {
    seeds: 0,
    simulatedMs: 0,
    events: 0,
    committed: 0,
    writesAcknowledged: 0,
    readsAnswered: 0,
    syncsAnswered: 0,
    watchEvents: 0,
    reconnects: 0,
    sessionsExpired: 0,
  };
}

export function addTotals(sum: SimulationTotals, more: SimulationTotals): void {
  for (const name of Object.keys(sum) as (keyof SimulationTotals)[]) sum[name] += more[name];
}
