import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64 } from "hdr-histogram-js";
import { randomFraction, SeededRandom } from "../../src/base/random.js";
import { geometricMean, ratioInterval } from "../../src/bench/confidence.js";
import { HISTOGRAM_PRECISION } from "../../src/bench/histogram.js";
import type {
  HistogramRecord,
  LatencySummary,
  MemberCost,
  OperationResult,
  OutageRecord,
  RatioRecord,
  RoundResult,
  RunResult,
  SecondRow,
  SweepCurvePoint,
  SweepPoint,
  TargetResult,
  TargetSweep,
} from "../../src/bench/result.js";

// Results as a run would write them, made from a seed: the figures of one target follow from its plan.

export interface OperationPlan {
  readonly opsPerSecond: number;
  readonly latencyMicros: number;
}

export interface TargetPlan {
  readonly target: TargetResult["target"];
  readonly version: string;
  readonly operations: Readonly<Record<string, OperationPlan>>;
  readonly cpuMicrosPerOperation: number;
  readonly steady?: boolean;
  readonly saturated?: boolean;
  /** A fault in each round: from this second, clients get no answer for so long. */
  readonly outage?: { readonly atSecond: number; readonly seconds: number; readonly fault: string };
  readonly checks?: TargetResult["checks"];
}

export interface ResultPlan {
  readonly seed: number;
  readonly targets: readonly TargetPlan[];
  readonly rounds: number;
  readonly seconds: number;
  /** How far rounds differ from each other, relative. */
  readonly spread: number;
  readonly servers?: number;
  readonly profile?: string;
  readonly kind?: RunResult["kind"];
  readonly interrupted?: boolean;
  readonly ratePerSecond?: number;
}

type Histogram = ReturnType<typeof decodeFromCompressedBase64>;

const emptyHistogram = (): Histogram =>
  build({ lowestDiscernibleValue: 1, highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: 3 });

export function summaryOf(histogram: Histogram): LatencySummary {
  const at = (percentile: number): number =>
    histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percentile);
  return {
    count: histogram.totalCount,
    min: at(0),
    mean: histogram.mean,
    stdDeviation: histogram.stdDeviation,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    p9999: at(99.99),
    max: histogram.maxValue,
  };
}

export function recordOf(histogram: Histogram): HistogramRecord {
  return { ...summaryOf(histogram), encoded: encodeIntoCompressedBase64(histogram) };
}

/** A histogram of these values, in microseconds; none makes it empty. */
export function histogramOf(values: readonly number[]): HistogramRecord {
  const histogram = emptyHistogram();
  for (const value of values) histogram.recordValue(Math.round(value));
  return recordOf(histogram);
}

class Maker {
  private readonly plan: ResultPlan;
  private readonly random: SeededRandom;

  constructor(plan: ResultPlan) {
    this.plan = plan;
    this.random = new SeededRandom(plan.seed);
  }

  private uniform(low: number, high: number): number {
    return low + randomFraction(this.random) * (high - low);
  }

  /** Right-skewed, with a long tail, as latencies are. */
  private latency(medianMicros: number): number {
    const sum = this.uniform(-1, 1) + this.uniform(-1, 1) + this.uniform(-1, 1);
    const tail = randomFraction(this.random) < 0.006 ? this.uniform(3, 12) : 1;
    return Math.max(1, Math.round(medianMicros * Math.exp(sum * 0.35) * tail));
  }

