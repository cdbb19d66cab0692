import type { CheckRecord, RoundResult, RunResult, TargetResult, ThresholdRecord } from "../bench/result.js";
import { costPerOperation, okCount } from "./figures.js";
import { list, percent, significant } from "./format.js";
import { median, separationProbability } from "./rank.js";
import { OPERATIONS_MIN, samplesNeeded } from "./samples.js";

/** What can be gated on, and which way is worse. */
export const GATE_METRICS = {
  opsPerSecond: { name: "throughput", unit: "operations/s", worse: "lower" },
  p50: { name: "median latency", unit: "µs", worse: "higher" },
  p99: { name: "p99 latency", unit: "µs", worse: "higher" },
  cpuMicrosPerOperation: { name: "server CPU per operation", unit: "µs", worse: "higher" },
} as const;
export type GateMetric = keyof typeof GATE_METRICS;

/**
 * Rounds differ by chance. A loss counts only where the rounds lie beyond what is tolerated of the baseline's rounds, and
 * would do so by chance with at most this probability (exact rank-sum test, one-sided). Three rounds on each side just
 * suffice, and then each must be worse than all that is tolerated.
 */
export const CHANCE_MAX = 0.05;

export interface GateOptions {
  /** A loss up to this fraction is tolerated: 0.1 is 10%. */
  readonly maxRegression: number;
  /** The target whose own figure in the same job each figure is divided by. */
  readonly reference: string;
  readonly metrics: readonly GateMetric[];
}

export type GateVerdict = "passed" | "regression" | "within-spread" | "insufficient";

/** One metric of one target and operation, now against the baseline. */
export interface GateComparison {
  readonly target: string;
  /** "all" for a figure that servers have for all operations together. */
  readonly operation: string;
  readonly metric: GateMetric;
  /** The target both figures were divided by; null where they are absolute, in the metric's unit. */
  readonly reference: string | null;
  readonly baseline: number | null;
  readonly current: number | null;
  /** The same of each round, lowest first. */
  readonly baselineRounds: readonly number[];
  readonly currentRounds: readonly number[];
  /** Above 0 is worse, by that fraction; below 0 is better. Null where there is no figure. */
  readonly loss: number | null;
  readonly verdict: GateVerdict;
  readonly sentence: string;
}

export interface GateReport {
  readonly passed: boolean;
  readonly exitCode: 0 | 3 | 4 | 5;
  readonly comparisons: readonly GateComparison[];
  readonly thresholds: readonly ThresholdRecord[];
  readonly checks: readonly (CheckRecord & { readonly target: string })[];
  /** Why the result as a whole cannot pass, beside its comparisons and checks: interrupted, nothing comparable. */
  readonly incomplete: readonly string[];
  readonly warnings: readonly string[];
  readonly summary: string;
}

/**
 * Compares a result to a baseline of the same profile. Each figure is divided by the same figure of the reference target,
 * measured in the same job, where both results have it: a baseline from another machine is otherwise none.
 * Exit codes: 4 a check is invalid, else 3 a regression or a missed threshold, else 5 not enough to tell, else 0.
 */
