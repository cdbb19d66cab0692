import type { RunResult, TargetSweep } from "../bench/result.js";
import { duration, list, percent, perSecond } from "./format.js";

/** What a sweep found of one target, in plain words. */
export function sweepSentence(result: RunResult, sweep: TargetSweep): string {
  const { target, ratePerSecond, confirmed } = sweep;
  const objectives = list(result.sweep?.objectives ?? []);
  const rate = ratePerSecond === null ? "no rate" : `${perSecond(ratePerSecond)} operations/s`;
  const windows = confirmationWords(sweep);
  switch (sweep.outcome) {
    case "found":
      return `${target} sustains ${rate} with ${objectives}${shape(result, target)}: ${windows}, and ${beyondWords(sweep)}.`;
    case "rate-max":
      return `${target} sustains ${rate} with ${objectives}${shape(result, target)}: ${windows}. That was the highest rate allowed; it may sustain more.`;
    case "client-saturated":
      return ratePerSecond === null
        ? `${target}: no rate can be named, since the load generator was the limit.`
        : `${target} sustains at least ${rate} with ${objectives}${confirmed ? `: ${windows}` : ""}. Beyond that the load generator was the limit, not the target.`;
    case "none":
      return `${target} sustained no rate that can be judged with ${objectives}${lastReason(sweep)}.`;
    case "unsettled":
      return ratePerSecond === null
        ? `${target}: the probes allowed were used up before any rate held with ${objectives}.`
        : `${target}: the probes allowed were used up; the highest rate that held with ${objectives} is ${rate}, ${confirmed ? windows : "not confirmed"}.`;
    case "interrupted":
    case "lost": {
      const ended = sweep.outcome === "lost" ? "the run was ended early" : "interrupted";
      return ratePerSecond === null
        ? `${target}: ${ended} before any rate held.`
        : `${target}: ${ended}; the highest rate that had held by then is ${rate}, ${confirmed ? windows : "not confirmed"}.`;
    }
  }
}

function confirmationWords({ points, ratePerSecond }: TargetSweep): string {
  const all = points.filter(({ purpose, askedPerSecond }) => purpose === "confirm" && askedPerSecond === ratePerSecond);
  const held = all.filter((point) => point.held).length;
  return `${held} of ${all.length} fresh windows held`;
}

function beyondWords({ points, ratePerSecond }: TargetSweep): string {
  const [last] = points.filter(({ purpose, held }) => purpose === "beyond" && !held).slice(-1);
  if (last === undefined || ratePerSecond === null) return "nothing above it was tried";
  const share = percent(last.askedPerSecond / ratePerSecond - 1);
  return `${perSecond(last.askedPerSecond)} operations/s (${share} more) did not hold: ${list(last.reasons)}`;
}

/** What a rate is of: the same servers do more or less with other connections. */
function shape(result: RunResult, label: string): string {
  const client = result.targets.find((target) => target.label === label)?.rounds[0]?.client;
  return client === undefined ? "" : ` (${client.connections} connections of depth ${client.depth})`;
}

function lastReason({ points }: TargetSweep): string {
  const [lowest] = [...points].sort((a, b) => a.askedPerSecond - b.askedPerSecond);
  if (lowest === undefined) return "";
  const p99 = lowest.latency === null ? "" : ` (p99 ${duration(lowest.latency.p99)})`;
  return `; at ${perSecond(lowest.askedPerSecond)} operations/s: ${list(lowest.reasons)}${p99}`;
}
