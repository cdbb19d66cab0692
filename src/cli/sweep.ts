import { Command } from "commander";
import { parseDurationMicros, parsePercentage } from "../base/units.js";
import { EXIT, type ExitCode, USER_ERRORS, UserError } from "../base/user-error.js";
import { profileNames } from "../bench/profile/load.js";
import type { LoadedProfile } from "../bench/profile/profile.js";
import { parseRatePerSecond } from "../bench/profile/units.js";
import type { RunResult } from "../bench/result.js";
import { parseObjective } from "../bench/sweep/objectives.js";
import { runSweep } from "../bench/sweep/run-sweep.js";
import { exitCodeOf } from "../bench/verdict.js";
import { kindOf } from "../bench/workloads/registry.js";
import { sweepSentence } from "../report/sweep-sentences.js";
import { parseTargetReference } from "../targets/address.js";
import { compareAndReport } from "./comparison.js";
import {
  addMeasuringOptions,
  addTargetOptions,
  type MeasuringOptions,
  measuringBasics,
  profileOf,
} from "./measuring-options.js";

/** Shorter probes and finer tolerances tell noise, not rates. */
const PROBE_MICROS_MIN = 500_000;
const TOLERANCE_MIN = 0.01;
const TOLERANCE_MAX = 0.5;

interface SweepCommandOptions extends MeasuringOptions {
  readonly slo: readonly string[];
  readonly probe: string;
  readonly tolerance: string;
  readonly maxRate: string;
}

export function sweepCommand(): Command {
  const command = new Command("sweep")
    .description("find the highest rate that targets sustain, and how latency grows with the rate")
    .argument("<profile>", `a name (${profileNames().join(", ")}) or the path of a YAML file`)
    .requiredOption(
      "--slo <objective>",
      "what a rate must hold, once for each: 'p(99)<10ms', 'errors<0.1%', of one operation 'read:p(99)<5ms'",
      (objective: string, before: readonly string[] | undefined) => [...(before ?? []), objective],
    );
  addTargetOptions(command, "core")
    .option("--probe <time>", "of one window at one rate, at the least", "5s")
    .option("--tolerance <percentage>", "how far below the highest rate the one found may lie", "5%")
    .option("--max-rate <rate>", "no rate above this one is tried", "1000000/s");
  return addMeasuringOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  zabench sweep read-heavy --slo 'p(99)<10ms'
  zabench sweep write-heavy --slo 'p(99)<20ms' --slo 'p(99.9)<100ms' --target core --target zookeeper
  zabench sweep read-heavy --slo 'read:p(99)<5ms' --max-rate 20000/s --probe 10s

A rate is sustained where a window of it holds every objective, 99% of what falls due in it is answered in it, no backlog
grows, and no more operations fail than the profile allows. The rate named passed four of five fresh windows, and 1.25 times
it failed.

Exit codes: 0 found (or everything held up to --max-rate), 2 usage or invalid profile, 3 no rate held, 4 a target was
inconsistent, 5 the load generator was the limit or the probes did not suffice, 130 interrupted (what was measured is kept).`,
    )
    .action(async (name: string, options: SweepCommandOptions) => {
      const profile = profileOf(name, options);
      const search = searchOptions(profile, options);
      process.exitCode = await compareAndReport({
        ...measuringBasics(profile, options),
        targets: (options.target ?? ["core"]).map(parseTargetReference),
        tolerant: false,
        measure: (measuring) => runSweep({ ...measuring, ...search }),
        explain: (result, output) => {
          for (const sweep of result.sweep?.targets ?? []) output.line(sweepSentence(result, sweep));
          output.line();
        },
        judge,
      });
    });
}

function searchOptions({ profile }: LoadedProfile, options: SweepCommandOptions) {
  const kind = kindOf(profile.workload);
  if (!kind.pipelined) {
    throw new UserError(USER_ERRORS.profileOption, {
      reason: `a ${kind.kind} workload has no rate to be swept: each step waits for the one before it`,
    });
  }
  const probeMicros = parseDurationMicros(options.probe);
  if (probeMicros < PROBE_MICROS_MIN) {
    throw new UserError(USER_ERRORS.outOfRange, { value: options.probe, min: "500ms", max: "480h" }, "--probe");
  }
  const tolerance = parsePercentage(options.tolerance);
  if (tolerance < TOLERANCE_MIN || tolerance > TOLERANCE_MAX) {
    throw new UserError(USER_ERRORS.outOfRange, { value: options.tolerance, min: "1%", max: "50%" }, "--tolerance");
  }
  const operations = kind.operations(profile.workload);
  return {
    objectives: options.slo.map((text) => parseObjective(text, operations)),
    probeMicros,
    tolerance,
    ratePerSecondMax: parseRatePerSecond(options.maxRate),
  };
}

function judge(result: RunResult): ExitCode {
  const code = exitCodeOf({ ...result, thresholds: [] });
  if (code === EXIT.inconsistent || code === EXIT.interrupted) return code;
  const outcomes = (result.sweep?.targets ?? []).map(({ outcome }) => outcome);
  if (outcomes.includes("none")) return EXIT.regression;
  return outcomes.every((outcome) => outcome === "found" || outcome === "rate-max") ? code : EXIT.insufficient;
}