export function gate(baseline: RunResult, current: RunResult, options: GateOptions): GateReport {
  const reference = findReference(baseline, current, options.reference);
  const comparisons = baseline.targets
    .filter((target) => target.label !== reference)
    .flatMap((target) => compareTarget(baseline, current, target.label, reference, options));
  const checks = current.targets.flatMap((target) =>
    target.checks.map((check) => ({ ...check, target: target.label })),
  );
  const missed = current.thresholds.filter((threshold) => !threshold.passed);
  const regressions = comparisons.filter((comparison) => comparison.verdict === "regression");
  const invalid = checks.filter((check) => check.verdict === "invalid");
  const differences = incomparable(baseline, current, reference);
  const comparable = differences.length === 0;
  const incomplete = [
    ...(current.interrupted ? ["The run was interrupted: its result is not complete."] : []),
    ...(comparisons.length === 0 ? ["The results have no target and operation to compare."] : []),
    ...current.targets
      .filter((target) => target.checks.length === 0)
      .map((target) => `${target.label} was not checked: its answers are neither right nor wrong.`),
    ...differences,
  ];
  const untold =
    incomplete.length +
    checks.filter((check) => check.verdict === "unknown").length +
    comparisons.filter((comparison) => comparison.verdict === "insufficient").length;
  const lost = comparable ? regressions.length : 0;
  const exitCode = invalid.length > 0 ? 4 : lost + missed.length > 0 ? 3 : untold > 0 ? 5 : 0;
  const outcomes = [
    ...(invalid.length > 0 ? [`${invalid.length} failed checks`] : []),
    ...(lost > 0 ? [`${lost} regressions`] : []),
    ...(missed.length > 0 ? [`${missed.length} missed thresholds`] : []),
    ...(untold > 0 ? [`${untold} things it cannot tell`] : []),
  ];
  return {
    passed: exitCode === 0,
    exitCode,
    comparisons,
    thresholds: current.thresholds,
    checks,
    incomplete,
    warnings: warningsOf(baseline, current, reference, options),
    summary:
      exitCode === 0
        ? `The gate passed: ${comparisons.length} figures, none worse by more than ${percent(options.maxRegression)} beyond the spread of the rounds.`
        : `The gate did not pass: ${list(outcomes)}.`,
  };
}

/** The reference, where both results measured it and another target beside it. */
function findReference(baseline: RunResult, current: RunResult, label: string): string | null {
  const has = (result: RunResult): boolean =>
    result.targets.length > 1 && result.targets.some((target) => target.label === label && target.rounds.length > 0);
  return has(baseline) && has(current) ? label : null;
}

const ENVIRONMENT_KEYS = ["cpuModel", "cores", "memoryBytes", "platform", "kernel", "node"] as const;
const LOAD_KEYS = ["connections", "depth", "ratePerSecond"] as const;

/** Why figures of the two results are figures of different things, so that neither a loss nor its absence means anything. */
function incomparable(baseline: RunResult, current: RunResult, reference: string | null): readonly string[] {
  const reasons: string[] = [];
  const differing = ENVIRONMENT_KEYS.filter((key) => baseline.environment[key] !== current.environment[key]);
  if (reference === null && differing.length > 0) {
    const changes = differing.map((key) => `${key} ${baseline.environment[key]} against ${current.environment[key]}`);
    reasons.push(
      `The baseline is from another environment (${list(changes)}): it is no baseline for absolute figures.`,
    );
  }
  for (const target of current.targets) {
    const before = baseline.targets.find((each) => each.label === target.label);
    if (before === undefined) continue;
    if (before.servers !== target.servers) {
      reasons.push(`${target.label} has ${target.servers} servers, in the baseline ${before.servers}.`);
    }
    const [was, is] = [before.rounds[0]?.client, target.rounds[0]?.client];
    if (was === undefined || is === undefined) continue;
    const changes = LOAD_KEYS.filter((key) => was[key] !== is[key]).map(
      (key) => `${key} ${was[key] ?? "none"} against ${is[key] ?? "none"}`,
    );
    if (changes.length > 0) reasons.push(`${target.label} was under another load in the baseline: ${list(changes)}.`);
  }
  return reasons;
}

function warningsOf(
  baseline: RunResult,
  current: RunResult,
  reference: string | null,
  options: GateOptions,
): readonly string[] {
  const warnings: string[] = [];
  if (reference === null) {
    warnings.push(
      `Figures are absolute, since '${options.reference}' was not measured beside other targets in both results; measure it in the same run to compare ratios.`,
    );
  }
  if (baseline.startedAt === current.startedAt) warnings.push("Baseline and result are of one and the same run.");
  if (baseline.profile.text !== current.profile.text)
    warnings.push("The profile's text has changed since the baseline.");
  if (JSON.stringify(sorted(baseline.profile.overrides)) !== JSON.stringify(sorted(current.profile.overrides))) {
    warnings.push("The options over the profile differ from those of the baseline.");
  }
  for (const target of current.targets) {
    const before = baseline.targets.find((each) => each.label === target.label);
    if (before === undefined) warnings.push(`${target.label} is not in the baseline and was not compared.`);
    else if (target.label === reference && before.version !== target.version) {
      warnings.push(
        `The reference ${reference} is ${target.version}, in the baseline ${before.version}: ratios shift with it.`,
      );
    }
    if (target.rounds.some((round) => round.client.saturated)) {
      warnings.push(`The clients were the limit against ${target.label}: a slower server may not show.`);
    }
  }
  return warnings;
}

