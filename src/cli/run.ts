import { Command } from "commander";
import { USER_ERRORS, UserError } from "../base/user-error.js";
import { profileNames } from "../bench/profile/load.js";
import { parseTargetReference } from "../targets/address.js";
import { compareAndReport } from "./comparison.js";
import {
  addMeasuringOptions,
  addRoundOptions,
  addTargetOptions,
  measuringBasics,
  profileOf,
  QUICK,
  type RoundOptions,
  serversOf,
  workersOf,
} from "./measuring-options.js";
import { createOutput } from "./output.js";
import { runAll } from "./run-all.js";

interface RunOptions extends RoundOptions {
  readonly only?: string;
}

export function runCommand(): Command {
  const command = new Command("run")
    .description("run a workload profile on one or more targets in turns, and compare them")
    .argument("<profile>", `a name (${profileNames().join(", ")}), the path of a YAML file, or all`);
  addTargetOptions(command, "core; with all, every target found here");
  return addMeasuringOptions(addRoundOptions(command, "the profile's"))
    .option(
      "--quick",
      `see that it runs: as --duration ${QUICK.duration} --warm-up ${QUICK.warmUp} --rounds ${QUICK.rounds}`,
      false,
    )
    .option("--only <profiles>", "with all: these profiles of them, by names with commas between")
    .addHelpText(
      "after",
      `
Examples:
  zabench run read-heavy --target core --target zookeeper --target etcd
  zabench run write-heavy --target zookeeper --target etcd --ensemble 3 --duration 30s
  zabench run read-heavy --target core --rate 5000/s            open loop: latency from the intended start
  zabench run lock-exclusive --target zookeeper://10.0.0.1:2181,10.0.0.2:2181 --allow-remote --json > summary.json
  zabench run ./my-profile.yaml --target core --rounds 1
  zabench run all --quick                                      every profile on every target that is found
  zabench run all --quick --only multi,fifo-queue,naming
  zabench run read-heavy --set workload.operations.read=99 --set distribution=zipfian --set keys=100000

Exit codes: 0 passed, 2 usage or invalid profile, 3 threshold missed, 4 the target was inconsistent,
5 too little was measured, 130 interrupted (what was measured is kept).`,
    )
    .action(async (name: string, options: RunOptions) => {
      if (name === "all") {
        const { out, json, keep, allowRemote, ensemble } = options;
        process.exitCode = await runAll({
          profiles: (options.only?.split(",") ?? profileNames()).map((each) => profileOf(each, options)),
          targets: (options.target ?? []).map(parseTargetReference),
          serversOf: (profile) => serversOf(profile, ensemble),
          workers: workersOf(options),
          out,
          json,
          keep,
          allowRemote,
          output: createOutput(json),
        });
        return;
      }
      if (options.only !== undefined) {
        throw new UserError(USER_ERRORS.profileOption, { reason: "it chooses among all profiles" }, "--only");
      }
      process.exitCode = await compareAndReport({
        ...measuringBasics(profileOf(name, options), options),
        targets: (options.target ?? ["core"]).map(parseTargetReference),
        tolerant: false,
      });
    });
}