  private round(target: TargetPlan, index: number, startMicros: number): RoundResult {
    const speed = 1 + this.uniform(-this.plan.spread, this.plan.spread);
    const seconds: SecondRow[] = [];
    const operations: OperationResult[] = [];
    for (const [name, operation] of Object.entries(target.operations)) {
      const whole = emptyHistogram();
      let errors = 0;
      for (let second = 0; second < this.plan.seconds; second++) {
        const { outage } = target;
        const down = outage !== undefined && second >= outage.atSecond && second < outage.atSecond + outage.seconds;
        const slow = outage !== undefined && second === Math.ceil(outage.atSecond + outage.seconds) ? 0.5 : 1;
        const ok = down ? 0 : Math.round(operation.opsPerSecond * speed * slow * this.uniform(0.96, 1.04));
        // Few latencies with a weight each make the counts of a second without drawing them all.
        const samples = Array.from({ length: Math.min(ok, 400) }, () =>
          this.latency(operation.latencyMicros / speed / slow),
        ).sort((a, b) => a - b);
        samples.forEach((micros, index) => {
          const weight = Math.floor(((index + 1) * ok) / samples.length) - Math.floor((index * ok) / samples.length);
          whole.recordValueWithCount(micros, weight);
        });
        const failed = down ? Math.round(this.uniform(20, 60)) : 0;
        errors += failed;
        seconds.push({
          second,
          operation: name,
          ok,
          errors: failed,
          p50: samples[Math.floor(samples.length * 0.5)] ?? null,
          p99: samples[Math.floor(samples.length * 0.99)] ?? null,
          max: samples.at(-1) ?? null,
        });
      }
      const latency = whole.totalCount === 0 ? null : recordOf(whole);
      operations.push({
        name,
        ok: whole.totalCount,
        errors: errors === 0 ? {} : { CONNECTIONLOSS: errors },
        opsPerSecond: whole.totalCount / this.plan.seconds,
        latency,
        service: this.plan.ratePerSecond === undefined ? null : latency,
      });
    }
    const total = operations.reduce((sum, operation) => sum + operation.ok, 0);
    const servers = this.plan.servers ?? 1;
    const members: MemberCost[] = Array.from({ length: servers }, (_, member) => ({
      member: member + 1,
      cpuMicros: Math.round((total * target.cpuMicrosPerOperation * this.uniform(0.97, 1.03)) / servers),
      writtenBytes: Math.round(total * 18),
      syncs: target.target === "zookeeper" ? Math.round(total / 40) : Math.round(total / 55),
      residentBytes: Math.round(this.uniform(90e6, 400e6)),
    }));
    return {
      index,
      startMicros,
      durationMicros: this.plan.seconds * 1e6,
      operations,
      seconds,
      client: {
        workers: 1,
        connections: 60,
        depth: 1,
        ratePerSecond: this.plan.ratePerSecond ?? null,
        cpuMicros: Math.round(this.plan.seconds * 1e6 * 0.61),
        eventLoopUtilizationMax: target.saturated === true ? 0.985 : 0.62,
        sendLag: null,
        saturated: target.saturated === true,
      },
      members,
      idleCpuMicros: Object.fromEntries(
        this.plan.targets.filter((other) => other !== target).map((other) => [other.target, 12_000]),
      ),
    };
  }

  private outages(target: TargetPlan, rounds: readonly RoundResult[]): readonly OutageRecord[] {
    const { outage } = target;
    if (outage === undefined) return [];
    return rounds.map((round) => {
      const felt = outage.seconds * 1e6 * this.uniform(0.85, 1);
      const clients = emptyHistogram();
      for (let client = 0; client < 60; client++) clients.recordValue(Math.round(felt * this.uniform(0.9, 1.1)));
      const phase = (factor: number): LatencySummary => {
        const histogram = emptyHistogram();
        for (let sample = 0; sample < 2_000; sample++) histogram.recordValue(this.latency(900 * factor));
        return summaryOf(histogram);
      };
      const startMicros = round.startMicros + outage.atSecond * 1e6;
      return {
        fault: outage.fault,
        member: 2,
        round: round.index,
        startMicros,
        endMicros: startMicros + (outage.seconds + 2) * 1e6,
        overallMicros: Math.round(felt),
        perClient: summaryOf(clients),
        errors: { CONNECTIONLOSS: 171, SESSIONEXPIRED: 2 },
        sessionsLost: 2,
        recoveryMicros: Math.round(felt * 1.6),
        phases: [
          { phase: "before", latency: phase(1) },
          { phase: "during", latency: null },
          { phase: "after", latency: phase(1.4) },
        ],
      };
    });
  }

  private target(plan: TargetPlan, rounds: readonly RoundResult[]): TargetResult {
    const names = Object.keys(plan.operations);
    const operations = names.map((name) => mergeOperation(name, rounds));
    return {
      target: plan.target,
      label: plan.target,
      version: plan.version,
      managed: true,
      servers: this.plan.servers ?? 1,
      flags:
        plan.target === "zookeeper"
          ? { forceSync: "yes", heap: "1g", snapCount: "100000", tickTime: "2000" }
          : { fsync: "on" },
      warmUp: { steady: plan.steady ?? true, durationMicros: 4_200_000 },
      rounds,
      operations,
      metrics: [],
      checks: plan.checks ?? [
        {
          name: "zxid never regresses within a session",
          verdict: "valid",
          detail: "60 sessions",
          observations: rounds.flatMap((round) => round.operations).reduce((sum, each) => sum + each.ok, 0),
        },
        {
          name: "writes are ordered as real time demands",
          verdict: "valid",
          detail: "no write finished before it began",
          observations: 120_412,
        },
      ],
      outages: this.outages(plan, rounds),
    };
  }

