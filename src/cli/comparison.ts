import { relative } from "node:path";
import { EXIT, type ExitCode, USER_ERRORS, UserError } from "../base/user-error.js";
import type { LoadedProfile, Profile } from "../bench/profile/profile.js";
import type { RunResult } from "../bench/result.js";
import { RunAbortedError, type RunProfileOptions, runProfile } from "../bench/run-profile.js";
import { exitCodeOf } from "../bench/verdict.js";
import { kindOf } from "../bench/workloads/registry.js";
import { prepareReportsRoot, reportFolder, writeReports } from "../report/files.js";
import type { TargetReference } from "../targets/address.js";
import { TARGET_NAMES, type TargetName } from "../targets/target.js";
import { Interrupt } from "./interrupt.js";
import type { Output } from "./output.js";
import { Participants } from "./participants.js";
import { Progress } from "./progress.js";
import { hostsOf, requireLoopback } from "./remote.js";
import { summaryOf } from "./summary.js";
import { printResult } from "./table.js";

export interface ComparisonOptions {
  readonly profile: LoadedProfile;
  readonly targets: readonly TargetReference[];
  /** Of each target that is started here; each of the profile's variants says it for itself. */
  readonly servers: number;
  readonly workers: number;
  /** Below it goes `<profile>/<start time>/`. */
  readonly out: string;
  readonly json: boolean;
  readonly keep: boolean;
  /** Targets may be attached on other machines. */
  readonly allowRemote: boolean;
  readonly output: Output;
  /** A target that does not start is named and left out, as long as one other does. */
  readonly tolerant: boolean;
  /** What is done with the targets once they run; the default runs the profile in rounds. */
  readonly measure?: (measuring: Measuring) => Promise<RunResult>;
  /** Says more of the result, below its tables. */
  readonly explain?: (result: RunResult, output: Output) => void;
  /** The default judges by checks and thresholds. */
  readonly judge?: (result: RunResult) => ExitCode;
}

export type Measuring = Pick<RunProfileOptions, "profile" | "participants" | "workers" | "signal" | "onEvent">;

/** Starts the targets, runs the profile, writes and prints what it found, and stops the targets. */
export async function compareAndReport(options: ComparisonOptions): Promise<ExitCode> {
  const { output } = options;
  requireFit(options);
  await requireLoopback(hostsOf(options.targets), options.allowRemote);
  await prepareReportsRoot(options.out);
  const progress = new Progress(output);
  const interrupt = new Interrupt(() => {
    progress.milestone("interrupted: ending in order, and keeping what was measured; again to end at once");
  });
  const participants = new Participants({
    servers: options.servers,
    http: options.profile.profile.workload.kind === "http",
    variants: options.profile.profile.variants,
    keep: options.keep,
    signal: interrupt.signal,
    tell: (text) => progress.status(text),
  });
  try {
    for (const reference of options.targets) {
      try {
        await participants.add(reference);
      } catch (error) {
        if (interrupt.signal.aborted) return EXIT.interrupted;
        if (!options.tolerant || !(error instanceof UserError)) throw error;
        progress.milestone(`left out: ${error.message}`);
      }
      if (interrupt.signal.aborted) return EXIT.interrupted;
    }
    let result: RunResult;
    let aborted: RunAbortedError | undefined;
    try {
      result = await (options.measure ?? runProfile)({
        profile: options.profile,
        participants: participants.all,
        workers: options.workers,
        signal: interrupt.signal,
        onEvent: progress.show,
      });
    } catch (error) {
      if (!(error instanceof RunAbortedError)) throw error;
      aborted = error;
      result = error.partial;
    }
    progress.clear();
    // First of all: a disk that is full by now must not hide what was measured.
    printResult(result, output);
    options.explain?.(result, output);
    const { html } = await writeReports(result, reportFolder(options.out, result));
    output.line(`report: ${shownPath(html)}`);
    if (options.keep) {
      for (const { label, ensemble } of participants.all) {
        if (ensemble.folder !== undefined) output.line(`kept: ${label} in ${ensemble.folder}`);
      }
    }
    const judged = (options.judge ?? exitCodeOf)(result);
    // What ended a run early does not excuse a target that was inconsistent until then.
    const exitCode = aborted === undefined || judged === EXIT.inconsistent ? judged : aborted.kind.exitCode;
    if (options.json) process.stdout.write(`${JSON.stringify(summaryOf(result, exitCode, html), undefined, 2)}\n`);
    if (aborted !== undefined) process.stderr.write(`zabench: ${aborted.message}\n`);
    return exitCode;
  } finally {
    progress.clear();
    await participants.stop();
    interrupt.release();
  }
}

function requireFit({ profile: { profile }, targets }: ComparisonOptions): void {
  const fit = fitTargets(profile);
  for (const { target } of targets) {
    if (fit.includes(target)) continue;
    throw new UserError(USER_ERRORS.targetUnfit, { what: `profile ${profile.name}`, target, targets: fit.join(", ") });
  }
}

/** What a profile can be run on, with all of its variants. */
export function fitTargets(profile: Profile): readonly TargetName[] {
  const each = [profile, ...profile.variants.map((variant) => variant.profile)];
  return TARGET_NAMES.filter((target) =>
    each.every(({ workload }) => kindOf(workload).targets(workload).includes(target)),
  );
}

/** Relative to where the user is, unless that would lead out of it. */
export function shownPath(path: string): string {
  const nearby = relative(process.cwd(), path);
  return nearby.startsWith("..") ? path : nearby;
}
