import { Command } from "commander";
import { EXIT, type ExitCode, USER_ERRORS, UserError } from "../base/user-error.js";
import { INTERVAL_PAIRS_MIN } from "../bench/confidence.js";
import { profileNames } from "../bench/profile/load.js";
import type { LoadedProfile } from "../bench/profile/profile.js";
import type { RunResult } from "../bench/result.js";
import { exitCodeOf } from "../bench/verdict.js";
import { ratioSentence, ratioVerdict } from "../report/ratio-sentences.js";
import { parseTargetReference, type TargetReference } from "../targets/address.js";
import { TARGET_KINDS } from "../targets/kinds.js";
import { compareAndReport, fitTargets } from "./comparison.js";
import {
  addMeasuringOptions,
  addRoundOptions,
  addTargetOptions,
  measuringBasics,
  profileOf,
  type RoundOptions,
} from "./measuring-options.js";
import type { Output } from "./output.js";

export function compareCommand(): Command {
  const command = new Command("compare")
    .description("run a profile on several targets in turns, and say of each difference whether it is real")
    .argument("<profile>", `a name (${profileNames().join(", ")}) or the path of a YAML file`);
  addTargetOptions(command, "every target found here that the profile runs on");
  return addMeasuringOptions(addRoundOptions(command, `${INTERVAL_PAIRS_MIN}, whatever the profile's`))
    .addHelpText(
      "after",
      `
Examples:
  zabench compare read-heavy
  zabench compare write-heavy --target core --target zookeeper --ensemble 3 --rounds 10
  zabench compare read-heavy --target core --target etcd --rate 5000/s    latencies at the same load

Each ratio comes with an interval that holds the true one with 95% confidence, from pairs of rounds that took turns; it
takes ${INTERVAL_PAIRS_MIN} rounds or more. A difference is real where the interval leaves out 1.

Exit codes: 0 compared, 2 usage or invalid profile, 3 threshold missed or too many errors, 4 a target was inconsistent,
5 no ratio has an interval, 130 interrupted (what was measured is kept).`,
    )
    .action(async (name: string, options: RoundOptions) => {
      const profile = profileOf(name, { ...options, rounds: options.rounds ?? String(INTERVAL_PAIRS_MIN) });
      process.exitCode = await compareAndReport({
        ...measuringBasics(profile, options),
        targets: await targetsOf(profile, options.target),
        tolerant: false,
        explain,
        judge,
      });
    });
}

async function targetsOf(profile: LoadedProfile, given: readonly string[] | undefined): Promise<TargetReference[]> {
  const targets = (given ?? (await fittingTargets(profile))).map(parseTargetReference);
  if (targets.length < 2) {
    const there = targets.length === 0 ? "none" : `only ${targets[0]?.target}`;
    throw new UserError(USER_ERRORS.tooFewTargets, { there });
  }
  return targets;
}

async function fittingTargets({ profile }: LoadedProfile): Promise<string[]> {
  const fitting = fitTargets(profile);
  const kinds = Object.values(TARGET_KINDS).filter(({ name }) => fitting.includes(name));
  const found = await Promise.all(kinds.map((kind) => kind.find()));
  return kinds.filter((_, index) => (found[index] ?? []).length > 0).map(({ name }) => name);
}

const VERDICT_WORDS = { real: "real", "not-told-apart": "may be chance", insufficient: "insufficient" } as const;

function explain(result: RunResult, output: Output): void {
  for (const record of result.ratios) {
    const verdict = ratioVerdict(record);
    const words = VERDICT_WORDS[verdict];
    const shown = output.style(verdict === "real" ? "bold" : "dim", words);
    const why = verdict === "insufficient" && record.value !== null ? ` (${record.note})` : "";
    output.line(
      `${shown}: ${record.numerator} / ${record.denominator}, ${record.operation}: ${ratioSentence(result, record)}${why}`,
    );
  }
  output.line();
}

/** As a run, but without a single interval nothing was compared. */
function judge(result: RunResult): ExitCode {
  const code = exitCodeOf(result);
  return code === EXIT.ok && result.ratios.every(({ interval }) => interval === null) ? EXIT.insufficient : code;
}
