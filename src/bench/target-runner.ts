import { setTimeout as sleep } from "node:timers/promises";
import { formatMicros } from "../base/units.js";
import { USER_ERRORS, UserError } from "../base/user-error.js";
import { FLAT } from "../targets/driver.js";
import { LoadShared, type LoadTotals, totalsSince } from "../workers/load-shared.js";
import { ErrorLimit } from "./error-limit.js";
import type { RunEvent } from "./events.js";
import { addPacked, createHistogram, summarize } from "./histogram.js";
import { highestRatePerSecond, meanRatePerSecond } from "./load/arrivals.js";
import { nowMicros } from "./load/clock.js";
import { drainMsOf } from "./load/drain.js";
import type { CheckTally, LoadJob, LoadReport } from "./load/load.js";
import type { LoadPool } from "./load/load-pool.js";
import { LoadError } from "./load/load-pool.js";
import { roundSeed } from "./load/streams.js";
import { mergeOperations, SecondMerger } from "./merge.js";
import { errorCount, totalOf } from "./merge-records.js";
import type { Participant } from "./participant.js";
import { percent } from "./profile/error-allowance.js";
import type { Profile } from "./profile/profile.js";
import type { ClientLoad, LatencySummary, RoundResult, SecondRow } from "./result.js";
import { costBetween, cpuBetween, type EnsembleUsage, readUsage } from "./usage.js";
import { isWarm, type WarmUpWindow, warmUpWindowMicros } from "./warm-up.js";
import { countedOperations, kindOf } from "./workloads/registry.js";

/** Between the order to start and the start, so that all workers have it by then. */
const START_MICROS = 20_000;
/** Load before the recorded part of a round, a share of it: sessions, roots and compiled code are fresh. */
const LEAD_IN_SHARE = 0.1;
const LEAD_IN_MICROS_MAX = 1_000_000;
const PROGRESS_MS = 250;
const WINDOW_LOOKS = 5;
/** After Ctrl-C. */
const HURRIED_DRAIN_MS = 300;
const PREPARE_MS = 30_000;
/** Beside `PREPARE_MS`, for keys to be created. */
const KEYS_PER_MS = 1;
/** Likewise, for sessions to be opened. */
const SESSIONS_PER_MS = 0.1;
const CLEAN_UP_MS = 10_000;
/** Where nothing is there to clean up with. */
const LOST_CLEAN_UP_MS = 1_000;
/** Nothing was completed for so long. */
const IDLE_MICROS = 1_000_000;
/** How often it is looked whether a target that a round is prepared on is still there. */
const LOOK_MS = 1_000;
/** Busier than this, and the client may be what is measured. */
export const SATURATED_UTILIZATION = 0.9;

/** Ctrl-C came before there was anything to keep of this round. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}

export interface RoundOutcome {
  readonly result: RoundResult;
  readonly reports: readonly LoadReport[];
  readonly checks: readonly CheckTally[];
  /** Set where the target died or failed too much in this round; what had been measured by then is in the result. */
  readonly aborted: UserError | undefined;
}

/** What a run's rounds have in common. */
export interface RunContext {
  readonly profile: Profile;
  readonly participants: readonly Participant[];
  readonly pool: LoadPool;
  /** Below it every round makes its own root. */
  readonly rootPrefix: string;
  readonly runStartMicros: number;
  /** Whether more errors than the profile can pass with end a round early. */
  readonly endOnErrors: boolean;
  /** What a round made is removed from managed ensembles too: they serve other runs after this one. */
  readonly leaveNothing: boolean;
  readonly signal: AbortSignal;
  readonly tell: (event: RunEvent) => void;
}

interface Window {
  readonly reports: readonly LoadReport[];
  readonly seconds: readonly SecondRow[];
  readonly recordMicros: number;
  readonly endMicros: number;
  readonly aborted: UserError | undefined;
}

/** Runs the warm-up and the rounds of one participant. */
export class TargetRunner {
  readonly participant: Participant;
  private readonly context: RunContext;
  private readonly errorLimit: ErrorLimit;

  constructor(context: RunContext, participant: Participant) {
    const { loop, errorsMax } = context.profile;
    this.context = context;
    this.participant = participant;
    this.errorLimit = new ErrorLimit(errorsMax, loop.kind === "open" ? highestRatePerSecond(loop) : undefined);
  }