  make(): RunResult {
    const { plan } = this;
    const roundsOf = new Map<TargetPlan, RoundResult[]>(plan.targets.map((target) => [target, []]));
    let clock = 14_000_000;
    for (let index = 0; index < plan.rounds; index++) {
      for (const target of plan.targets) {
        roundsOf.get(target)?.push(this.round(target, index, clock));
        clock += (plan.seconds + 0.4) * 1e6;
      }
    }
    const targets = plan.targets.map((target) => this.target(target, roundsOf.get(target) ?? []));
    const result: RunResult = {
      schemaVersion: 2,
      kind: plan.kind ?? "run",
      zabenchVersion: "0.1.0",
      profile: {
        name: plan.profile ?? "read-heavy",
        description: "Nine reads for one write over 10,000 keys of 100 bytes, 60 connections",
        text: "name: read-heavy\noperations:\n  read: 90\n  write: 10\nkeys: 10000\nvalueBytes: 100\n",
        overrides: { duration: `${plan.seconds}s` },
      },
      startedAt: "2025-03-04T05:06:07.089Z",
      durationMicros: clock,
      interrupted: plan.interrupted ?? false,
      seed: plan.seed,
      environment: {
        node: "v22.14.0",
        platform: "linux x64",
        kernel: "6.1.0-31-amd64",
        cpuModel: "AMD EPYC 7R13",
        cores: 2,
        memoryBytes: 24 * 2 ** 30,
      },
      calibration: {
        fdatasync: histogramSummary(this.sample(200, 310)),
        loopbackRoundTrip: histogramSummary(this.sample(500, 28)),
        timerJitter: histogramSummary(this.sample(300, 64)),
      },
      histograms: HISTOGRAM_PRECISION,
      counted: [...new Set(plan.targets.flatMap((target) => Object.keys(target.operations)))],
      targets,
      ratios: [],
      sweep: null,
      thresholds: [],
      warnings: targets
        .filter((target) => !target.warmUp.steady)
        .map((target) => ({
          target: target.label,
          code: "not-warmed" as const,
          message: "throughput still rose when the warm-up ended; figures are shown, but no ratio",
        })),
    };
    return { ...result, ratios: ratiosOf(result) };
  }

  private sample(count: number, median: number): readonly number[] {
    return Array.from({ length: count }, () => this.latency(median));
  }
}

const histogramSummary = (values: readonly number[]): LatencySummary => {
  const { encoded: _, ...summary } = histogramOf(values);
  return summary;
};

function mergeOperation(name: string, rounds: readonly RoundResult[]): OperationResult {
  const all = rounds.flatMap((round) => round.operations.filter((operation) => operation.name === name));
  const merged = emptyHistogram();
  for (const { latency } of all) if (latency !== null) merged.add(decodeFromCompressedBase64(latency.encoded));
  const errors: Record<string, number> = {};
  for (const operation of all)
    for (const [error, count] of Object.entries(operation.errors)) errors[error] = (errors[error] ?? 0) + count;
  const latency = merged.totalCount === 0 ? null : recordOf(merged);
  return {
    name,
    ok: all.reduce((sum, operation) => sum + operation.ok, 0),
    errors,
    opsPerSecond: all.reduce((sum, operation) => sum + operation.opsPerSecond, 0) / Math.max(1, all.length),
    latency,
    service: all.some((operation) => operation.service !== null) ? latency : null,
  };
}

