import type { LoadReport } from "../load/load.js";
import { totalOf } from "../merge-records.js";
import type { OperationResult, RoundResult, SweepPoint } from "../result.js";
import { evaluateThreshold, formatThresholdFigure, isOfLatency, type Threshold } from "../thresholds.js";
import { samplesOf } from "./objectives.js";

/** The share of what was due in a window that must be answered in it. */
const KEPT_UP_MIN = 0.99;
/** A backlog grows where it more than doubles in a window, by more than this share of what was due, and more than a few. */
const BACKLOG_GROWTH_SHARE = 0.005;
const BACKLOG_GROWTH_MIN = 10;
/** Where the client's own lateness is more than this share of the latency, the latency is the client's. */
const LAG_SHARE_MAX = 0.5;

/** Of the samples that an objective takes: what is drawn by weight, or arrives by chance, comes to a little less at times. */
const SAMPLES_SHARE_MIN = 0.5;

export interface ProbeBasis {
  readonly objectives: readonly Threshold[];
  /** Operations that count, as of a profile. */
  readonly counted: readonly string[];
  /** The share of operations that may fail. */
  readonly errorsMax: number;
}

/**
 * Whether a target sustained a rate in one window: it held the objectives, answered what fell due, left no growing backlog
 * and failed no more than it may. What was due is counted, not computed: Poisson arrivals are never exactly the rate.
 */
export function judgeProbe(
  purpose: SweepPoint["purpose"],
  askedPerSecond: number,
  round: RoundResult,
  reports: readonly LoadReport[],
  basis: ProbeBasis,
): SweepPoint {
  const operations = reports.flatMap((report) => report.operations);
  const sum = (figure: (operation: (typeof operations)[number]) => number): number =>
    operations.reduce((total, operation) => total + figure(operation), 0);
  const ok = sum((operation) => operation.ok);
  const errors = sum((operation) => countOf(operation.errors));
  const answered = sum((operation) => operation.answeredInWindow);
  const backlogAtStart = sum((operation) => operation.backlogAtStart);
  const backlogAtEnd = sum((operation) => operation.backlogAtEnd);
  const due = ok + errors;
  const total = totalOf(round.operations, basis.counted);
  const reasons: string[] = [];
  let untold = false;
  let slowByItself = false;
  for (const objective of basis.objectives) {
    const { metric, expression } = objective;
    const operation = metric === "total" ? total : round.operations.find((each) => each.name === metric);
    const samples = operation?.latency?.count ?? 0;
    if (samples > 0 && samples < SAMPLES_SHARE_MIN * samplesOf(objective)) {
      reasons.push(`${metric} ${expression}: ${samples} samples, too few to tell`);
      untold = true;
      continue;
    }
    const { observed, passed } = evaluateThreshold(objective, "", operation);
    if (passed) continue;
    slowByItself ||= isMissedFromSend(objective, operation);
    const figure = observed === null ? "no samples" : formatThresholdFigure(objective, observed);
    reasons.push(`${metric} ${expression}: ${figure}`);
  }
  if (answered < KEPT_UP_MIN * due) {
    reasons.push(`answered ${((answered / Math.max(1, due)) * 100).toFixed(1)}% of what was due`);
  }
  if (backlogAtEnd > 2 * backlogAtStart + Math.max(BACKLOG_GROWTH_MIN, BACKLOG_GROWTH_SHARE * due)) {
    reasons.push(`the backlog grew from ${backlogAtStart} to ${backlogAtEnd} operations`);
  }
  if (due === 0 || errors > basis.errorsMax * due) reasons.push(`${errors} of ${due} operations failed`);
  const { client } = round;
  const lag = client.sendLag?.p99 ?? 0;
  const late = total.latency !== null && lag > LAG_SHARE_MAX * total.latency.p99;
  const held = reasons.length === 0;
  // A target that refuses is no fault of the client's, however busy it is; what it could not send or await may be.
  const refused =
    sum(({ errors: { UNSENT = 0, UNANSWERED = 0, ...others } }) => countOf(others)) > basis.errorsMax * due;
  // Nor is it where too little was asked to tell.
  // Nor can lateness be why where it is left out of the count and the objective is missed all the same.
  const clientLimited = !held && !refused && !untold && (client.saturated || (late && !slowByItself));
  if (clientLimited) reasons.push(client.saturated ? "a load worker was saturated" : "the sends themselves were late");
  const cpuMicros = round.members.reduce((used, member) => used + member.cpuMicros, 0);
  return {
    purpose,
    askedPerSecond,
    achievedPerSecond: round.durationMicros === 0 ? 0 : (answered / round.durationMicros) * 1e6,
    durationMicros: round.durationMicros,
    held,
    reasons,
    clientLimited,
    latency: summaryOf(total.latency),
    errors,
    backlogAtStart,
    backlogAtEnd,
    sendLagP99: client.sendLag?.p99 ?? null,
    cpuMicrosPerOperation: round.members.length === 0 || total.ok === 0 ? null : cpuMicros / total.ok,
  };
}

/** True where a latency objective that was missed is missed from the actual send too: then the target is too slow for it. */
function isMissedFromSend(objective: Threshold, operation: OperationResult | undefined): boolean {
  if (!isOfLatency(objective) || operation === undefined || operation.service === null) return false;
  return !evaluateThreshold(objective, "", { ...operation, latency: operation.service }).passed;
}

function countOf(errors: Readonly<Record<string, number>>): number {
  return Object.values(errors).reduce((total, count) => total + count, 0);
}

function summaryOf(latency: RoundResult["operations"][number]["latency"]): SweepPoint["latency"] {
  if (latency === null) return null;
  const { encoded: _, ...summary } = latency;
  return summary;
}
