import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { calibrate } from "../../bench/calibration.js";
import { describeEnvironment } from "../../bench/environment.js";
import { createHistogram, HISTOGRAM_PRECISION, summarize } from "../../bench/histogram.js";
import { nowMicros } from "../../bench/load/clock.js";
import { createDriver } from "../../bench/load/driver-source.js";
import type { LoadReport } from "../../bench/load/load.js";
import { mergeOperations } from "../../bench/merge.js";
import type { Participant } from "../../bench/participant.js";
import type {
  CheckRecord,
  LatencySummary,
  OutageRecord,
  RoundResult,
  RunResult,
  TargetResult,
} from "../../bench/result.js";
import { costBetween, readUsage } from "../../bench/usage.js";
import { packageVersion } from "../../targets/core/package-root.js";
import type { TargetDriver } from "../../targets/driver.js";
import type { Address, Member } from "../../targets/target.js";
import type { FaultContext } from "../faults/fault.js";
import { FAULTS, UNDONE_BY } from "../faults/faults.js";
import { ClientLinks } from "../links.js";
import { Writers } from "../writers.js";
import type { LoadedScenario, Scenario, TimelineStep } from "./scenario.js";

/** How long outstanding writes may take after the end of a round. */
const DRAIN_MS = 1_000;
const READ_BACK_TRIES = 20;
const READ_BACK_RETRY_MS = 500;

export interface RunScenarioOptions {
  readonly scenario: LoadedScenario;
  /** Started or attached by the caller, who stops them. */
  readonly participants: readonly Participant[];
  /** Toxiproxy's HTTP interface; needed where the timeline has a toxic. */
  readonly toxiproxyUrl: string | undefined;
  readonly signal: AbortSignal;
  tell(text: string): void;
}

interface Injected {
  readonly step: TimelineStep;
  readonly members: readonly Member[];
  /** From the start of the round. */
  readonly startMicros: number;
  endMicros: number | null;
}

interface RoundOutcome {
  readonly result: RoundResult;
  readonly report: LoadReport;
  readonly outages: readonly OutageRecord[];
  readonly checks: readonly CheckRecord[];
}

/** Runs every round of a scenario on each participant in turn. Ctrl-C ends the round at hand, and what was measured stays. */
export async function runScenario(options: RunScenarioOptions): Promise<RunResult> {
  const { scenario, participants, signal } = options;
  const startedAt = new Date();
  const runStartMicros = nowMicros();
  const calibration = await calibrate(undefined);
  const outcomes = participants.map((): RoundOutcome[] => []);
  for (let round = 1; round <= scenario.scenario.rounds && !signal.aborted; round++) {
    for (const [index, participant] of participants.entries()) {
      if (signal.aborted) break;
      const runner = new ScenarioRound(options, participant, round, runStartMicros);
      outcomes[index]!.push(await runner.run());
    }
  }
  const targets = participants.map((participant, index) => targetResult(participant, outcomes[index]!));
  const { name, description, outageMaxMicros } = scenario.scenario;
  return {
    schemaVersion: 2,
    kind: "scenario",
    zabenchVersion: packageVersion(),
    profile: { name, description, text: scenario.text, overrides: scenario.overrides },
    startedAt: startedAt.toISOString(),
    durationMicros: Math.round(nowMicros() - runStartMicros),
    interrupted: signal.aborted,
    seed: 0,
    environment: describeEnvironment(),
    calibration,
    histograms: HISTOGRAM_PRECISION,
    counted: ["create"],
    targets,
    ratios: [],
    sweep: null,
    thresholds: outageMaxMicros === undefined ? [] : targets.map((target) => judgeOutage(target, outageMaxMicros)),
    warnings: [],
  };
}

function judgeOutage(target: TargetResult, maxMicros: number): RunResult["thresholds"][number] {
  const felt = target.outages.map(({ overallMicros }) => overallMicros);
  const longest = felt.length === 0 || felt.includes(null) ? null : Math.max(...(felt as number[]));
  return {
    target: target.label,
    metric: "outage",
    expression: `<=${maxMicros / 1_000}ms`,
    observed: longest,
    passed: longest !== null && longest <= maxMicros,
  };
}

function targetResult({ ensemble, label }: Participant, outcomes: readonly RoundOutcome[]): TargetResult {
  const rounds = outcomes.map(({ result }) => result);
  const durationMicros = rounds.reduce((sum, round) => sum + round.durationMicros, 0);
  return {
    target: ensemble.target,
    label,
    version: ensemble.version,
    managed: ensemble.managed,
    servers: ensemble.members.length,
    flags: ensemble.flags,
    // A scenario compares before with after on one target, so nothing is warmed.
    warmUp: { steady: true, durationMicros: 0 },
    rounds,
    operations: mergeOperations(
      outcomes.map(({ report }) => report),
      durationMicros,
    ),
    metrics: [],
    checks: mergeVerdicts(outcomes.flatMap(({ checks }) => checks)),
    outages: outcomes.flatMap(({ outages }) => outages),
  };
}

