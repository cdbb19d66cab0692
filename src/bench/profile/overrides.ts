import { parseDurationMicros, parseWholeOption } from "../../base/units.js";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { kindOf } from "../workloads/registry.js";
import { problemsOf } from "./problems.js";
import type { LoadedProfile, Loop, Profile } from "./profile.js";
import { PROFILE_LIMITS } from "./schema.js";
import { pathsOverlap } from "./settings.js";
import { parseRatePerSecond } from "./units.js";

/** What the command line may say over a profile, as typed. */
export interface ProfileOverrides {
  readonly duration?: string | undefined;
  readonly rate?: string | undefined;
  readonly connections?: string | undefined;
  readonly depth?: string | undefined;
  readonly rounds?: string | undefined;
  readonly warmUp?: string | undefined;
  readonly seed?: string | undefined;
}

/** What each option stands over, to find what else does. */
const PATH_OF: Readonly<Record<keyof ProfileOverrides, string>> = {
  duration: "duration",
  rate: "loop",
  connections: "connections",
  depth: "depth",
  rounds: "rounds",
  warmUp: "warmUp",
  seed: "seed",
};

/**
 * Throws UserError for a bad value, for an option that makes no sense with the profile's workload, and for one that stands
 * over what `--set` gives or the profile varies.
 */
export function overrideProfile(loaded: LoadedProfile, options: ProfileOverrides): LoadedProfile {
  const given = Object.entries(options).filter(
    (entry): entry is [keyof ProfileOverrides, string] => entry[1] !== undefined,
  );
  if (given.length === 0) return loaded;
  for (const [name] of given) requireOnce(loaded, optionOf(name), PATH_OF[name]);
  const { profile } = loaded;
  const variants = profile.variants.map((variant) => ({ ...variant, profile: overridden(variant.profile, options) }));
  return {
    ...loaded,
    profile: { ...overridden(profile, options), variants },
    overrides: { ...loaded.overrides, ...Object.fromEntries(given) },
  };
}

/** Throws UserError `setTwice` where `--set` or the profile's variants say something of what an option stands over. */
export function requireOnce({ profile, overrides }: LoadedProfile, option: string, path: string): void {
  const set = Object.keys(overrides).find((each) => pathsOverlap(each, path));
  if (set !== undefined) throw new UserError(USER_ERRORS.setTwice, { what: option, other: `--set ${set}` });
  const [variant] = profile.variants;
  const varied = Object.keys(variant?.values ?? {}).find((each) => pathsOverlap(each, path));
  if (varied === undefined) return;
  throw new UserError(USER_ERRORS.setTwice, { what: option, other: `the profile's variants of '${varied}'` });
}

function optionOf(name: keyof ProfileOverrides): string {
  return name === "warmUp" ? "--warm-up" : `--${name}`;
}

function overridden(base: Profile, options: ProfileOverrides): Profile {
  const workload = base.workload.kind;
  if (
    !kindOf(base.workload).pipelined &&
    (options.rate !== undefined || (options.depth !== undefined && options.depth !== "1"))
  ) {
    const option = options.rate === undefined ? "--depth" : "--rate";
    throw new UserError(
      USER_ERRORS.profileOption,
      { reason: `a ${workload} workload is a closed loop of depth 1` },
      option,
    );
  }
  const warmUpMicros = micros("--warm-up", options.warmUp);
  const profile: Profile = {
    ...base,
    durationMicros: micros("--duration", options.duration, 1) ?? base.durationMicros,
    connections:
      parseWholeOption(
        "--connections",
        options.connections,
        PROFILE_LIMITS.connectionsMax,
        kindOf(base.workload).connectionsMin?.(base.workload),
      ) ?? base.connections,
    depth: parseWholeOption("--depth", options.depth, PROFILE_LIMITS.depthMax) ?? base.depth,
    rounds: parseWholeOption("--rounds", options.rounds, PROFILE_LIMITS.roundsMax) ?? base.rounds,
    seed: parseWholeOption("--seed", options.seed, 0xffff_ffff, 0) ?? base.seed,
    loop: options.rate === undefined ? base.loop : openLoop(base.loop, options.rate),
    warmUp:
      warmUpMicros === undefined
        ? base.warmUp
        : { ...base.warmUp, minMicros: Math.min(base.warmUp.minMicros, warmUpMicros), maxMicros: warmUpMicros },
  };
  // Of a round that is too short now, the result tells.
  const problem = problemsOf(profile.workload, profile.loop, profile).find(({ needsLongerRound }) => !needsLongerRound);
  if (problem === undefined) return profile;
  const reason = `${problem.path.join(".")}: ${problem.message}`;
  throw new UserError(USER_ERRORS.profileOption, { reason }, "the options given");
}

function openLoop(base: Loop, rate: string): Loop {
  const ratePerSecond = located("--rate", () => parseRatePerSecond(rate));
  return { kind: "open", ratePerSecond, arrival: base.kind === "open" ? base.arrival : "constant" };
}

function micros(option: string, text: string | undefined, min = 0): number | undefined {
  if (text === undefined) return undefined;
  const value = located(option, () => parseDurationMicros(text));
  if (value < min) throw new UserError(USER_ERRORS.badDuration, { value: text }, option);
  return value;
}

/** Runs `parse` and adds the option to the error it throws. */
function located<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.kind, { value: /'(.*?)'/.exec(error.message)?.[1] ?? "" }, option);
  }
}