  async warmUp(): Promise<{ readonly steady: boolean; readonly durationMicros: number }> {
    const { profile, signal } = this.context;
    const { label } = this.participant;
    const { minMicros, maxMicros, steadiness } = profile.warmUp;
    if (maxMicros === 0) return { steady: false, durationMicros: 0 };
    const windowMicros = warmUpWindowMicros(maxMicros);
    const windows: WarmUpWindow[] = [];
    let steady = false;
    let durationMicros = 0;
    await this.withSessions(0, async (shared) => {
      const startMicros = nowMicros() + START_MICROS;
      let last: LoadTotals = shared.totals();
      let lastMicros = startMicros;
      const watch = (endNow: () => void): undefined => {
        const now = nowMicros();
        if (now - lastMicros < windowMicros) return;
        const totals = shared.totals();
        const done = totalsSince(last, totals);
        const opsPerSecond = (done.completed / (now - lastMicros)) * 1e6;
        const meanLatencyMicros = done.completed === 0 ? 0 : done.latencyMicros / done.completed;
        windows.push({ opsPerSecond, meanLatencyMicros });
        this.errorLimit.notePace(opsPerSecond);
        last = totals;
        lastMicros = now;
        const elapsedMicros = now - startMicros;
        this.context.tell({ kind: "warming", label, elapsedMicros, opsPerSecond });
        steady = isWarm(windows, profile.loop.kind, steadiness);
        if (steady && elapsedMicros >= minMicros) endNow();
      };
      const endMicros = startMicros + maxMicros;
      const window = await this.runWindow(
        shared,
        { startMicros, recordMicros: endMicros, endMicros },
        // Looked at more often than a window is long: a timer that is a moment early would double the window.
        windowMicros / WINDOW_LOOKS,
        watch,
      );
      durationMicros = Math.round(Math.max(0, Math.min(nowMicros(), window.endMicros) - startMicros));
      if (window.aborted !== undefined) throw window.aborted;
    });
    if (signal.aborted) throw new InterruptedError("interrupted while warming up");
    this.context.tell({ kind: "warmed", label, steady, durationMicros });
    return { steady, durationMicros };
  }

  /** `round` counts from 1. */
  async runRound(round: number): Promise<RoundOutcome> {
    const { profile, participants } = this.context;
    const { label, ensemble } = this.participant;
    // Variants may share an ensemble: it is busy, and read once.
    const others = participants.filter(
      (other, index) =>
        other.ensemble !== ensemble && participants.findIndex((each) => each.ensemble === other.ensemble) === index,
    );
    return await this.withSessions(round, async (shared) => {
      const startMicros = nowMicros() + START_MICROS;
      const recordMicros = startMicros + Math.min(LEAD_IN_MICROS_MAX, profile.durationMicros * LEAD_IN_SHARE);
      const endMicros = recordMicros + profile.durationMicros;
      const before = await readUsage(ensemble);
      const othersBefore = await Promise.all(others.map((other) => readUsage(other.ensemble)));
      let last = shared.totals();
      let lastMicros = nowMicros();
      const failedBefore = last.failed;
      let recorded: LoadTotals | undefined;
      const watch = (): UserError | undefined => {
        const now = nowMicros();
        const totals = shared.totals();
        const opsPerSecond = (totalsSince(last, totals).completed / (now - lastMicros)) * 1e6;
        this.errorLimit.notePace(opsPerSecond);
        this.context.tell({
          kind: "measuring",
          label,
          round,
          rounds: profile.rounds,
          elapsedMicros: Math.max(0, Math.min(now, endMicros) - recordMicros),
          durationMicros: profile.durationMicros,
          opsPerSecond,
          errors: totals.failed - failedBefore,
        });
        last = totals;
        lastMicros = now;
        if (now < recordMicros) return undefined;
        recorded ??= totals;
        return this.tooManyErrors(round, totalsSince(recorded, totals), endMicros - now);
      };
      const window = await this.runWindow(shared, { startMicros, recordMicros, endMicros }, PROGRESS_MS * 1_000, watch);
      const after = await readUsage(ensemble);
      const othersAfter = await Promise.all(others.map((other) => readUsage(other.ensemble)));
      const idleCpuMicros = Object.fromEntries(
        others.map((other, index) => [
          other.label,
          cpuBetween(othersBefore[index] as EnsembleUsage, othersAfter[index] as EnsembleUsage),
        ]),
      );
      const judged = kindOf(profile.workload).judge?.(shared.region, profile, profile.workload) ?? [];
      return this.outcome(round, window, costBetween(ensemble, before, after), idleCpuMicros, judged);
    });
  }