/** The worst verdict of all rounds; nothing observed at all is unknown. */
function mergeVerdicts(checks: readonly CheckRecord[]): readonly CheckRecord[] {
  const names = [...new Set(checks.map(({ name }) => name))];
  return names.map((name) => {
    const all = checks.filter((check) => check.name === name);
    const worst =
      all.find(({ verdict }) => verdict === "invalid") ??
      all.find(({ verdict }) => verdict === "unknown") ??
      all.at(-1)!;
    return { ...worst, observations: all.reduce((sum, check) => sum + check.observations, 0) };
  });
}

class ScenarioRound {
  private readonly options: RunScenarioOptions;
  private readonly participant: Participant;
  private readonly round: number;
  private readonly runStartMicros: number;
  private readonly injected: Injected[] = [];
  private readonly root = `/zabench/chaos-${randomBytes(6).toString("hex")}`;

  constructor(options: RunScenarioOptions, participant: Participant, round: number, runStartMicros: number) {
    this.options = options;
    this.participant = participant;
    this.round = round;
    this.runStartMicros = runStartMicros;
  }

  private get scenario(): Scenario {
    return this.options.scenario.scenario;
  }

  async run(): Promise<RoundOutcome> {
    const { ensemble, label, driver: source } = this.participant;
    const { toxiproxyUrl, tell } = this.options;
    const links =
      toxiproxyUrl === undefined
        ? undefined
        : await ClientLinks.open(toxiproxyUrl, `${label}-r${this.round}`, ensemble);
    const driver = await createDriver(source);
    const faults: FaultContext = { ensemble, links, killed: [], paused: [] };
    try {
      tell(`${label}: round ${this.round} of ${this.scenario.rounds}`);
      await driver.populate(this.root, 0, 0);
      const direct = ensemble.members.map(({ client }) => client);
      return await this.measure(driver, links?.addresses ?? direct, faults);
    } finally {
      await undoAll(faults);
      await this.cleanUp(driver);
      await links?.close();
    }
  }

  private async measure(
    driver: TargetDriver,
    members: readonly Address[],
    faults: FaultContext,
  ): Promise<RoundOutcome> {
    const { ensemble } = this.participant;
    const { clients, valueBytes, sessionTimeoutMs, durationMicros } = this.scenario;
    const { root } = this;
    const writers = new Writers({ driver, members, root, clients, valueBytes, sessionTimeoutMs, durationMicros });
    try {
      await writers.open();
      const usageBefore = await readUsage(ensemble);
      const cpuBefore = process.cpuUsage();
      const loopBefore = performance.eventLoopUtilization();
      writers.start();
      await this.playTimeline(writers, faults);
      const { operations, seconds } = writers.stop();
      const report = this.report(operations, writers, cpuBefore, loopBefore);
      const usageAfter = await readUsage(ensemble);
      const elapsedMicros = Math.round(nowMicros() - writers.startMicros);
      await undoAll(faults);
      await sleep(DRAIN_MS);
      const result: RoundResult = {
        index: this.round - 1,
        startMicros: Math.round(writers.startMicros - this.runStartMicros),
        durationMicros: elapsedMicros,
        operations: mergeOperations([report], elapsedMicros),
        seconds,
        client: {
          workers: 1,
          connections: clients,
          depth: 1,
          ratePerSecond: null,
          cpuMicros: report.cpuMicros,
          eventLoopUtilizationMax: report.utilization,
          sendLag: null,
          saturated: report.utilization > 0.9,
        },
        members: costBetween(ensemble, usageBefore, usageAfter),
        idleCpuMicros: {},
      };
      const outages = this.injected.map((fault) => this.outage(fault, writers, result));
      return { result, report, outages, checks: await this.check(driver, writers) };
    } finally {
      await writers.close();
    }
  }

  /** Every step at its time, then the rest of the round; ended early by Ctrl-C. */
  private async playTimeline(writers: Writers, faults: FaultContext): Promise<void> {
    const { signal, tell } = this.options;
    const { label } = this.participant;
    for (const step of this.scenario.timeline) {
      await this.sleepUntil(writers.startMicros + step.atMicros);
      if (signal.aborted) return;
      const atMicros = nowMicros() - writers.startMicros;
      const harmful = UNDONE_BY[step.action] !== undefined;
      if (harmful) writers.phase = "during";
      const members = await FAULTS[step.action](faults, step);
      const named = members.map(({ id }) => id).join(", ");
      tell(
        `${label}: ${(atMicros / 1e6).toFixed(1)} s ${step.action} ${step.member === "leader" && harmful ? "leader, " : ""}server ${named}`,
      );
      if (harmful) {
        this.injected.push({ step, members, startMicros: atMicros, endMicros: null });
        continue;
      }
      const doneMicros = nowMicros() - writers.startMicros;
      for (const fault of this.injected) {
        if (UNDONE_BY[fault.step.action] === step.action) fault.endMicros ??= doneMicros;
      }
      if (this.injected.every(({ endMicros }) => endMicros !== null)) writers.phase = "after";
    }
    await this.sleepUntil(writers.startMicros + this.scenario.durationMicros);
  }

