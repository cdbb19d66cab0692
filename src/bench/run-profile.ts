import { randomBytes } from "node:crypto";
import { UserError } from "../base/user-error.js";
import { packageVersion } from "../targets/core/package-root.js";
import { calibrate } from "./calibration.js";
import { describeEnvironment } from "./environment.js";
import type { RunEvent } from "./events.js";
import { HISTOGRAM_PRECISION } from "./histogram.js";
import { nowMicros } from "./load/clock.js";
import type { CheckTally, LoadReport } from "./load/load.js";
import { LoadPool } from "./load/load-pool.js";
import { mergeChecks, mergeOperations } from "./merge.js";
import { errorCount, totalOf } from "./merge-records.js";
import type { Participant } from "./participant.js";
import { hasErrorThreshold, percent } from "./profile/error-allowance.js";
import { roundTooShortFor } from "./profile/problems.js";
import type { LoadedProfile, Profile } from "./profile/profile.js";
import { compareTargets, SAMPLES_MIN } from "./ratios.js";
import type {
  CalibrationRecord,
  CheckRecord,
  MetricRecord,
  OperationResult,
  RunResult,
  TargetResult,
  ThresholdRecord,
  WarningRecord,
} from "./result.js";
import {
  InterruptedError,
  isInconsistency,
  type RoundOutcome,
  type RunContext,
  TargetRunner,
} from "./target-runner.js";
import { evaluateThreshold } from "./thresholds.js";
import { countedOperations, kindOf } from "./workloads/registry.js";

/** A send lag beyond this distorts an open loop's latencies. */
const SEND_LAG_P99_MICROS_MAX = 1_000;

export interface RunProfileOptions {
  readonly profile: LoadedProfile;
  /** In the order they take turns; ratios have the earlier one as numerator. The caller starts and stops them. */
  readonly participants: readonly Participant[];
  /** Threads that make load. */
  readonly workers: number;
  /** Where the targets keep their logs, to measure that disk; the default is the system's folder for such. */
  readonly scratchParent?: string | undefined;
  /** What a round made is removed from managed ensembles too: they serve other runs after this one. */
  readonly leaveNothing?: boolean | undefined;
  /** Aborted by Ctrl-C: the round ends early, and what was measured is the result. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
}

/** A target went away in the middle of a run, or failed more than the run can pass with. `partial` is what had been measured. */
export class RunAbortedError extends UserError {
  readonly partial: RunResult;

  constructor(cause: UserError, partial: RunResult) {
    super(cause.kind);
    this.message = cause.message;
    this.cause = cause;
    this.partial = partial;
  }
}

/** One target's part of a run. */
export interface Progress {
  readonly runner: TargetRunner;
  warmUp: TargetResult["warmUp"];
  readonly rounds: RoundOutcome[];
  /** Checks of what was measured beside the rounds, judged as one window: a probe alone is too short for what is rare. */
  readonly checks: CheckTally[];
  /** What a client found that ended the run: a promise of the protocol that a server of this target broke. */
  broken: CheckRecord | undefined;
}

/** A run that has begun: its load workers and what its result is made of. */
export interface OpenRun {
  readonly context: RunContext;
  readonly progress: readonly Progress[];
  readonly startedAt: Date;
  readonly calibration: CalibrationRecord;
}

/** Runs a profile on targets that are running already. Throws `RunAbortedError`. */
export async function runProfile(options: RunProfileOptions): Promise<RunResult> {
  const run = await openRun(options);
  const aborted = await endedBy(run, () => takeTurns(run.context, run.progress));
  const result = assemble(options, run);
  if (aborted !== undefined) throw new RunAbortedError(aborted, result);
  return result;
}

export async function openRun(options: RunProfileOptions): Promise<OpenRun> {
  const tell = options.onEvent ?? (() => undefined);
  const startedAt = new Date();
  const runStartMicros = nowMicros();
  tell({ kind: "calibrating" });
  const calibration = await calibrate(options.scratchParent);
  const context: RunContext = {
    profile: options.profile.profile,
    participants: options.participants,
    pool: new LoadPool(options.workers),
    rootPrefix: `/zabench/${startedAt.getTime().toString(36)}${randomBytes(3).toString("hex")}`,
    runStartMicros,
    endOnErrors: true,
    leaveNothing: options.leaveNothing ?? false,
    signal: options.signal ?? new AbortController().signal,
    tell,
  };
  const progress = options.participants.map(
    (participant, index): Progress => ({
      runner: new TargetRunner(contextOf(context, participant, index), participant),
      warmUp: { steady: false, durationMicros: 0 },
      rounds: [],
      checks: [],
      broken: undefined,
    }),
  );
  return { context, progress, startedAt, calibration };
}

/** One participant's: its variant's profile, and a root of its own, since variants may share an ensemble. */
export function contextOf(context: RunContext, { variant }: Participant, index: number): RunContext {
  return { ...context, rootPrefix: `${context.rootPrefix}-${index}`, profile: variant?.profile ?? context.profile };
}

/** Measures and ends the load workers; returns why it ended early where that was not Ctrl-C. */
export async function endedBy(run: OpenRun, measure: () => Promise<void>): Promise<UserError | undefined> {
  try {
    await measure();
  } catch (error) {
    if (error instanceof UserError) return error;
    if (!(error instanceof InterruptedError || error instanceof BrokenPromiseError)) throw error;
  } finally {
    await run.context.pool.destroy();
  }
  return undefined;
}

/** A target was found inconsistent in a way that ends the run; it is in that target's progress. */
class BrokenPromiseError extends Error {
  override readonly name = "BrokenPromiseError";
}

/** All are warmed first; then rounds A B C A B C, so that what drifts on the machine falls on all alike. */
async function takeTurns(context: RunContext, progress: readonly Progress[]): Promise<void> {
  for (const each of progress) each.warmUp = await judged(each, () => each.runner.warmUp());
  for (let round = 1; round <= context.profile.rounds; round++) {
    for (const each of progress) {
      const outcome = await judged(each, () => each.runner.runRound(round));
      each.rounds.push(outcome);
      if (outcome.aborted !== undefined) throw outcome.aborted;
      if (context.signal.aborted) throw new InterruptedError("interrupted between rounds");
    }
  }
}

/** A step of one target's; what a client finds broken in it is noted and ends the run. */
export async function judged<T>(progress: Progress, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isInconsistency(error)) throw error;
    progress.broken = { name: "protocol", verdict: "invalid", detail: error.message, observations: 1 };
    throw new BrokenPromiseError(error.message, { cause: error });
  }
}