const sorted = (record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] =>
  Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

function compareTarget(
  baseline: RunResult,
  current: RunResult,
  label: string,
  reference: string | null,
  options: GateOptions,
): readonly GateComparison[] {
  const operations = baseline.targets.find((target) => target.label === label)?.operations ?? [];
  return options.metrics.flatMap((metric) => {
    if (metric === "cpuMicrosPerOperation" && !costIsKnown(baseline, current, [label, reference])) return [];
    const names = metric === "cpuMicrosPerOperation" ? ["all"] : operations.map((operation) => operation.name);
    return names.map((operation) => {
      const figure = { label, reference, operation, metric };
      return compare(figure, figuresOf(baseline, figure), figuresOf(current, figure), options);
    });
  });
}

/** An attached target's processes cannot be looked into: where they never could, there is nothing to compare. */
function costIsKnown(baseline: RunResult, current: RunResult, labels: readonly (string | null)[]): boolean {
  return labels.every(
    (label) =>
      label === null ||
      [baseline, current].some((result) =>
        result.targets.some(
          (target) => target.label === label && target.rounds.some((round) => round.members.length > 0),
        ),
      ),
  );
}

interface Figure {
  readonly label: string;
  readonly reference: string | null;
  readonly operation: string;
  readonly metric: GateMetric;
}

/** A figure of all rounds together and of each; or why there is none. */
interface Figures {
  readonly value: number | null;
  readonly rounds: readonly number[];
  readonly lacking: string | null;
}

const none = (lacking: string): Figures => ({ value: null, rounds: [], lacking });

function figuresOf(result: RunResult, { label, reference, operation, metric }: Figure): Figures {
  const own = targetFigures(result, label, operation, metric);
  if (reference === null || own.lacking !== null) return ascending(own);
  const other = targetFigures(result, reference, operation, metric);
  if (other.lacking !== null) return none(other.lacking);
  // Rounds of one index were measured next to each other, so what slowed both cancels out.
  const rounds = [...own.byRound].flatMap(([index, figure]) => {
    const divisor = other.byRound.get(index);
    return divisor === undefined || divisor === 0 ? [] : [figure / divisor];
  });
  if (other.value === 0) return none(`${reference} has no ${GATE_METRICS[metric].name} to divide by`);
  return { value: own.value / other.value, rounds: rounds.sort((a, b) => a - b), lacking: null };
}

interface TargetFigures {
  readonly value: number;
  readonly byRound: ReadonlyMap<number, number>;
  readonly lacking: string | null;
}

function ascending({ value, byRound, lacking }: TargetFigures): Figures {
  return lacking === null ? { value, rounds: [...byRound.values()].sort((a, b) => a - b), lacking } : none(lacking);
}

function targetFigures(result: RunResult, label: string, operation: string, metric: GateMetric): TargetFigures {
  const without = (lacking: string): TargetFigures => ({ value: 0, byRound: new Map(), lacking });
  const target = result.targets.find((each) => each.label === label);
  if (target === undefined) return without(`${label} was not measured`);
  if (!target.warmUp.steady) return without(`${label} was not warmed`);
  const { counted } = result;
  const whole = figureOf(target, target.rounds, counted, { operation, metric });
  if (whole === null) return without(`${label} has too few samples`);
  const byRound = new Map<number, number>();
  for (const round of target.rounds) {
    const figure = figureOf(round, [round], counted, { operation, metric });
    if (figure !== null) byRound.set(round.index, figure);
  }
  return { value: whole, byRound, lacking: null };
}

