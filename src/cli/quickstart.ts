import { Command } from "commander";
import { loadProfile } from "../bench/profile/load.js";
import { overrideProfile } from "../bench/profile/overrides.js";
import type { LoadedProfile } from "../bench/profile/profile.js";
import { kindOf } from "../bench/workloads/registry.js";
import { parseTargetReference } from "../targets/address.js";
import { targetKind } from "../targets/kinds.js";
import { compareAndReport } from "./comparison.js";
import { defaultWorkers } from "./measuring-options.js";
import { createOutput } from "./output.js";

/** Short enough for three targets, started and warmed, within two minutes. */
const SHORT = { duration: "4s", rounds: "2", warmUp: "16s" } as const;

function shortProfile(): LoadedProfile {
  return overrideProfile(loadProfile("read-heavy"), SHORT);
}

export function quickstartCommand(): Command {
  return new Command("quickstart")
    .description("a short comparison of the core with every real target found on this machine, in under two minutes")
    .option("--out <folder>", "reports go to <folder>/<profile>/<start time>/", "reports")
    .option("--json", "print a summary as JSON on standard output, and all else on standard error", false)
    .addHelpText(
      "after",
      `
Examples:
  npm start
  zabench quickstart --out /tmp/reports
  zabench targets install                get the real targets first`,
    )
    .action(async (options: { readonly out: string; readonly json: boolean }) => {
      const output = createOutput(options.json);
      const profile = shortProfile();
      const { workload } = profile.profile;
      const kinds = kindOf(workload).targets(workload).map(targetKind);
      const found = await Promise.all(kinds.map((kind) => kind.find()));
      output.line("read-heavy: 90% reads, 10% writes, 60 clients, one server each, every write synced to disk");
      kinds.forEach((kind, index) => {
        const [preferred] = found[index] ?? [];
        if (preferred === undefined) output.line(`${kind.name}: not found; ${kind.remedy}`);
        else output.line(`${kind.name}: ${preferred.version}, ${preferred.origin}`);
      });
      process.exitCode = await compareAndReport({
        profile,
        targets: kinds
          .filter((_, index) => (found[index] ?? []).length > 0)
          .map(({ name }) => parseTargetReference(name)),
        servers: 1,
        workers: defaultWorkers(),
        out: options.out,
        json: options.json,
        keep: false,
        allowRemote: false,
        output,
        tolerant: true,
      });
    });
}
