import { EXIT, type ExitCode } from "../base/user-error.js";
import type { RunResult } from "./result.js";

/** How a run is judged, in the order of what is worst. */
export function exitCodeOf(result: RunResult): ExitCode {
  const checks = result.targets.flatMap((target) => target.checks);
  if (checks.some((check) => check.verdict === "invalid")) return EXIT.inconsistent;
  if (result.interrupted) return EXIT.interrupted;
  const measured = result.targets.every((target) => target.operations.some((operation) => operation.ok > 0));
  if (result.thresholds.some((threshold) => !threshold.passed) && measured) return EXIT.regression;
  // A target that nothing was checked of is as unknown as one whose checks saw nothing.
  const isUnchecked = result.targets.some((target) => target.checks.length === 0);
  if (!measured || isUnchecked || checks.some((check) => check.verdict === "unknown")) return EXIT.insufficient;
  return EXIT.ok;
}