function ratiosOf(result: RunResult): readonly RatioRecord[] {
  const [first, ...others] = result.targets;
  if (first === undefined) return [];
  const cpu = (round: RoundResult): number =>
    round.members.reduce((sum, member) => sum + member.cpuMicros, 0) /
    round.operations.reduce((sum, operation) => sum + operation.ok, 0);
  return others.flatMap((other) =>
    first.operations.flatMap(({ name }) =>
      (["opsPerSecond", "p50", "p99", "cpuMicrosPerOperation"] as const).map((metric) => {
        const figure = (target: TargetResult, index: number): number => {
          const round = target.rounds[index] as RoundResult;
          const operation = round.operations.find((each) => each.name === name);
          if (metric === "cpuMicrosPerOperation") return cpu(round);
          if (metric === "opsPerSecond") return operation?.opsPerSecond ?? 0;
          return operation?.latency?.[metric] ?? 0;
        };
        const pairs = first.rounds
          .slice(0, other.rounds.length)
          .map((_, index) => figure(first, index) / figure(other, index))
          .sort((a, b) => a - b);
        const cold = [first, other].filter((target) => !target.warmUp.steady).map((target) => target.label);
        const missing = cold.length > 0 || pairs.length < 2;
        const sides = { numerator: first.label, denominator: other.label, operation: name, metric };
        return missing
          ? {
              ...sides,
              value: null,
              interval: null,
              pairs: 0,
              min: null,
              max: null,
              note: cold.length > 0 ? `${cold.join(" and ")} not warmed` : "too few rounds",
            }
          : {
              ...sides,
              value: geometricMean(pairs),
              interval: ratioInterval(pairs),
              pairs: pairs.length,
              min: pairs[0] ?? null,
              max: pairs.at(-1) ?? null,
              note: "",
            };
      }),
    ),
  );
}

export function makeResult(plan: ResultPlan): RunResult {
  return new Maker(plan).make();
}

export const CORE: TargetPlan = {
  target: "core",
  version: "0.1.0",
  operations: {
    read: { opsPerSecond: 61_000, latencyMicros: 610 },
    write: { opsPerSecond: 6_800, latencyMicros: 1_240 },
  },
  cpuMicrosPerOperation: 11,
};
export const ZOOKEEPER: TargetPlan = {
  target: "zookeeper",
  version: "3.9.3",
  operations: {
    read: { opsPerSecond: 27_500, latencyMicros: 1_350 },
    write: { opsPerSecond: 3_050, latencyMicros: 2_600 },
  },
  cpuMicrosPerOperation: 38,
};
export const ETCD: TargetPlan = {
  target: "etcd",
  version: "3.5.17",
  operations: {
    read: { opsPerSecond: 15_200, latencyMicros: 2_400 },
    write: { opsPerSecond: 1_690, latencyMicros: 4_700 },
  },
  cpuMicrosPerOperation: 71,
};

/** Three targets, reads and writes, five interleaved rounds. */
export const threeTargets = (seed = 1): RunResult =>
  makeResult({ seed, targets: [CORE, ZOOKEEPER, ETCD], rounds: 5, seconds: 20, spread: 0.04 });

/** A leader is killed in each round of a three-server ensemble. */
export function leaderKill(seed = 2): RunResult {
  const write = (opsPerSecond: number, latencyMicros: number): TargetPlan["operations"] => ({
    write: { opsPerSecond, latencyMicros },
  });
  const outage = (seconds: number): NonNullable<TargetPlan["outage"]> => ({
    atSecond: 8,
    seconds,
    fault: "kill leader",
  });
  const result = makeResult({
    seed,
    kind: "scenario",
    profile: "leader-kill",
    servers: 3,
    targets: [
      { ...ZOOKEEPER, operations: write(2_100, 9_000), outage: outage(3) },
      { ...ETCD, operations: write(1_300, 14_000), outage: outage(2) },
    ],
    rounds: 3,
    seconds: 24,
    spread: 0.05,
  });
  return {
    ...result,
    ratios: [],
    thresholds: [
      { target: "zookeeper", metric: "outage", expression: "max<10s", observed: 2_870_000, passed: true },
      { target: "etcd", metric: "latency", expression: "p(99)<5ms", observed: 41_000, passed: false },
    ],
  };
}

/** Ended by Ctrl-C in the second round: one target has fewer rounds, another only an operation without samples. */
export function interrupted(seed = 3): RunResult {
  const result = makeResult({
    seed,
    targets: [CORE, ZOOKEEPER, ETCD],
    rounds: 1,
    seconds: 5,
    spread: 0.03,
    interrupted: true,
  });
  const targets = result.targets.map((target, index) =>
    index === 0
      ? target
      : {
          ...target,
          rounds: [],
          operations: target.operations.map((operation) => ({
            ...operation,
            ok: 0,
            opsPerSecond: 0,
            latency: index === 1 ? null : histogramOf([]),
          })),
        },
  );
  return {
    ...result,
    targets,
    ratios: result.ratios.map((ratio) => ({
      ...ratio,
      value: null,
      interval: null,
      pairs: 0,
      min: null,
      max: null,
      note: "too few samples",
    })),
  };
}

