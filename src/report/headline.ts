import type { RatioRecord, RunResult, TargetResult } from "../bench/result.js";
import { errorCount, isOpenLoop, okCount, saturatedRounds } from "./figures.js";
import { duration, elapsed, integer, list, observedText, percent, ratio } from "./format.js";
import { METRIC_NAMES, ratioSentence } from "./ratio-sentences.js";

/** What a reader must know before any figure; `bad` things forbid conclusions, `caution` ones weaken them. */
export interface Notice {
  readonly tone: "bad" | "caution";
  readonly title: string;
  readonly text: string;
}

/** Said once for each pair of targets and kind of operation. */
export interface Comparison {
  readonly numerator: string;
  readonly denominator: string;
  readonly operation: string;
  /** The figure to print large, "2.10×"; null where there is none to be had. */
  readonly figure: string | null;
  /** What the figure is, "reads per second". */
  readonly caption: string;
  readonly sentences: readonly string[];
}

/** Everything that forbids or weakens a conclusion, the gravest first. */
export function notices(result: RunResult): readonly Notice[] {
  const checks = result.targets.flatMap((target) => target.checks.map((check) => ({ target: target.label, ...check })));
  const invalid: Notice[] = checks
    .filter((check) => check.verdict === "invalid")
    .map((check) => ({
      tone: "bad",
      title: `${check.target} was inconsistent`,
      text: `The check "${check.name}" failed: ${check.detail}. Figures of a target that breaks its promises are not worth comparing.`,
    }));
  const unknown: Notice[] = checks
    .filter((check) => check.verdict === "unknown")
    .map((check) => ({
      tone: "bad",
      title: `${check.target}: a check could not be made`,
      text: `"${check.name}" is neither passed nor failed: ${check.detail}. The run does not pass on it.`,
    }));
  const unchecked: Notice[] = result.targets
    .filter((target) => target.checks.length === 0)
    .map((target) => ({
      tone: "bad",
      title: `${target.label} was not checked`,
      text: "No check was made of its answers, so they are neither right nor wrong. The run does not pass on it.",
    }));
  const thresholds: Notice[] = result.thresholds
    .filter((threshold) => !threshold.passed)
    .map((threshold) => ({
      tone: "bad",
      title: `Threshold missed by ${threshold.target}`,
      text:
        threshold.observed === null
          ? `${threshold.metric} must hold ${threshold.expression}, and there were no samples.`
          : `${threshold.metric} must hold ${threshold.expression}; observed ${observedText(threshold.expression, threshold.observed)}.`,
    }));
  const early: Notice[] = result.interrupted
    ? [
        {
          tone: "caution",
          title: "Interrupted",
          text: `The run was ended early, after ${elapsed(result.durationMicros)}: it holds what had been measured by then.`,
        },
      ]
    : [];
  const empty: Notice[] = result.targets
    .filter((target) => okCount(target.operations) === 0)
    .map((target) => ({
      tone: "caution",
      title: `${target.label} was not measured`,
      text:
        errorCount(target.operations) === 0
          ? "No operation was finished against it."
          : `No operation succeeded, ${integer(errorCount(target.operations))} failed.`,
    }));
  return [...invalid, ...unknown, ...unchecked, ...thresholds, ...early, ...empty, ...weaknesses(result.targets)];
}

/** One notice for all targets that a weakness is common to. */
function weaknesses(targets: readonly TargetResult[]): readonly Notice[] {
  const saturated = targets.filter((target) => saturatedRounds(target).length > 0);
  const unsteady = targets.filter(({ warmUp }) => !warmUp.steady);
  const limited = saturated.map(
    (target) => `${saturatedRounds(target).length} of ${target.rounds.length} rounds of ${target.label}`,
  );
  const warmUps = unsteady.map(({ label, warmUp }) => `${label} after ${duration(warmUp.durationMicros)}`);
  const found: Notice[] = [];
  if (saturated.length > 0) {
    found.push({
      tone: "caution",
      title: `Clients saturated against ${one(saturated) ?? `${saturated.length} targets`}`,
      text: `The load generator was the limit, not the servers, in ${list(limited)}: the servers may be faster than shown.`,
    });
  }
  if (unsteady.length > 0) {
    const who = one(unsteady);
    found.push({
      tone: "caution",
      title: who === undefined ? `${unsteady.length} targets were not warmed` : `${who} was not warmed`,
      text: `Throughput was not yet steady at the end of the warm-up: ${list(warmUps)}. The figures are shown, but no ratio is drawn from them.`,
    });
  }
  return found;
}

