import { spawnSync } from "node:child_process";
import { type RandomSource, randomBelow, SeededRandom } from "../../src/base/random.js";

/** What draws the samples of what does not fit into one run of CI: the same for one commit, others for the next. */
export function randomOfCommit(): RandomSource {
  const commit = spawnSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).stdout.trim();
  return new SeededRandom(Number.parseInt(commit.slice(0, 8) || "0", 16));
}

/** So many of them, each as likely as any other. */
export function sampleOf<T>(all: readonly T[], count: number, random: RandomSource): readonly T[] {
  const left = [...all];
  return Array.from(
    { length: Math.min(count, left.length) },
    () => left.splice(randomBelow(random, left.length), 1)[0]!,
  );
}
