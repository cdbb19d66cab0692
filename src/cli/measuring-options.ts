import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { parseWholeOption } from "../base/units.js";
import { loadProfile } from "../bench/profile/load.js";
import { overrideProfile, requireOnce } from "../bench/profile/overrides.js";
import type { LoadedProfile } from "../bench/profile/profile.js";
import { PROFILE_LIMITS } from "../bench/profile/schema.js";
import type { ComparisonOptions } from "./comparison.js";
import { createOutput } from "./output.js";
import { withAllowRemote } from "./remote.js";

/** More load threads than this is a slip of the keyboard. */
const WORKERS_MAX = 64;

/** Short enough for all profiles on all targets within minutes: to see that they run, not to compare anything. */
export const QUICK = { duration: "2s", warmUp: "1s", rounds: "1" } as const;

/** Half of the machine for the clients, at the most four threads: one makes several hundred thousand requests a second. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
}

/** What every command that measures a profile on targets takes, as commander parsed it. */
export interface MeasuringOptions {
  readonly target?: readonly string[];
  readonly ensemble?: string;
  readonly set?: readonly string[];
  readonly warmUp?: string;
  readonly connections?: string;
  readonly depth?: string;
  readonly seed?: string;
  readonly workers: string;
  readonly out: string;
  readonly json: boolean;
  readonly keep: boolean;
  readonly allowRemote: boolean;
}

/** And what those take beside it that measure it in rounds. */
export interface RoundOptions extends MeasuringOptions {
  readonly quick?: boolean;
  readonly duration?: string;
  readonly rate?: string;
  readonly rounds?: string;
}

export function addTargetOptions(command: Command, targetsByDefault: string): Command {
  return withAllowRemote(command)
    .option(
      "-t, --target <target>",
      `what to measure, once for each: core, zookeeper, etcd or (for locks) redis to start one here, zookeeper://host:port,... to use a running one (default: ${targetsByDefault})`,
      (target: string, before: readonly string[] | undefined) => [...(before ?? []), target],
    )
    .option("--ensemble <servers>", "servers of each target that is started here, over the profile's");
}

export function addRoundOptions(command: Command, roundsByDefault: string): Command {
  return command
    .option("--duration <time>", "of one round, over the profile's: 10s, 2m")
    .option("--rate <rate>", "open loop at this rate, over the profile's loop: 5000/s")
    .option("--rounds <count>", `of each target (default: ${roundsByDefault})`);
}

export function addMeasuringOptions(command: Command): Command {
  return withSettings(command)
    .option("--warm-up <time>", "at the most, over the profile's; 0s for none, and then no ratios")
    .option("--connections <count>", "over the profile's")
    .option("--depth <count>", "outstanding operations per connection, over the profile's")
    .option("--seed <number>", "over the profile's")
    .option("--workers <threads>", "threads that make the load", String(defaultWorkers()))
    .option("--out <folder>", "reports go to <folder>/<profile>/<start time>/", "reports")
    .option("--json", "print a summary as JSON on standard output, and all else on standard error", false)
    .option("--keep", "keep the data and logs of the targets that were started", false);
}

/** `--set path=value`, any number of times. */
export function withSettings(command: Command): Command {
  return command.option(
    "--set <path=value>",
    "any value of the profile, as YAML, once for each: workload.operations.read=99, keys=100000",
    (setting: string, before: readonly string[] | undefined) => [...(before ?? []), setting],
  );
}

/**
 * Throws UserError where there is no such profile, an option has a bad value or makes no sense with it, or one stands over
 * what `--set` gives.
 */
export function profileOf(name: string, options: Partial<RoundOptions>): LoadedProfile {
  const quick = options.quick === true ? QUICK : undefined;
  return overrideProfile(loadProfile(name, options.set), {
    duration: options.duration ?? quick?.duration,
    warmUp: options.warmUp ?? quick?.warmUp,
    rate: options.rate,
    connections: options.connections,
    depth: options.depth,
    rounds: options.rounds ?? quick?.rounds,
    seed: options.seed,
  });
}

/** How many servers of each target are started: as `--ensemble` says, else the profile. Throws UserError. */
export function serversOf(loaded: LoadedProfile, ensemble: string | undefined): number {
  if (ensemble === undefined) return loaded.profile.servers;
  requireOnce(loaded, "--ensemble", "servers");
  return parseWholeOption("--ensemble", ensemble, PROFILE_LIMITS.serversMax);
}

type MeasuringBasics = Pick<
  ComparisonOptions,
  "profile" | "servers" | "workers" | "out" | "json" | "keep" | "allowRemote" | "output"
>;

export function measuringBasics(profile: LoadedProfile, options: MeasuringOptions): MeasuringBasics {
  return {
    profile,
    servers: serversOf(profile, options.ensemble),
    workers: workersOf(options),
    out: options.out,
    json: options.json,
    keep: options.keep,
    allowRemote: options.allowRemote,
    output: createOutput(options.json),
  };
}

export function workersOf({ workers }: MeasuringOptions): number {
  return parseWholeOption("--workers", workers, WORKERS_MAX);
}