function one(targets: readonly TargetResult[]): string | undefined {
  return targets.length === 1 ? targets[0]?.label : undefined;
}

/** One for each pair of targets and operation that a ratio could be drawn of, in the result's order. */
export function comparisons(result: RunResult): readonly Comparison[] {
  return compared(result)
    .filter(hasRatio)
    .map((group) => comparison(result, group));
}

/** Why no ratio could be drawn, and of what. */
export interface WithoutRatio {
  readonly reason: string;
  /** "core over etcd (read, total)", each pair once. */
  readonly pairs: readonly string[];
}

/** Each reason once, of all pairs of targets that there is no ratio of. */
export function withoutRatio(result: RunResult): readonly WithoutRatio[] {
  const missing = compared(result).flatMap((group) => (hasRatio(group) ? [] : group));
  return grouped(missing, ({ note }) => note).map((records) => ({
    reason: (records[0] as RatioRecord).note || "too few samples",
    pairs: grouped(records, ({ numerator, denominator }) => `${numerator} over ${denominator}`).map((pair) => {
      const { numerator, denominator } = pair[0] as RatioRecord;
      return `${numerator} over ${denominator} (${[...new Set(pair.map(({ operation }) => operation))].join(", ")})`;
    }),
  }));
}

/** The records of each pair of targets and operation. */
function compared(result: RunResult): readonly (readonly RatioRecord[])[] {
  return grouped(result.ratios, ({ numerator, denominator, operation }) =>
    JSON.stringify([numerator, denominator, operation]),
  );
}

function hasRatio(group: readonly RatioRecord[]): boolean {
  return group.some(({ value }) => value !== null);
}

/** In the order of each key's first. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

function comparison(result: RunResult, group: readonly RatioRecord[]): Comparison {
  const { numerator, denominator, operation } = group[0] as RatioRecord;
  const metric = (name: RatioRecord["metric"]): RatioRecord | undefined =>
    group.find((record) => record.metric === name);
  // Throughput of an open loop is what was offered.
  const leading = metric(isOpenLoop(result) ? "p99" : "opsPerSecond") ?? (group[0] as RatioRecord);
  const { value } = leading;
  const sentences = group.map((record) => ratioSentence(result, record));
  return {
    numerator,
    denominator,
    operation,
    figure: value === null ? null : ratio(value),
    caption: captionOf(leading.metric, operation),
    sentences,
  };
}

function captionOf(metric: RatioRecord["metric"], operation: string): string {
  if (metric === "opsPerSecond") return `${operation} operations per second`;
  const name = METRIC_NAMES[metric];
  return `${metric === "cpuMicrosPerOperation" ? name : `${name} of ${operation}`}, lower is better`;
}

/** What clients felt of each kind of fault, a sentence for each target. */
export function outageSentences(result: RunResult): readonly string[] {
  return result.targets.flatMap((target) => {
    const faults = [...new Set(target.outages.map((outage) => outage.fault))];
    return faults.map((fault) => {
      const felt = target.outages.filter((outage) => outage.fault === fault);
      const ended = felt.flatMap((outage) => (outage.overallMicros === null ? [] : [outage.overallMicros]));
      const never = felt.length - ended.length;
      const lost = felt.reduce((sum, outage) => sum + outage.sessionsLost, 0);
      const sorted = [...ended].sort((a, b) => a - b);
      const times = felt.length === 1 ? "" : ` in ${felt.length} rounds`;
      const length =
        sorted.length === 0
          ? "no client was served again"
          : sorted.length === 1
            ? `no client was served for ${duration(sorted[0] as number)}`
            : `no client was served for ${duration(sorted[0] as number)} to ${duration(sorted.at(-1) as number)}`;
      const rest = [
        ...(never > 0 && sorted.length > 0 ? [`${never} times service never came back`] : []),
        lost === 0 ? "no session was lost" : `${integer(lost)} sessions were lost`,
      ];
      return `${target.label}, ${fault}${times}: ${length}; ${list(rest)}.`;
    });
  });
}

/** How far the rounds of one operation lie apart, as a fraction of their mean; null with fewer than two. */
export function throughputSpread(target: TargetResult, operation: string): string | null {
  const rates = target.rounds.flatMap((round) =>
    round.operations.filter((each) => each.name === operation).map((each) => each.opsPerSecond),
  );
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  if (rates.length < 2 || mean === 0) return null;
  return percent((Math.max(...rates) - Math.min(...rates)) / 2 / mean);
}
