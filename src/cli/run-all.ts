import { formatMicros } from "../base/units.js";
import { EXIT, type ExitCode, UserError } from "../base/user-error.js";
import type { LoadedProfile } from "../bench/profile/profile.js";
import type { RunResult } from "../bench/result.js";
import { RunAbortedError, runProfile } from "../bench/run-profile.js";
import { exitCodeOf } from "../bench/verdict.js";
import { prepareReportsRoot, reportFolder, writeReports } from "../report/files.js";
import { observedText } from "../report/format.js";
import { totalPerSecond } from "../report/variants.js";
import type { TargetReference } from "../targets/address.js";
import { TARGET_KINDS } from "../targets/kinds.js";
import type { TargetName } from "../targets/target.js";
import { fitTargets, shownPath } from "./comparison.js";
import { ensembleKey, SharedEnsembles } from "./ensembles.js";
import { Interrupt } from "./interrupt.js";
import type { Output } from "./output.js";
import { Participants } from "./participants.js";
import { Progress } from "./progress.js";
import { hostsOf, requireLoopback } from "./remote.js";
import { alignColumns, formatCount } from "./table.js";

/** The worst first. */
const SEVERITY: readonly ExitCode[] = [
  EXIT.internal,
  EXIT.inconsistent,
  EXIT.interrupted,
  EXIT.regression,
  EXIT.usage,
  EXIT.insufficient,
  EXIT.ok,
];

const VERDICTS: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: "passed",
  [EXIT.internal]: "internal error",
  [EXIT.usage]: "could not run",
  [EXIT.regression]: "threshold missed",
  [EXIT.inconsistent]: "INCONSISTENT",
  [EXIT.insufficient]: "insufficient",
  [EXIT.interrupted]: "interrupted",
};

export interface RunAllOptions {
  readonly profiles: readonly LoadedProfile[];
  /** All that are found on this machine where none is named. */
  readonly targets: readonly TargetReference[];
  /** Of each profile's ensembles. */
  readonly serversOf: (profile: LoadedProfile) => number;
  readonly workers: number;
  readonly out: string;
  readonly json: boolean;
  readonly keep: boolean;
  readonly allowRemote: boolean;
  readonly output: Output;
}

/** A profile and where it can be run. */
interface Planned {
  readonly loaded: LoadedProfile;
  readonly servers: number;
  readonly references: readonly TargetReference[];
  /** Of the ensembles it needs. */
  readonly keys: readonly string[];
}

/** A profile that runs on none of the targets there are: nothing is amiss, and nothing to judge. */
interface Unfit {
  readonly name: string;
  /** Those it runs on. */
  readonly targets: readonly TargetName[];
}

/** What became of one profile. */
interface Done {
  readonly name: string;
  readonly exitCode: ExitCode;
  readonly seconds: number;
  readonly report: string | null;
  readonly targets: readonly { readonly label: string; readonly opsPerSecond: number }[];
  /** What is amiss, for people. */
  readonly reasons: readonly string[];
}

/**
 * Runs profile after profile, each on every target that it can be run on, on ensembles that are started once for each target
 * and size. Writes a report of each; says a line of each, and a table of all. Returns the worst of their exit codes. Those
 * that run on none of the targets are named as such and not judged; where that is all of them, there was too little to run.
 */