export function assemble(options: RunProfileOptions, run: OpenRun): RunResult {
  const { profile, text, overrides } = options.profile;
  const own = run.progress.map(({ runner }) => runner.participant.variant?.profile ?? profile);
  const targets = run.progress.map((each, index) => targetResult(own[index] as Profile, each));
  return {
    schemaVersion: 2,
    kind: "run",
    zabenchVersion: packageVersion(),
    profile: { name: profile.name, description: profile.description, text, overrides },
    startedAt: run.startedAt.toISOString(),
    durationMicros: Math.round(nowMicros() - run.context.runStartMicros),
    interrupted: run.context.signal.aborted,
    seed: profile.seed,
    environment: describeEnvironment(),
    calibration: run.calibration,
    histograms: HISTOGRAM_PRECISION,
    counted: [...new Set(own.flatMap(countedOperations))],
    targets,
    // Only what ran the same is compared: variants differ in what they do.
    ratios: [...new Set(own)].flatMap((each) =>
      compareTargets(
        targets.filter((_, index) => own[index] === each),
        countedOperations(each),
        each.durationMicros,
      ),
    ),
    sweep: null,
    thresholds: targets.flatMap((target, index) => judge(own[index] as Profile, target)),
    warnings: [...shortRounds(own), ...targets.flatMap((target, index) => warningsOf(own[index] as Profile, target))],
  };
}

function targetResult(profile: Profile, progress: Progress): TargetResult {
  const { ensemble, label, variant } = progress.runner.participant;
  const reports = progress.rounds.flatMap((round) => round.reports);
  const rounds = progress.rounds.map((round) => round.result);
  const durationMicros = rounds.reduce((sum, round) => sum + round.durationMicros, 0);
  const operations = mergeOperations(reports, durationMicros);
  return {
    target: ensemble.target,
    label,
    version: ensemble.version,
    managed: ensemble.managed,
    servers: ensemble.members.length,
    ...(variant === undefined ? {} : { variant: variant.values }),
    flags: ensemble.flags,
    warmUp: progress.warmUp,
    rounds,
    operations,
    metrics: metricsOf(profile, operations, rounds, reports, durationMicros),
    checks: [
      ...mergeChecks(
        [...progress.rounds.map((round) => round.checks), progress.checks].filter((window) => window.length > 0),
      ),
      ...(progress.broken === undefined ? [] : [progress.broken]),
    ],
    outages: [],
  };
}

function metricsOf(
  profile: Profile,
  operations: TargetResult["operations"],
  rounds: TargetResult["rounds"],
  reports: readonly LoadReport[],
  durationMicros: number,
): MetricRecord[] {
  const metrics: MetricRecord[] = [];
  const { ok } = totalOf(operations, countedOperations(profile));
  const members = rounds.flatMap((round) => round.members);
  if (members.length > 0 && ok > 0) {
    const per = (name: string, sum: number, unit: string): void => {
      metrics.push({ name, value: sum / ok, unit });
    };
    per("cpu-per-operation", sumOf(members.map((member) => member.cpuMicros)), "us");
    per("written-bytes-per-operation", sumOf(members.map((member) => member.writtenBytes)), "B");
    if (members.every((member) => member.syncs !== null)) {
      per("syncs-per-operation", sumOf(members.map((member) => member.syncs ?? 0)), "syncs");
    }
  }
  if (reports.length > 0) {
    const { workload } = profile;
    metrics.push(
      ...kindOf(workload).metrics({ figures: joinFigures(reports), durationMicros, members }, profile, workload),
    );
    const lost = (name: string, counts: readonly (number | undefined)[]): void => {
      const known = counts.filter((count) => count !== undefined);
      if (known.length > 0) metrics.push({ name, value: sumOf(known), unit: "" });
    };
    lost(
      "disconnects",
      reports.map((report) => report.disconnects),
    );
    lost(
      "sessions-lost",
      reports.map((report) => report.sessionsLost),
    );
  }
  return metrics;
}

