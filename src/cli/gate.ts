import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { parsePercentage } from "../base/units.js";
import { type ExitCode, USER_ERRORS, UserError } from "../base/user-error.js";
import { findNewestResult, readResult } from "../report/files.js";
import { GATE_METRICS, type GateMetric, gate } from "../report/gate.js";
import { gateText } from "../report/gate-text.js";
import { gateCases, junit } from "../report/junit.js";

export interface GateCommandOptions {
  readonly baseline: string;
  readonly result?: string;
  readonly reports: string;
  readonly maxRegression: string;
  readonly reference: string;
  readonly metrics: string;
  readonly json?: boolean;
  readonly junit?: string;
}

/** Compares and writes the outcome to `print`; the exit code is the gate's verdict. Throws UserError. */
export async function runGate(options: GateCommandOptions, print: (text: string) => void): Promise<ExitCode> {
  const maxRegression = parsePercentage(options.maxRegression);
  const metrics = parseMetrics(options.metrics);
  const baseline = await readResult(options.baseline);
  const path = options.result ?? (await findNewestResult(options.reports, baseline.profile.name, options.baseline));
  const current = await readResult(path);
  if (baseline.profile.name !== current.profile.name || baseline.kind !== current.kind) {
    const details = {
      baseline: baseline.profile.name,
      baselineKind: baseline.kind,
      current: current.profile.name,
      currentKind: current.kind,
    };
    throw new UserError(USER_ERRORS.resultsDiffer, details, path);
  }
  const report = gate(baseline, current, { maxRegression, reference: options.reference, metrics });
  if (options.junit !== undefined) {
    await writeFile(options.junit, junit(`zabench gate ${current.profile.name}`, gateCases(report)));
  }
  if (options.json === true) print(`${JSON.stringify({ result: path, ...report }, null, 2)}\n`);
  else print(`${options.baseline} against ${path}\n\n${gateText(report)}`);
  return report.exitCode;
}

function parseMetrics(text: string): readonly GateMetric[] {
  const known = Object.keys(GATE_METRICS);
  return text.split(",").map((word) => {
    const metric = word.trim();
    if (!known.includes(metric)) {
      throw new UserError(USER_ERRORS.badGateMetric, { value: metric, known: known.join(", ") }, "--metrics");
    }
    return metric as GateMetric;
  });
}

export function gateCommand(): Command {
  return new Command("gate")
    .description("compare a result with a baseline; exits 3 on a regression, 4 on a failed check, 5 if it cannot tell")
    .requiredOption("--baseline <path>", "result.json, or the folder that holds it, to compare with")
    .option("--result <path>", "result to judge (default: the newest of the baseline's profile below --reports)")
    .option("--reports <folder>", "where results are looked for", "reports")
    .option("--max-regression <percentage>", "how much worse a figure may be", "10%")
    .option("--reference <target>", "target of the same run that every figure is divided by", "zookeeper")
    .option("--metrics <list>", "figures to judge, separated by commas", Object.keys(GATE_METRICS).join(","))
    .option("--json", "print the outcome as JSON")
    .option("--junit <file>", "write the outcome as JUnit XML as well")
    .action(async (options: GateCommandOptions) => {
      process.exitCode = await runGate(options, (text) => process.stdout.write(text));
    });
}