export async function runAll(options: RunAllOptions): Promise<ExitCode> {
  const { output } = options;
  await requireLoopback(hostsOf(options.targets), options.allowRemote);
  await prepareReportsRoot(options.out);
  const targets = options.targets.length > 0 ? options.targets : await foundTargets();
  const planned = planOf(options, targets);
  const plan = planned.filter(({ references }) => references.length > 0);
  const unfit = planned
    .filter(({ references }) => references.length === 0)
    .map(({ loaded: { profile } }): Unfit => ({ name: profile.name, targets: fitTargets(profile) }));
  const progress = new Progress(output, undefined, true);
  const interrupt = new Interrupt(() => {
    progress.milestone("interrupted: ending in order, and keeping what was measured; again to end at once");
  });
  const { signal } = interrupt;
  const shared = new SharedEnsembles({ keep: options.keep, signal, tell: (text) => progress.status(text) });
  const done: Done[] = [];
  try {
    for (const [index, next] of plan.entries()) {
      if (signal.aborted) break;
      progress.prefix = `[${index + 1}/${plan.length}] ${next.loaded.profile.name}: `;
      const outcome = await runOne(next, options, shared, progress, signal);
      done.push(outcome);
      progress.milestone(lineOf(outcome, output));
      for (const reason of outcome.reasons) progress.milestone(`  ${reason}`);
      // What a run went wrong on may be what went wrong: the next one gets a fresh one.
      const failed = outcome.exitCode !== EXIT.ok && outcome.exitCode !== EXIT.regression;
      const needed = new Set(plan.slice(index + 1).flatMap(({ keys }) => keys));
      await shared.keepOnly(failed ? new Set([...needed].filter((key) => !next.keys.includes(key))) : needed);
    }
  } finally {
    progress.clear();
    await shared.keepOnly(new Set());
    interrupt.release();
  }
  const codes = [...done.map(({ exitCode }) => exitCode), ...(signal.aborted ? [EXIT.interrupted] : [])];
  if (plan.length === 0) codes.push(EXIT.insufficient);
  const worst = SEVERITY.find((code) => codes.includes(code)) ?? EXIT.ok;
  output.line();
  for (const line of tableOf(done, unfit)) output.line(line);
  output.line();
  const passed = done.filter(({ exitCode }) => exitCode === EXIT.ok).length;
  const seconds = done.reduce((sum, each) => sum + each.seconds, 0);
  output.line(`${passed} of ${plan.length} profiles passed, in ${Math.round(seconds)} s`);
  if (unfit.length > 0) output.line(`${unfit.length} are not for these targets (${namesOf(targets)})`);
  if (options.json) {
    const summary = { exitCode: worst, profiles: done, notForTheseTargets: unfit };
    process.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`);
  }
  return worst;
}

async function foundTargets(): Promise<readonly TargetReference[]> {
  const kinds = Object.values(TARGET_KINDS);
  const found = await Promise.all(kinds.map((kind) => kind.find()));
  return kinds
    .filter((_, index) => (found[index] ?? []).length > 0)
    .map(({ name }) => ({ target: name, addresses: undefined }));
}

function planOf(options: RunAllOptions, targets: readonly TargetReference[]): readonly Planned[] {
  return options.profiles.map((loaded) => {
    const fit = fitTargets(loaded.profile);
    const references = targets.filter(({ target }) => fit.includes(target));
    const { variants } = loaded.profile;
    const servers = options.serversOf(loaded);
    const sizes = variants.length === 0 ? [servers] : variants.map((variant) => variant.profile.servers);
    const http = servesHttp(loaded);
    const keys = references.flatMap((reference) =>
      sizes.map((size) => ensembleKey({ reference, servers: size, http })),
    );
    return { loaded, servers, references, keys };
  });
}

async function runOne(
  { loaded, servers, references }: Planned,
  options: RunAllOptions,
  shared: SharedEnsembles,
  progress: Progress,
  signal: AbortSignal,
): Promise<Done> {
  const startedMs = performance.now();
  const { name, variants } = loaded.profile;
  const ended = (exitCode: ExitCode, reasons: readonly string[], result?: RunResult, report?: string): Done => ({
    name,
    exitCode,
    seconds: (performance.now() - startedMs) / 1_000,
    report: report ?? null,
    targets: (result?.targets ?? []).map((target) => ({
      label: target.label,
      opsPerSecond: result === undefined ? 0 : totalPerSecond(result, target),
    })),
    reasons,
  });
  const tell = (text: string): void => progress.status(text);
  const http = servesHttp(loaded);
  const participants = new Participants({ servers, http, variants, shared, keep: options.keep, signal, tell });
  try {
    for (const reference of references) await participants.add(reference);
    const { workers } = options;
    const onEvent = progress.show;
    const all = participants.all;
    const result = await runProfile({
      profile: loaded,
      participants: all,
      workers,
      signal,
      leaveNothing: true,
      onEvent,
    });
    return ended(exitCodeOf(result), reasonsOf(result), result, await written(result, options.out));
  } catch (error) {
    if (signal.aborted) return ended(EXIT.interrupted, []);
    if (error instanceof RunAbortedError) {
      const report = await written(error.partial, options.out);
      // What ended a run early does not excuse a target that was inconsistent until then.
      const inconsistent = exitCodeOf(error.partial) === EXIT.inconsistent;
      const exitCode = inconsistent ? EXIT.inconsistent : error.kind.exitCode;
      return ended(exitCode, [error.message, ...reasonsOf(error.partial)], error.partial, report);
    }
    if (error instanceof UserError) return ended(error.kind.exitCode, [error.message]);
    // A mistake of our own in one profile: the others are run all the same, and this one is not forgotten.
    return ended(EXIT.internal, [error instanceof Error ? (error.stack ?? error.message) : String(error)]);
  }
}

function servesHttp({ profile }: LoadedProfile): boolean {
  return profile.workload.kind === "http";
}

async function written(result: RunResult, out: string): Promise<string> {
  const { html } = await writeReports(result, reportFolder(out, result));
  return shownPath(html);
}

function reasonsOf(result: RunResult): readonly string[] {
  const checks = result.targets.flatMap(({ label, checks: own }) =>
    own
      .filter((check) => check.verdict !== "valid")
      .map((check) => `${label}, ${check.name}: ${check.verdict}, ${check.detail}`),
  );
  const thresholds = result.thresholds
    .filter((threshold) => !threshold.passed)
    .map(
      ({ target, metric, expression, observed }) =>
        `${target}, ${metric} ${expression}: ${observed === null ? "no samples" : `observed ${observedText(expression, observed, formatMicros)}`}`,
    );
  const errors = result.warnings.filter(({ code }) => code === "errors").map(({ message }) => message);
  return [...checks, ...thresholds, ...errors];
}

function lineOf({ exitCode, seconds, targets }: Done, output: Output): string {
  const verdict = output.style(exitCode === EXIT.ok ? "green" : "red", VERDICTS[exitCode]);
  return `${[verdict, ...ratesOf(targets)].join(", ")} (${seconds.toFixed(1)} s)`;
}

/** Of many variants, how many there were. */
function ratesOf(targets: Done["targets"]): string[] {
  if (targets.length > Object.keys(TARGET_KINDS).length) return [`${targets.length} targets and variants`];
  return targets.map(({ label, opsPerSecond }) => `${label} ${formatCount(opsPerSecond)}/s`);
}

function namesOf(targets: readonly TargetReference[]): string {
  return [...new Set(targets.map(({ target }) => target))].join(", ");
}

function tableOf(done: readonly Done[], unfit: readonly Unfit[]): string[] {
  const rows = done.map(({ name, exitCode, seconds, report }) => [
    name,
    VERDICTS[exitCode],
    report ?? "-",
    seconds.toFixed(1),
  ]);
  const others = unfit.map(({ name, targets }) => [name, "not for these targets", `for ${targets.join(", ")}`, "-"]);
  return alignColumns([["profile", "verdict", "report", "seconds"], ...rows, ...others], 3);
}