function operationFigure(
  source: Pick<TargetResult | RoundResult, "operations">,
  name: string,
  metric: "opsPerSecond" | "p50" | "p99",
): number | null {
  const found = source.operations.find((each) => each.name === name);
  if (found === undefined) return null;
  if (metric === "opsPerSecond") return found.ok < OPERATIONS_MIN ? null : found.opsPerSecond;
  return found.latency === null || found.latency.count < samplesNeeded(metric) ? null : found.latency[metric];
}

/** Of the target as a whole or of one round of it; `rounds` are what the cost is of. */
function figureOf(
  source: Pick<TargetResult | RoundResult, "operations">,
  rounds: readonly RoundResult[],
  counted: readonly string[],
  { operation, metric }: Pick<Figure, "operation" | "metric">,
): number | null {
  if (metric !== "cpuMicrosPerOperation") return operationFigure(source, operation, metric);
  return okCount(source.operations) < OPERATIONS_MIN ? null : costPerOperation(rounds, counted).cpuMicros;
}

function compare(figure: Figure, baseline: Figures, current: Figures, options: GateOptions): GateComparison {
  const { name, unit, worse } = GATE_METRICS[figure.metric];
  const what = `${figure.label}, ${figure.operation}: ${name}`;
  const common = {
    target: figure.label,
    operation: figure.operation,
    metric: figure.metric,
    reference: figure.reference,
    baseline: baseline.value,
    current: current.value,
    baselineRounds: baseline.rounds,
    currentRounds: current.rounds,
  };
  const lacking = [
    ...(baseline.lacking === null ? [] : [`in the baseline ${baseline.lacking}`]),
    ...(current.lacking === null ? [] : [`in this result ${current.lacking}`]),
  ];
  const [before, now] = [baseline.value, current.value];
  if (before === null || now === null || before === 0 || lacking.length > 0) {
    const why = lacking.length > 0 ? list(lacking) : "the baseline's figure is 0";
    return { ...common, loss: null, verdict: "insufficient", sentence: `${what} cannot be compared: ${why}.` };
  }
  const loss = worse === "lower" ? 1 - now / before : now / before - 1;
  const place = figure.reference === null ? ` ${unit}` : ` times that of ${figure.reference}`;
  const change =
    Math.abs(loss) < 0.0005 ? "is unchanged" : `is ${percent(Math.abs(loss))} ${loss > 0 ? "worse" : "better"}`;
  const figures = `${what} ${change}, ${significant(now)}${place} against ${significant(before)}`;
  const counts = `${current.rounds.length} rounds with enough samples against ${baseline.rounds.length}`;
  // Ranks that separate the two sides completely are the clearest outcome there can be with so many rounds.
  const separable = (rounds: readonly number[], others: readonly number[]): boolean =>
    separationProbability(
      rounds.map(() => 1),
      others.map(() => 0),
    ) <= CHANCE_MAX;
  if (!separable(current.rounds, baseline.rounds)) {
    return {
      ...common,
      loss,
      verdict: "insufficient",
      sentence: `${figures}, but ${counts} are too few to tell it from chance.`,
    };
  }
  if (loss <= options.maxRegression) return { ...common, loss, verdict: "passed", sentence: `${figures}.` };
  // Against the tolerated figures, not the baseline's own: equal software that differs by chance is then far from failing,
  // however many figures are judged.
  const factor = worse === "lower" ? 1 - options.maxRegression : 1 + options.maxRegression;
  const tolerated = baseline.rounds.map((round) => round * factor);
  const chance =
    worse === "lower"
      ? separationProbability(tolerated, current.rounds)
      : separationProbability(current.rounds, tolerated);
  if (chance <= CHANCE_MAX) {
    return {
      ...common,
      loss,
      verdict: "regression",
      sentence: `${figures}: a regression beyond the limit of ${percent(options.maxRegression)} and the spread of the rounds.`,
    };
  }
  const range = (rounds: readonly number[]): string =>
    `${significant(rounds[0] ?? 0)} to ${significant(rounds.at(-1) ?? 0)}, median ${significant(median(rounds))}`;
  return {
    ...common,
    loss,
    verdict: "within-spread",
    sentence: `${figures}, but not beyond the limit by more than the spread of the rounds (${range(current.rounds)}; baseline ${range(baseline.rounds)}): run more rounds to be sure.`,
  };
}