function joinFigures(reports: readonly LoadReport[]): Readonly<Record<string, readonly number[]>> {
  const names = new Set(reports.flatMap((report) => Object.keys(report.figures)));
  return Object.fromEntries([...names].map((name) => [name, reports.flatMap((report) => report.figures[name] ?? [])]));
}

function judge(profile: Profile, target: TargetResult): ThresholdRecord[] {
  const total = totalOf(target.operations, countedOperations(profile));
  const records = profile.thresholds.map((threshold) =>
    evaluateThreshold(
      threshold,
      target.label,
      threshold.metric === "total" ? total : target.operations.find((each) => each.name === threshold.metric),
    ),
  );
  const { thresholds, errorsMax, othersErrorsMax } = profile;
  records.push(judgeErrors(target.label, "total", target.operations, errorsMax));
  const others = target.operations.filter(({ name }) => !hasErrorThreshold(thresholds, name));
  // Operations of which nothing came have nothing to answer for.
  if (othersErrorsMax !== null && attemptsOf(others) > 0) {
    records.push(judgeErrors(target.label, "others", others, othersErrorsMax));
  }
  return records;
}

function judgeErrors(
  target: string,
  metric: string,
  operations: readonly OperationResult[],
  errorsMax: number,
): ThresholdRecord {
  const attempts = attemptsOf(operations);
  const observed = attempts === 0 ? null : sumOf(operations.map(errorCount)) / attempts;
  const passed = observed !== null && observed <= errorsMax;
  return { target, metric, expression: `errors<=${percent(errorsMax)}`, observed, passed };
}

function attemptsOf(operations: readonly OperationResult[]): number {
  return sumOf(operations.map((operation) => operation.ok + errorCount(operation)));
}

function shortRounds(profiles: readonly Profile[]): WarningRecord[] {
  return [...new Set(profiles.flatMap(roundTooShortFor))].map((message) => ({
    target: null,
    code: "short-round",
    message,
  }));
}

function warningsOf(profile: Profile, target: TargetResult): WarningRecord[] {
  const warnings: WarningRecord[] = [];
  const warn = (code: WarningRecord["code"], message: string): void => {
    warnings.push({ target: target.label, code, message });
  };
  if (target.rounds.length === 0) return warnings;
  for (const caveat of kindOf(profile.workload).caveats?.(target.target, profile.workload) ?? []) {
    warn("weaker-promise", caveat);
  }
  if (!target.warmUp.steady) {
    const seconds = (target.warmUp.durationMicros / 1e6).toFixed(1);
    warn("not-warmed", `${target.label} was not steady after ${seconds} s of warm-up; it gets no ratios`);
  }
  const saturated = target.rounds.filter((round) => round.client.saturated);
  if (saturated.length > 0) {
    const busiest = Math.max(...saturated.map((round) => round.client.eventLoopUtilizationMax));
    warn(
      "client-saturated",
      `in ${saturated.length} of ${target.rounds.length} rounds on ${target.label} a load worker was ${Math.round(busiest * 100)}% busy: the client may be what was measured; add --workers`,
    );
  }
  const lag = Math.max(0, ...target.rounds.map((round) => round.client.sendLag?.p99 ?? 0));
  if (lag > SEND_LAG_P99_MICROS_MAX) {
    warn("send-lag", `on ${target.label} 1% of sends left ${lag} us late or later, which their latencies contain`);
  }
  const total = totalOf(target.operations, countedOperations(profile));
  if (total.ok < SAMPLES_MIN.p99) {
    warn("too-few-samples", `${target.label} has ${total.ok} samples: too few for a 99th percentile`);
  }
  const errors = sumOf(target.operations.map(errorCount));
  if (errors > 0) {
    const names = totalOf(
      target.operations,
      target.operations.map((operation) => operation.name),
    ).errors;
    const listed = Object.entries(names).map(([name, count]) => `${count} ${name}`);
    warn("errors", `${errors} operations on ${target.label} failed: ${listed.join(", ")}`);
  }
  return warnings;
}

function sumOf(figures: readonly number[]): number {
  return figures.reduce((sum, figure) => sum + figure, 0);
}
