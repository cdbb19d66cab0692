import type { LoadReport } from "../load/load.js";
import { mergeOperations } from "../merge.js";
import { totalOf } from "../merge-records.js";
import type { Loop, Profile } from "../profile/profile.js";
import type {
  LatencySummary,
  OperationResult,
  RunResult,
  SweepCurvePoint,
  SweepOutcome,
  SweepPoint,
  SweepRecord,
  TargetSweep,
  WarningRecord,
} from "../result.js";
import {
  assemble,
  contextOf,
  endedBy,
  judged,
  type OpenRun,
  openRun,
  type Progress,
  RunAbortedError,
  type RunProfileOptions,
} from "../run-profile.js";
import { InterruptedError, type RoundOutcome, type RunContext, TargetRunner } from "../target-runner.js";
import type { Threshold } from "../thresholds.js";
import { countedOperations } from "../workloads/registry.js";
import { judgeProbe } from "./judge-probe.js";
import { objectiveText, operationShare, samplesNeeded } from "./objectives.js";
import { CONFIRMATIONS, type ProbeVerdict, RateSearch } from "./rate-search.js";

/** A slow target's probes last longer, so that they have enough operations to be judged by: at the most so many times. */
const PROBE_STRETCH_MAX = 10;
const PROBES_MAX = 80;
/** Where the search begins, of what the target did in a closed loop while it was warmed. */
const START_SHARE = 0.5;

export interface SweepOptions extends RunProfileOptions {
  readonly objectives: readonly Threshold[];
  readonly probeMicros: number;
  /** The rate found lies this share or less below the highest. */
  readonly tolerance: number;
  readonly ratePerSecondMax: number;
}

/** Warnings of a run's rounds, of which a sweep has none: its loop and its windows are its own. */
const OF_ROUNDS: ReadonlySet<WarningRecord["code"]> = new Set(["client-saturated", "not-warmed", "short-round"]);

interface ProbeRun {
  readonly point: SweepPoint;
  readonly outcome: RoundOutcome;
}

/**
 * Finds the highest open-loop rate that each target sustains. The targets are swept one after another; the result's rounds
 * are the confirmations of the rate that was found. Throws `RunAbortedError` with the partial result.
 */
export async function runSweep(options: SweepOptions): Promise<RunResult> {
  const run = await openRun(options);
  const sweeps: TargetSweep[] = [];
  const aborted = await endedBy(run, async () => {
    for (const each of run.progress) {
      const sweep = new TargetSweeper(options, run, each);
      try {
        await judged(each, () => sweep.run());
      } finally {
        sweeps.push(sweep.record());
      }
    }
  });
  const result = withSweep(options, assemble(options, run), sweeps);
  if (aborted !== undefined) throw new RunAbortedError(aborted, result);
  return result;
}

class TargetSweeper {
  private readonly options: SweepOptions;
  private readonly context: RunContext;
  private readonly progress: Progress;
  private readonly samplesNeeded: number;
  private readonly probes: ProbeRun[] = [];
  private search: RateSearch | undefined;
  private outcome: SweepOutcome = "lost";

  constructor(options: SweepOptions, run: OpenRun, progress: Progress) {
    this.options = options;
    this.context = contextOf(run.context, progress.runner.participant, run.progress.indexOf(progress));
    this.progress = progress;
    const { workload } = this.context.profile;
    this.samplesNeeded = samplesNeeded(options.objectives, (metric) => operationShare(workload, metric));
  }

  async run(): Promise<void> {
    try {
      const warmedPerSecond = await this.warmUp();
      const { probeMicros, ratePerSecondMax, tolerance } = this.options;
      const judgeable = (this.samplesNeeded / (probeMicros * PROBE_STRETCH_MAX)) * 1e6;
      this.search = new RateSearch(async (rate, purpose) => await this.probe(rate, purpose), {
        startPerSecond: warmedPerSecond * START_SHARE,
        minPerSecond: Math.min(ratePerSecondMax, judgeable),
        maxPerSecond: ratePerSecondMax,
        tolerance,
        probesMax: PROBES_MAX,
      });
      this.outcome = await this.search.run();
    } catch (error) {
      if (error instanceof InterruptedError) this.outcome = "interrupted";
      throw error;
    } finally {
      this.keepConfirmations();
    }
  }

  record(): TargetSweep {
    const confirmed = this.search?.confirmed ?? null;
    const points = this.probes.map(({ point }) => point);
    return {
      target: this.progress.runner.participant.label,
      outcome: this.outcome,
      ratePerSecond: confirmed ?? this.search?.low ?? null,
      confirmed: confirmed !== null,
      points,
      curve: this.curve(),
    };
  }

  /** In a closed loop; returns operations per second: as fast as the connections go is where the search looks around. */
  private async warmUp(): Promise<number> {
    let lastPerSecond = 0;
    const runner = this.runner({ kind: "closed" }, 0, (event) => {
      if (event.kind === "warming") lastPerSecond = event.opsPerSecond;
    });
    this.progress.warmUp = await runner.warmUp();
    return lastPerSecond;
  }