  /** Where the errors of this target's rounds cannot come below the profile's limit any more. */
  private tooManyErrors(round: number, done: LoadTotals, leftOfRoundMicros: number): UserError | undefined {
    const { profile, endOnErrors } = this.context;
    if (!endOnErrors) return undefined;
    const kind = kindOf(profile.workload);
    const names = kind.operations(profile.workload).length;
    // Workers count what makes up the total; there may be as many of each of the other operations.
    const views = kind.counted(profile.workload).length === names ? 1 : names;
    const attempts = done.completed * views + done.failed;
    const leftMicros = Math.max(0, leftOfRoundMicros) + (profile.rounds - round) * profile.durationMicros;
    if (!this.errorLimit.isExceeded({ attempts, errors: done.failed }, leftMicros * views)) return undefined;
    const { attempts: made, errors } = this.errorLimit.soFar({
      attempts: done.completed + done.failed,
      errors: done.failed,
    });
    return new UserError(USER_ERRORS.errorsExceeded, {
      target: this.participant.label,
      errors,
      rounds: round === 1 ? "round 1" : `rounds 1 to ${round}`,
      share: `${Number(((errors / Math.max(1, made)) * 100).toFixed(3))}%`,
      limit: percent(profile.errorsMax),
    });
  }

  private outcome(
    round: number,
    window: Window,
    members: RoundResult["members"],
    idleCpuMicros: Readonly<Record<string, number>>,
    judged: readonly CheckTally[],
  ): RoundOutcome {
    const { profile, runStartMicros, tell } = this.context;
    const { reports } = window;
    const durationMicros = Math.max(0, Math.round(window.endMicros - window.recordMicros));
    const result: RoundResult = {
      index: round - 1,
      startMicros: Math.round(window.recordMicros - runStartMicros),
      durationMicros,
      operations: mergeOperations(reports, durationMicros),
      seconds: window.seconds,
      client: this.clientLoad(reports),
      members,
      idleCpuMicros,
    };
    const total = totalOf(result.operations, countedOperations(profile));
    const errors = result.operations.reduce((sum, operation) => sum + errorCount(operation), 0);
    const attempts = result.operations.reduce((sum, operation) => sum + operation.ok, errors);
    this.errorLimit.endRound({ attempts, errors });
    tell({
      kind: "measured",
      label: this.participant.label,
      round,
      rounds: profile.rounds,
      opsPerSecond: total.opsPerSecond,
      p50: total.latency?.p50 ?? null,
      p99: total.latency?.p99 ?? null,
      errors: errorCount(total),
    });
    return {
      result,
      reports,
      checks: [...reports.flatMap((report) => report.checks), ...judged],
      aborted: window.aborted,
    };
  }

  private clientLoad(reports: readonly LoadReport[]): ClientLoad {
    const { profile, pool } = this.context;
    const utilization = Math.max(0, ...reports.map((report) => report.utilization));
    return {
      workers: pool.workers,
      connections: profile.connections,
      depth: profile.depth,
      ratePerSecond: profile.loop.kind === "open" ? meanRatePerSecond(profile.loop, profile.durationMicros) : null,
      cpuMicros: reports.reduce((sum, report) => sum + report.cpuMicros, 0),
      eventLoopUtilizationMax: utilization,
      sendLag: mergeSendLag(reports),
      saturated: utilization >= SATURATED_UTILIZATION,
    };
  }