  private async sleepUntil(micros: number): Promise<void> {
    const { signal } = this.options;
    const leftMs = (micros - nowMicros()) / 1_000;
    if (leftMs > 0) await sleep(leftMs, undefined, { signal }).catch(() => undefined);
  }

  private report(
    operations: LoadReport["operations"],
    writers: Writers,
    cpuBefore: NodeJS.CpuUsage,
    loopBefore: ReturnType<typeof performance.eventLoopUtilization>,
  ): LoadReport {
    const cpu = process.cpuUsage(cpuBefore);
    return {
      operations,
      sendLag: undefined,
      cpuMicros: cpu.user + cpu.system,
      utilization: performance.eventLoopUtilization(loopBefore).utilization,
      checks: [],
      figures: {},
      disconnects: writers.disconnects,
      sessionsLost: writers.sessionsLost,
    };
  }

  private outage(
    { step, members, startMicros, endMicros }: Injected,
    writers: Writers,
    round: RoundResult,
  ): OutageRecord {
    const perClient = createHistogram();
    for (const trace of writers.clientTraces) {
      const silence = trace.silenceAfter(startMicros);
      if (silence !== null) perClient.recordValue(Math.max(1, Math.round(silence)));
    }
    const clients = summarize(perClient);
    perClient.destroy();
    const overall = writers.overall.silenceAfter(startMicros);
    const recovery = writers.overall.recoveryAfter(startMicros);
    const phases = (["before", "during", "after"] as const).map(
      (phase): { phase: typeof phase; latency: LatencySummary | null } => ({
        phase,
        latency: writers.phaseLatency(phase),
      }),
    );
    return {
      fault: step.member === "leader" ? `leader ${step.action}` : step.action,
      member: members.length === 1 ? members[0]!.id : null,
      round: this.round - 1,
      startMicros: Math.round(round.startMicros + startMicros),
      endMicros: endMicros === null ? null : Math.round(round.startMicros + endMicros),
      overallMicros: overall === null ? null : Math.round(overall),
      perClient: clients,
      errors: writers.errors,
      sessionsLost: writers.sessionsLost,
      recoveryMicros: recovery === null ? null : Math.round(recovery),
      phases,
    };
  }

  private async check(driver: TargetDriver, writers: Writers): Promise<readonly CheckRecord[]> {
    const observations = writers.acknowledgedOrders.length;
    const verdictOf = (violation: string): CheckRecord["verdict"] =>
      violation !== "" ? "invalid" : observations === 0 ? "unknown" : "valid";
    const { regression, disorder, broken } = writers;
    return [
      await this.checkSurvival(driver, writers),
      { name: "session-order", verdict: verdictOf(regression), detail: regression, observations },
      { name: "write-order", verdict: verdictOf(disorder), detail: disorder, observations },
      ...(broken === "" ? [] : [{ name: "protocol", verdict: verdictOf(broken), detail: broken, observations: 1 }]),
    ];
  }

  private async checkSurvival(driver: TargetDriver, writers: Writers): Promise<CheckRecord> {
    const name = "acknowledged-writes-survive";
    const acknowledged = writers.acknowledgedOrders;
    const observations = acknowledged.length;
    if (observations === 0) return { name, verdict: "unknown", detail: "no write was acknowledged", observations };
    let failure = "";
    for (let attempt = 0; attempt < READ_BACK_TRIES; attempt++) {
      try {
        const found = await driver.createdOrders(this.root);
        return survival(name, acknowledged, found, writers.indeterminate);
      } catch (error) {
        failure = (error as Error).message;
        await sleep(READ_BACK_RETRY_MS);
      }
    }
    return { name, verdict: "unknown", detail: `the keys could not be read back: ${failure}`, observations };
  }

  /** What was written goes, but a target that is gone must not hide what happened before. */
  private async cleanUp(driver: TargetDriver): Promise<void> {
    const { label } = this.participant;
    await driver.remove(this.root).catch((error: unknown) => {
      this.options.tell(
        `${label}: what round ${this.round} wrote below ${this.root} could not be removed: ${String(error)}`,
      );
    });
    await driver.close();
  }
}

/** Whether every acknowledged write is among those found; exported for its test. */
export function survival(
  name: string,
  acknowledged: Float64Array,
  found: ReadonlySet<number>,
  indeterminate: number,
): CheckRecord {
  const observations = acknowledged.length;
  const lost = acknowledged.filter((order) => !found.has(order));
  if (lost.length > 0) {
    const detail = `${lost.length} of ${observations} acknowledged writes are gone, the first one that stood at ${lost[0]}`;
    return { name, verdict: "invalid", detail, observations };
  }
  const detail = `${observations} acknowledged, all found; ${indeterminate} without an answer`;
  return { name, verdict: "valid", detail, observations };
}

/** Whatever ended the round, members run and links are clean for the next one. */
async function undoAll(faults: FaultContext): Promise<void> {
  for (const member of faults.paused.splice(0)) await member.resume();
  await Promise.all(faults.killed.splice(0).map((member) => member.restart()));
  await faults.links?.removeToxics();
}
