import { availableParallelism } from "node:os";
import { Command } from "commander";
import { loadProfile, profileNames } from "../bench/profile/load.js";
import { overrideProfile, whole } from "../bench/profile/overrides.js";
import { parseTargetReference } from "../targets/address.js";
import { compareAndReport } from "./comparison.js";
import { createOutput } from "./output.js";

/** More load threads than this, or servers on one machine, is a slip of the keyboard. */
const WORKERS_MAX = 64;
const SERVERS_MAX = 9;

/** Half of the machine for the clients, at the most four threads: one makes several hundred thousand requests a second. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
}

interface RunCommandOptions {
  readonly target: readonly string[];
  readonly ensemble: string;
  readonly duration?: string;
  readonly warmUp?: string;
  readonly rate?: string;
  readonly connections?: string;
  readonly depth?: string;
  readonly rounds?: string;
  readonly seed?: string;
  readonly workers: string;
  readonly out: string;
  readonly json: boolean;
  readonly keep: boolean;
}

export function runCommand(): Command {
  return new Command("run")
    .description("run a workload profile on one or more targets in turns, and compare them")
    .argument("<profile>", `a name (${profileNames().join(", ")}) or the path of a YAML file`)
    .option(
      "-t, --target <target>",
      "what to measure, once for each: core, zookeeper or etcd to start one here, zookeeper://host:port,... to use a running one",
      (target: string, before: readonly string[]) => [...before, target],
      [] as readonly string[],
    )
    .option("--ensemble <servers>", "servers of each target that is started here", "1")
    .option("--duration <time>", "of one round, over the profile's: 10s, 2m")
    .option("--warm-up <time>", "at the most, over the profile's; 0s for none, and then no ratios")
    .option("--rate <rate>", "open loop at this rate, over the profile's loop: 5000/s")
    .option("--connections <count>", "over the profile's")
    .option("--depth <count>", "outstanding operations per connection, over the profile's")
    .option("--rounds <count>", "of each target, over the profile's")
    .option("--seed <number>", "over the profile's")
    .option("--workers <threads>", "threads that make the load", String(defaultWorkers()))
    .option("--out <folder>", "reports go to <folder>/<profile>/<start time>/", "reports")
    .option("--json", "print a summary as JSON on standard output, and all else on standard error", false)
    .option("--keep", "keep the data and logs of the targets that were started", false)
    .addHelpText(
      "after",
      `
Examples:
  zabench run read-heavy --target core --target zookeeper --target etcd
  zabench run write-heavy --target zookeeper --target etcd --ensemble 3 --duration 30s
  zabench run read-heavy --target core --rate 5000/s            open loop: latency from the intended start
  zabench run lock-exclusive --target zookeeper://10.0.0.1:2181,10.0.0.2:2181 --json > summary.json
  zabench run ./my-profile.yaml --target core --rounds 1

Exit codes: 0 passed, 2 usage or invalid profile, 3 threshold missed, 4 the target was inconsistent,
5 too little was measured, 130 interrupted (what was measured is kept).`,
    )
    .action(async (name: string, options: RunCommandOptions) => {
      const profile = overrideProfile(loadProfile(name), {
        duration: options.duration,
        warmUp: options.warmUp,
        rate: options.rate,
        connections: options.connections,
        depth: options.depth,
        rounds: options.rounds,
        seed: options.seed,
      });
      const targets = (options.target.length === 0 ? ["core"] : options.target).map(parseTargetReference);
      process.exitCode = await compareAndReport({
        profile,
        targets,
        servers: whole("--ensemble", options.ensemble, SERVERS_MAX),
        workers: whole("--workers", options.workers, WORKERS_MAX),
        out: options.out,
        json: options.json,
        keep: options.keep,
        output: createOutput(options.json),
        tolerant: false,
      });
    });
}