  /** Populates a fresh root, opens every worker's sessions, and closes and removes them again whatever happens. */
  private async withSessions<T>(round: number, use: (shared: LoadShared) => Promise<T>): Promise<T> {
    const { pool, profile, signal, tell } = this.context;
    tell({ kind: "preparing", label: this.participant.label, round });
    const { workload } = profile;
    const shared = new LoadShared(pool.workers, kindOf(workload).regionWords(profile, workload));
    const job = this.job(round, shared);
    let opened = false;
    let cleanUpMs = CLEAN_UP_MS;
    const populating = pool.populate(job);
    let opening: Promise<void> | undefined;
    try {
      await this.prepared(populating, job);
      opening = pool.open(job);
      await this.prepared(opening, job);
      opened = true;
      return await use(shared);
    } catch (error) {
      if (error instanceof UserError && error.kind === USER_ERRORS.targetLost) cleanUpMs = LOST_CLEAN_UP_MS;
      throw error;
    } finally {
      const { managed } = this.participant.ensemble;
      // After Ctrl-C a managed ensemble is stopped, and goes with all it holds; another one's owner finds nothing of ours.
      const staying = !managed || (this.context.leaveNothing && !signal.aborted);
      // What was given up half-way would go on behind the removal.
      if (staying && signal.aborted) await within(cleanUpMs, opening ?? populating);
      if (opened || (staying && opening !== undefined)) await within(cleanUpMs, pool.close());
      if (staying) await within(cleanUpMs, pool.remove(job));
    }
  }

  private job(round: number, shared: LoadShared): LoadJob {
    const { profile, pool, rootPrefix } = this.context;
    const kind = kindOf(profile.workload);
    return {
      driver: this.participant.driver,
      members: this.participant.ensemble.members.map((member) => member.client),
      http: this.participant.ensemble.members.flatMap(({ http }) => (http === undefined ? [] : [http])),
      root: `${rootPrefix}-${round}`,
      workload: profile.workload,
      keys: kind.keys(profile, profile.workload),
      httpKeys: profile.keys,
      valueBytes: profile.valueBytes,
      valueSizes: profile.valueSizes,
      tree: kind.tree?.(profile.workload) ?? FLAT,
      distribution: profile.distribution,
      connections: profile.connections,
      extraConnections: kind.extraConnections?.(profile.workload) ?? 0,
      operations: kind.operations(profile.workload),
      counted: kind.counted(profile.workload),
      depth: profile.depth,
      loop: profile.loop,
      sessionTimeoutMs: profile.sessionTimeoutMs,
      seed: roundSeed(profile.seed, round),
      workers: pool.workers,
      shared: shared.memory,
    };
  }

  /** Waits for a step before the load; throws UserError `targetLost` where the target does not play along. */
  private async prepared(step: Promise<void>, job: LoadJob): Promise<void> {
    const { signal } = this.context;
    const limitMs = PREPARE_MS + job.keys / KEYS_PER_MS + job.connections / SESSIONS_PER_MS;
    const done = new AbortController();
    step.catch(() => undefined);
    try {
      await Promise.race([
        step,
        aborted(signal, done.signal),
        this.lost(done.signal),
        sleep(limitMs, undefined, { signal: done.signal }).then(() => {
          throw this.lostError(`gave no session and no data within ${Math.round(limitMs / 1_000)} s`);
        }),
      ]);
    } catch (error) {
      if (error instanceof InterruptedError || error instanceof UserError || isInconsistency(error)) throw error;
      const dead = await this.findDead();
      if (dead !== undefined) throw dead;
      if (error instanceof LoadError) throw this.lostError(`failed with ${error.failure}: ${error.message}`);
      throw error;
    } finally {
      done.abort();
    }
  }

  /** Rejects with UserError `targetLost` once a server has died, or none has answered for a session timeout. */
  private async lost(done: AbortSignal): Promise<never> {
    const { sessionTimeoutMs } = this.context.profile;
    for (let seenMicros = nowMicros(); ; ) {
      await sleep(LOOK_MS, undefined, { signal: done });
      const dead = await this.findDead();
      if (dead !== undefined) throw dead;
      if (await this.answers()) seenMicros = nowMicros();
      else if (nowMicros() - seenMicros > sessionTimeoutMs * 1_000) {
        throw this.lostError(
          `has not answered for ${formatMicros(sessionTimeoutMs * 1_000)} while a round was prepared`,
        );
      }
    }
  }

