import { addTotals, type BatchReport, noTotals, type SeedBatch } from "./seed-batch.js";
import { simulate } from "./simulate.js";

/** The thread side of `runSeeds`, run by piscina: one batch of seeds. */
export default function runBatch({ firstSeed, count, servers, profile }: SeedBatch): BatchReport {
  const sum = noTotals();
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const verdict = simulate(seed, { profile, ...(servers === undefined ? {} : { servers }) });
    if (verdict.violation !== undefined) return { totals: sum, broken: { seed, violation: verdict.violation } };
    const { totals } = verdict;
    addTotals(sum, {
      seeds: 1,
      simulatedMs: verdict.endedAtMs,
      events: verdict.events,
      committed: verdict.committed,
      writesAcknowledged: totals.writesAcknowledged,
      readsAnswered: totals.readsAnswered,
      syncsAnswered: totals.syncsAnswered,
      watchEvents: totals.events,
      reconnects: totals.reconnects,
      sessionsExpired: totals.sessionsExpired,
    });
  }
  return { totals: sum, broken: undefined };
}
