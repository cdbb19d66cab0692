import { Command } from "commander";
import { loadProfile, profileNames } from "../bench/profile/load.js";
import { kindOf } from "../bench/workloads/registry.js";

export interface ListedProfile {
  readonly name: string;
  /** Of its workload. */
  readonly kind: string;
  /** What it runs on. */
  readonly targets: readonly string[];
  readonly description: string;
}

export function listedProfiles(): ListedProfile[] {
  return profileNames().map((name) => {
    const { workload, description } = loadProfile(name).profile;
    const kind = kindOf(workload);
    return { name, kind: kind.kind, targets: kind.targets(workload), description };
  });
}

export function listCommand(): Command {
  return new Command("list")
    .description("list the workload profiles, what kind of load each is and what it runs on")
    .option("--json", "print the list as JSON", false)
    .addHelpText(
      "after",
      `
Examples:
  zabench list
  zabench list --json
  zabench show read-heavy                what one of them does, key by key`,
    )
    .action(({ json }: { readonly json: boolean }) => {
      const profiles = listedProfiles();
      if (json) {
        process.stdout.write(`${JSON.stringify(profiles, undefined, 2)}\n`);
        return;
      }
      const rows = [
        ["profile", "kind", "runs on", "description"],
        ...profiles.map(({ name, kind, targets, description }) => [name, kind, targets.join(", "), description]),
      ];
      const widths = [0, 1, 2].map((column) => Math.max(...rows.map((cells) => (cells[column] as string).length)));
      for (const cells of rows) {
        const line = cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
        process.stdout.write(`${line.trimEnd()}\n`);
      }
    });
}