  /** Runs one window on open sessions; ends it early on Ctrl-C, when the target dies, or when `watch` says so. */
  private async runWindow(
    shared: LoadShared,
    planned: { readonly startMicros: number; readonly recordMicros: number; readonly endMicros: number },
    everyMicros: number,
    watch: (endNow: () => void) => UserError | undefined,
  ): Promise<Window> {
    const { pool, profile, signal } = this.context;
    const seconds = new SecondMerger(pool.workers);
    let endMicros = planned.endMicros;
    let abortedBy: UserError | undefined;
    const drainMs = drainMsOf(profile.sessionTimeoutMs);
    const end = (patienceMs: number): void => {
      const now = nowMicros();
      if (now >= endMicros) return;
      endMicros = now;
      pool.endNow(patienceMs);
    };
    const onAbort = (): void => {
      end(HURRIED_DRAIN_MS);
      // Past the planned end the workers are only waiting for answers: not for long any more.
      pool.endNow(HURRIED_DRAIN_MS);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    let watching = false;
    let unreachableSinceMicros = 0;
    let lastCompleted = -1;
    let progressMicros = nowMicros();
    const guard = async (): Promise<void> => {
      if (watching) return;
      watching = true;
      try {
        const failure = watch(() => end(drainMs));
        const dead = await this.findDead();
        const { connected, completed } = shared.totals();
        if (completed !== lastCompleted) progressMicros = nowMicros();
        lastCompleted = completed;
        // Not every workload sees its connections go. The servers are asked only where nothing is being measured.
        const idle = nowMicros() - progressMicros > IDLE_MICROS;
        const away = connected === 0 || (idle && !(await this.answers()));
        if (!away) unreachableSinceMicros = 0;
        else if (unreachableSinceMicros === 0) unreachableSinceMicros = nowMicros();
        const awayMs = unreachableSinceMicros === 0 ? 0 : (nowMicros() - unreachableSinceMicros) / 1_000;
        if (dead !== undefined) abortedBy ??= dead;
        else if (awayMs > profile.sessionTimeoutMs) abortedBy ??= this.lostError(`was out of reach of every client`);
        else abortedBy ??= failure;
        if (abortedBy !== undefined) end(0);
      } finally {
        watching = false;
      }
    };
    const timer = setInterval(() => void guard(), everyMicros / 1_000);
    if (signal.aborted) onAbort();
    try {
      const reports = await pool.run({ ...planned, drainMs }, (worker, batch) => seconds.add(worker, batch));
      abortedBy ??= await this.findDead();
      return {
        reports,
        seconds: seconds.finish(),
        recordMicros: Math.min(planned.recordMicros, endMicros),
        endMicros,
        aborted: abortedBy,
      };
    } finally {
      clearInterval(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Whether any server does. */
  private async answers(): Promise<boolean> {
    const roles = await Promise.all(this.participant.ensemble.members.map((member) => member.role()));
    return roles.some((role) => role !== "unreachable");
  }

  /** A member of a managed ensemble without a process, which nothing in a run asks for. */
  private async findDead(): Promise<UserError | undefined> {
    const { ensemble } = this.participant;
    if (!ensemble.managed) return undefined;
    const usage = await readUsage(ensemble);
    const index = usage.indexOf(undefined);
    if (index === -1) return undefined;
    return this.lostError(`died: its server ${ensemble.members[index]?.id} has ended`);
  }

  private lostError(what: string): UserError {
    const { label, ensemble } = this.participant;
    const at = ensemble.members.map((member) => `${member.client.host}:${member.client.port}`).join(",");
    return new UserError(USER_ERRORS.targetLost, {
      what: `target ${label} at ${at} ${what}`,
      remedy: ensemble.managed
        ? `run again with --keep and read its logs in ${ensemble.folder ?? "its scratch folder"}`
        : "see that it runs and that the addresses are right",
    });
  }
}

function mergeSendLag(reports: readonly LoadReport[]): LatencySummary | null {
  const lag = createHistogram();
  for (const report of reports) if (report.sendLag !== undefined) addPacked(lag, report.sendLag);
  const summary = summarize(lag);
  lag.destroy();
  return summary;
}

/**
 * A client found that a server broke a promise of its protocol, where the load itself does not judge it: the client ends
 * its worker with it, and the run.
 */
export function isInconsistency(error: unknown): error is Error {
  return error instanceof Error && error.name === "InconsistencyError";
}

/** Rejects on Ctrl-C; stops listening for it once `done` is aborted. */
function aborted(signal: AbortSignal, done: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const interrupt = (): void => reject(new InterruptedError("interrupted"));
    if (signal.aborted) interrupt();
    else signal.addEventListener("abort", interrupt, { once: true, signal: done });
  });
}

/** Cleaning up may fail or take for ever when a target is gone; neither may hide what happened before. */
async function within(limitMs: number, step: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([
    step.then(
      () => undefined,
      () => undefined,
    ),
    sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
}
