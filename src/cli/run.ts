import { Command } from "commander";
import { profileNames } from "../bench/profile/load.js";
import { parseTargetReference } from "../targets/address.js";
import { compareAndReport } from "./comparison.js";
import {
  addMeasuringOptions,
  addRoundOptions,
  addTargetOptions,
  measuringBasics,
  profileOf,
  type RoundOptions,
} from "./measuring-options.js";

export function runCommand(): Command {
  const command = new Command("run")
    .description("run a workload profile on one or more targets in turns, and compare them")
    .argument("<profile>", `a name (${profileNames().join(", ")}) or the path of a YAML file`);
  addTargetOptions(command, "core");
  return addMeasuringOptions(addRoundOptions(command, "the profile's"))
    .addHelpText(
      "after",
      `
Examples:
  zabench run read-heavy --target core --target zookeeper --target etcd
  zabench run write-heavy --target zookeeper --target etcd --ensemble 3 --duration 30s
  zabench run read-heavy --target core --rate 5000/s            open loop: latency from the intended start
  zabench run lock-exclusive --target zookeeper://10.0.0.1:2181,10.0.0.2:2181 --allow-remote --json > summary.json
  zabench run ./my-profile.yaml --target core --rounds 1

Exit codes: 0 passed, 2 usage or invalid profile, 3 threshold missed, 4 the target was inconsistent,
5 too little was measured, 130 interrupted (what was measured is kept).`,
    )
    .action(async (name: string, options: RoundOptions) => {
      process.exitCode = await compareAndReport({
        ...measuringBasics(options),
        profile: profileOf(name, options),
        targets: (options.target ?? ["core"]).map(parseTargetReference),
        tolerant: false,
      });
    });
}
