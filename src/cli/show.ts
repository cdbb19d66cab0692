import { Command } from "commander";
import { stringify } from "yaml";
import { formatMicros } from "../base/units.js";
import { profileNames } from "../bench/profile/load.js";
import type { LoadedProfile } from "../bench/profile/profile.js";
import { kindOf } from "../bench/workloads/registry.js";
import { profileOf, type RoundOptions, withSettings } from "./measuring-options.js";

export function showCommand(): Command {
  return withSettings(new Command("show"))
    .description("show a profile: its text, what it comes to with the options given, and what it reports")
    .argument("<profile>", `a name (${profileNames().join(", ")}) or the path of a YAML file`)
    .option("--duration <time>", "as in run")
    .option("--warm-up <time>", "as in run")
    .option("--rate <rate>", "as in run")
    .option("--connections <count>", "as in run")
    .option("--depth <count>", "as in run")
    .option("--rounds <count>", "as in run")
    .option("--seed <number>", "as in run")
    .option("--json", "print it as JSON; durations are microseconds", false)
    .addHelpText(
      "after",
      `
Examples:
  zabench show read-heavy
  zabench show read-heavy --rate 5000/s --duration 1m --json
  zabench show read-heavy > mine.yaml    a profile of your own begins as a copy: what is added is a comment`,
    )
    .action((name: string, options: Partial<RoundOptions>) => {
      const loaded = profileOf(name, options);
      process.stdout.write(
        options.json === true ? `${JSON.stringify(asJson(loaded), undefined, 2)}\n` : asText(loaded),
      );
    });
}

function asJson(loaded: LoadedProfile): object {
  const { profile, text, file, overrides } = loaded;
  return { file, overrides, text, resolved: { ...profile, thresholds: thresholdsOf(loaded) }, ...reportsOf(loaded) };
}

function reportsOf({ profile: { workload } }: LoadedProfile): {
  readonly operations: readonly string[];
  readonly counted: readonly string[];
  readonly targets: readonly string[];
} {
  const kind = kindOf(workload);
  return {
    operations: kind.operations(workload),
    counted: kind.counted(workload),
    targets: kind.targets(workload),
  };
}

/** By label, the names of what each varies. */
function variantsOf({ profile }: LoadedProfile): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return Object.fromEntries(profile.variants.map(({ label, values }) => [label, values]));
}

/** By metric, as a profile has them. */
function thresholdsOf({ profile }: LoadedProfile): Record<string, string[]> {
  const byMetric: Record<string, string[]> = {};
  for (const { metric, expression } of profile.thresholds) {
    byMetric[metric] ??= [];
    byMetric[metric].push(expression);
  }
  return byMetric;
}

/** The YAML as it is, and all else behind `#`, so that the whole is a profile again. */
function asText(loaded: LoadedProfile): string {
  const { profile, text, overrides } = loaded;
  const { operations, counted, targets } = reportsOf(loaded);
  const given = Object.entries(overrides).map(([key, value]) => `${key} = ${value}`);
  const comments = [
    `It reports: ${operations.join(", ")}; total is made of ${counted.join(", ")}.`,
    `It runs on: ${targets.join(", ")}.`,
    ...(given.length === 0 ? [] : [`Options over it: ${given.join(", ")}`]),
    "",
    "What it comes to, defaults and options included:",
    ...stringify(readable({ ...profile, thresholds: thresholdsOf(loaded), variants: variantsOf(loaded) }))
      .trimEnd()
      .split("\n"),
  ];
  return `${text.trimEnd()}\n\n${comments.map((line) => `# ${line}`.trimEnd()).join("\n")}\n`;
}

/** With units in the values instead of the names. */
function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      if (typeof each !== "number") return [key, readable(each)];
      if (key.endsWith("Micros")) return [key.slice(0, -"Micros".length), formatMicros(each)];
      if (key.endsWith("Ms")) return [key.slice(0, -"Ms".length), formatMicros(each * 1_000)];
      return [key, each];
    }),
  );
}