/** Everything that forbids a headline: a cold target, saturated clients, an invalid and an unknown check. */
export function insufficient(seed = 4): RunResult {
  const result = makeResult({
    seed,
    targets: [
      { ...CORE, saturated: true },
      {
        ...ZOOKEEPER,
        steady: false,
        checks: [
          {
            name: "zxid never regresses within a session",
            verdict: "invalid",
            detail: "session 0x100000001 saw 0x1a4 after 0x1a9 </script><b>",
            observations: 9_120,
          },
          {
            name: "writes are ordered as real time demands",
            verdict: "unknown",
            detail: "no write was seen",
            observations: 0,
          },
        ],
      },
    ],
    rounds: 3,
    seconds: 6,
    spread: 0.05,
  });
  return {
    ...result,
    warnings: [
      ...result.warnings,
      { target: "core", code: "client-saturated", message: "the load worker was busy 98% of the time" },
      { target: null, code: "target-missing", message: "etcd was not found: run zabench targets install" },
    ],
  };
}

/** One probe; latency grows towards the capacity, and with the backlog beyond it. */
function sweepPoint(purpose: SweepPoint["purpose"], asked: number, capacity: number, median: number): SweepPoint {
  const held = asked <= capacity;
  const load = Math.min(0.98, asked / capacity);
  const latency = held ? median / (1 - load * 0.97) : 1e6 * (asked / capacity - 0.9);
  return {
    purpose,
    askedPerSecond: asked,
    achievedPerSecond: Math.min(asked, capacity),
    durationMicros: 5e6,
    held,
    reasons: held
      ? []
      : [
          `total p(99)<10ms: ${Math.round(latency / 1e3)} ms`,
          `answered ${((capacity / asked) * 100).toFixed(1)}% of what was due`,
        ],
    clientLimited: false,
    latency: histogramSummary([latency * 0.6, latency * 0.7, latency, latency * 2.1]),
    errors: 0,
    backlogAtStart: 3,
    backlogAtEnd: held ? 4 : Math.round((asked - capacity) * 5),
    sendLagP99: 190,
    cpuMicrosPerOperation: 21.5,
  };
}

/** A sweep of two targets: the rate of one was found, the other's was beyond what the clients could make. */
export function swept(seed = 5): RunResult {
  const base = makeResult({
    seed,
    kind: "sweep",
    profile: "read-heavy",
    servers: 3,
    targets: [CORE, ZOOKEEPER],
    rounds: 5,
    seconds: 5,
    spread: 0.01,
    ratePerSecond: 24_000,
  });
  const targets = (
    [
      ["core", 61_000, 260, "client-saturated"],
      ["zookeeper", 24_300, 520, "found"],
    ] as const
  ).map(([target, capacity, median, outcome]): TargetSweep => {
    const rate = capacity * 0.985;
    const rates = [0.25, 0.5, 1.02, 0.75, 0.93].map((share) => share * capacity);
    const points = [
      ...rates.map((asked, index) => sweepPoint(index < 3 ? "bracket" : "bisect", asked, capacity, median)),
      ...[1, 2, 3, 4, 5].map(() => sweepPoint("confirm", rate, capacity, median)),
      ...[1, 2].map(() => sweepPoint("beyond", rate * 1.25, capacity, median)),
    ].map((point) => ({ ...point, clientLimited: outcome === "client-saturated" && !point.held }));
    const curve = [...new Set(points.map(({ askedPerSecond }) => askedPerSecond))]
      .sort((a, b) => a - b)
      .map((asked): SweepCurvePoint => {
        const own = points.filter(({ askedPerSecond }) => askedPerSecond === asked);
        const windowsHeld = own.filter(({ held }) => held).length;
        const [{ achievedPerSecond, latency }] = own as [SweepPoint];
        return { askedPerSecond: asked, achievedPerSecond, windows: own.length, windowsHeld, latency };
      });
    return { target, outcome, ratePerSecond: rate, confirmed: true, points, curve };
  });
  return {
    ...base,
    ratios: [],
    sweep: {
      objectives: ["total p(99)<10ms"],
      probeMicros: 5e6,
      tolerance: 0.05,
      ratePerSecondMax: 1e6,
      targets,
    },
  };
}