  private async probe(askedPerSecond: number, purpose: SweepPoint["purpose"]): Promise<ProbeVerdict> {
    const { objectives, probeMicros } = this.options;
    const { profile, tell } = this.context;
    const { label } = this.progress.runner.participant;
    const samplesMicros = Math.ceil((this.samplesNeeded / askedPerSecond) * 1e6);
    const durationMicros = Math.min(Math.max(probeMicros, samplesMicros), probeMicros * PROBE_STRETCH_MAX);
    const arrival = profile.loop.kind === "open" ? profile.loop.arrival : "constant";
    const number = this.probes.length + 1;
    const runner = this.runner({ kind: "open", ratePerSecond: askedPerSecond, arrival }, durationMicros, (event) => {
      if (event.kind !== "measuring") return;
      const { elapsedMicros } = event;
      tell({ kind: "probing", label, purpose, number, askedPerSecond, elapsedMicros, durationMicros });
    });
    const outcome = await runner.runRound(number);
    if (outcome.aborted !== undefined) throw outcome.aborted;
    // A window that Ctrl-C cut short judges nothing.
    if (this.context.signal.aborted) throw new InterruptedError("interrupted while probing");
    const counted = countedOperations(profile);
    const basis = { objectives, counted, errorsMax: profile.errorsMax };
    const point = judgeProbe(purpose, askedPerSecond, outcome.result, outcome.reports, basis);
    this.probes.push({ point, outcome });
    tell({ kind: "probed", label, point });
    return point;
  }

  private runner(loop: Loop, durationMicros: number, hear: RunContext["tell"]): TargetRunner {
    const { participant } = this.progress.runner;
    const profile: Profile = { ...this.context.profile, loop, durationMicros, rounds: 1 };
    const tell: RunContext["tell"] = (event) => {
      hear(event);
      if (event.kind === "warming" || event.kind === "warmed") this.context.tell(event);
    };
    return new TargetRunner({ ...this.context, profile, endOnErrors: false, tell }, participant);
  }

  /** The rounds of the result: the last confirmations of the rate that is named. Checks are of every probe. */
  private keepConfirmations(): void {
    const confirmed = this.search?.confirmed ?? null;
    const kept = this.probes
      .filter(({ point }) => point.purpose === "confirm" && point.askedPerSecond === confirmed)
      .slice(-CONFIRMATIONS);
    for (const { outcome } of this.probes) this.progress.checks.push(...outcome.checks);
    kept.forEach(({ outcome }, index) => {
      this.progress.rounds.push({ ...outcome, result: { ...outcome.result, index }, checks: [] });
    });
  }

  /** All windows of a rate together: histograms merged. */
  private curve(): SweepCurvePoint[] {
    const rates = [...new Set(this.probes.map(({ point }) => point.askedPerSecond))].sort((a, b) => a - b);
    return rates.map((askedPerSecond) => {
      const own = this.probes.filter(({ point }) => point.askedPerSecond === askedPerSecond);
      const durationMicros = own.reduce((sum, { point }) => sum + point.durationMicros, 0);
      const reports: LoadReport[] = own.flatMap(({ outcome }) => outcome.reports);
      const total = totalOf(mergeOperations(reports, durationMicros), countedOperations(this.context.profile));
      const answered = own.reduce((sum, { point }) => sum + point.achievedPerSecond * point.durationMicros, 0);
      return {
        askedPerSecond,
        achievedPerSecond: durationMicros === 0 ? 0 : answered / durationMicros,
        windows: own.length,
        windowsHeld: own.filter(({ point }) => point.held).length,
        latency: withoutHistogram(total.latency),
      };
    });
  }
}

function withoutHistogram(latency: OperationResult["latency"]): LatencySummary | null {
  if (latency === null) return null;
  const { encoded: _, ...summary } = latency;
  return summary;
}

/** Rates differ between the targets, so nothing else of theirs is compared, and thresholds were of every probe. */
function withSweep(options: SweepOptions, result: RunResult, targets: readonly TargetSweep[]): RunResult {
  const sweep: SweepRecord = {
    objectives: options.objectives.map(objectiveText),
    probeMicros: options.probeMicros,
    tolerance: options.tolerance,
    ratePerSecondMax: options.ratePerSecondMax,
    targets,
  };
  const saturated = targets
    .filter(({ outcome }) => outcome === "client-saturated")
    .map(
      ({ target }): WarningRecord => ({
        target,
        code: "client-saturated",
        message: `the load generator was the limit on ${target}, not the target: it may sustain more; add --workers, or measure from another machine`,
      }),
    );
  const warnings = result.warnings.filter(({ code }) => !OF_ROUNDS.has(code));
  return { ...result, kind: "sweep", ratios: [], thresholds: [], sweep, warnings: [...warnings, ...saturated] };
}
