import { availableParallelism } from "node:os";
import { Command } from "commander";
import { parseWholeOption } from "../base/units.js";
import { EXIT, type ExitCode, USER_ERRORS, UserError } from "../base/user-error.js";
import { runSeeds } from "../chaos/simulator/run-seeds.js";
import type { SimulationTotals } from "../chaos/simulator/seed-batch.js";
import { type SimulationProfile, simulate } from "../chaos/simulator/simulate.js";
import { Interrupt } from "./interrupt.js";
import { createOutput, type Output } from "./output.js";
import { Progress } from "./progress.js";

export interface SimulateOptions {
  readonly seeds: string;
  readonly seed?: string;
  readonly servers?: string;
  readonly profile: string;
  readonly threads: string;
  readonly trace: string;
  readonly json: boolean;
}

const PROFILES = ["faults", "stalls"] as const satisfies readonly SimulationProfile[];
const SEED_MAX = 2 ** 31 - 1;
const SEEDS_MAX = 100_000_000;
const SERVERS_MAX = 9;
const THREADS_MAX = 256;
const TRACE_LINES_MAX = 1_000_000;
/** First seeds drawn from the clock leave room for the seeds behind them. */
const CLOCK_SEEDS = 1_000_000_000;

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("run the replicated core in simulated time, under faults, and hold it to every promise")
    .option("--seeds <count>", "how many seeds to run", "500")
    .option("--seed <number>", "the first seed; a new one each time unless given")
    .option("--servers <count>", "how many servers vote; drawn from each seed unless given")
    .option(
      "--profile <name>",
      `${PROFILES.join(" or ")}: anything goes wrong, or 50 ms jitter and 500 ms stalls only`,
      "faults",
    )
    .option("--threads <count>", "threads to run on", String(availableParallelism()))
    .option("--trace <lines>", "how many of the last lines to show of a seed that fails", "80")
    .option("--json", "print the outcome as JSON on standard output, and all else on standard error", false)
    .addHelpText(
      "after",
      `
Examples:
  zabench simulate
  zabench simulate --seeds 100000 --servers 5
  zabench simulate --seed 1234 --seeds 1 --trace 400
  zabench simulate --profile stalls --seeds 2000 --json`,
    )
    .action(async (options: SimulateOptions) => {
      process.exitCode = await runSimulate(options);
    });
}

/** Returns 0, 4 where a promise was broken, or 130 where it was interrupted. Throws UserError for bad options. */
export async function runSimulate(options: SimulateOptions, run: typeof runSeeds = runSeeds): Promise<ExitCode> {
  const output = createOutput(options.json);
  const count = parseWholeOption("--seeds", options.seeds, SEEDS_MAX);
  const firstSeed =
    options.seed === undefined ? Date.now() % CLOCK_SEEDS : parseWholeOption("--seed", options.seed, SEED_MAX, 0);
  const servers =
    options.servers === undefined ? undefined : parseWholeOption("--servers", options.servers, SERVERS_MAX);
  const threads = Math.min(count, parseWholeOption("--threads", options.threads, THREADS_MAX));
  const traceLines = parseWholeOption("--trace", options.trace, TRACE_LINES_MAX);
  const profile = PROFILES.find((name) => name === options.profile);
  if (profile === undefined) {
    throw new UserError(USER_ERRORS.badChoice, { value: options.profile, choices: PROFILES.join(", ") }, "--profile");
  }
  output.line(`${formatCount(count)} seeds from ${firstSeed} on`);
  const interrupt = new Interrupt(() => output.line("interrupted: ending with the seeds that are under way"));
  const progress = new Progress(output);
  const beganMs = performance.now();
  const speed = (seeds: number): number => seeds / ((performance.now() - beganMs) / 1_000);
  try {
    const { totals, broken } = await run({
      firstSeed,
      count,
      servers,
      profile,
      threads,
      signal: interrupt.signal,
      onProgress: ({ seeds }) =>
        progress.status(`${formatCount(seeds)} of ${formatCount(count)} seeds, ${speed(seeds).toFixed(1)} a second`),
    });
    progress.clear();
    const seedsPerSecond = Math.round(speed(totals.seeds) * 10) / 10;
    const rerun = broken === undefined ? undefined : rerunCommand(broken.seed, servers, profile);
    if (broken !== undefined) showBroken(broken.seed, { servers, profile, traceLines }, output);
    showTotals(totals, seedsPerSecond, output);
    if (broken !== undefined) {
      output.line(output.style("red", `seed ${broken.seed} breaks a promise: ${broken.violation}`));
      output.line(`again: ${rerun}`);
    } else if (totals.seeds === count) {
      output.line(output.style("green", "no promise was broken"));
    }
    const exitCode = broken !== undefined ? EXIT.inconsistent : totals.seeds < count ? EXIT.interrupted : EXIT.ok;
    if (options.json) {
      const violation = broken === undefined ? null : { ...broken, rerun };
      const outcome = { firstSeed, seedsAsked: count, profile, seedsPerSecond, totals, violation, exitCode };
      process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`);
    }
    return exitCode;
  } finally {
    progress.clear();
    interrupt.release();
  }
}

function rerunCommand(seed: number, servers: number | undefined, profile: SimulationProfile): string {
  const options = [
    ...(servers === undefined ? [] : [`--servers ${servers}`]),
    ...(profile === "faults" ? [] : [`--profile ${profile}`]),
  ];
  return ["zabench simulate", `--seed ${seed}`, "--seeds 1", ...options].join(" ");
}

/** The seed once more, this time with its story. */
function showBroken(
  seed: number,
  {
    servers,
    profile,
    traceLines,
  }: { readonly servers: number | undefined; readonly profile: SimulationProfile; readonly traceLines: number },
  output: Output,
): void {
  const { trace } = simulate(seed, { profile, traceLines, ...(servers === undefined ? {} : { servers }) });
  output.line(`seed ${seed}, its last ${trace.length} lines:`);
  for (const line of trace) output.line(line);
  output.line();
}

function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

function showTotals(totals: SimulationTotals, seedsPerSecond: number, output: Output): void {
  const count = formatCount;
  output.line(
    `${count(totals.seeds)} seeds, ${seedsPerSecond} a second: ${count(Math.round(totals.simulatedMs / 1_000))} simulated ` +
      `seconds, ${count(totals.committed)} transactions, ${count(totals.writesAcknowledged)} writes acknowledged, ` +
      `${count(totals.readsAnswered)} reads, ${count(totals.syncsAnswered)} syncs, ${count(totals.watchEvents)} watch ` +
      `events, ${count(totals.reconnects)} reconnects, ${count(totals.sessionsExpired)} sessions expired`,
  );
}
