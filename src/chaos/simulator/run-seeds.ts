import { Piscina } from "piscina";
import {
  addTotals,
  type BatchReport,
  type BrokenSeed,
  noTotals,
  type SeedBatch,
  type SimulationTotals,
} from "./seed-batch.js";
import type { SimulationProfile } from "./simulate.js";

/** Few enough that progress is seen and an interrupt is heard. */
const BATCH_SEEDS = 20;

export interface SeedRun {
  readonly firstSeed: number;
  readonly count: number;
  readonly servers: number | undefined;
  readonly profile: SimulationProfile;
  readonly threads: number;
  /** Ends the run with the batches that are under way. */
  readonly signal: AbortSignal;
  onProgress(totals: Readonly<SimulationTotals>): void;
}

export interface SeedRunResult {
  readonly totals: SimulationTotals;
  /** The lowest seed found to break a promise; the run ends with the first batch that has one. */
  readonly broken: BrokenSeed | undefined;
}

/** Simulates consecutive seeds on several threads, a batch at a time. */
export async function runSeeds({
  firstSeed,
  count,
  servers,
  profile,
  threads,
  signal,
  onProgress,
}: SeedRun): Promise<SeedRunResult> {
  const pool = new Piscina<SeedBatch, BatchReport>({
    filename: new URL("./seed-thread.js", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    atomics: "disabled",
  });
  const totals = noTotals();
  const found: BrokenSeed[] = [];
  let next = firstSeed;
  const end = firstSeed + count;
  const runOn = async (): Promise<void> => {
    while (next < end && found.length === 0 && !signal.aborted) {
      const batch = { firstSeed: next, count: Math.min(BATCH_SEEDS, end - next), servers, profile };
      next += batch.count;
      const report = await pool.run(batch);
      addTotals(totals, report.totals);
      if (report.broken !== undefined) found.push(report.broken);
      onProgress(totals);
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, runOn));
  } finally {
    await pool.destroy();
  }
  found.sort((left, right) => left.seed - right.seed);
  return { totals, broken: found[0] };
}
