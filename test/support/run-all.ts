import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../src/base/user-error.js";
import { readResult } from "../../src/report/files.js";
import { Zabench } from "./zabench.js";

/** Of all of them. */
const TIMEOUT_MS = 15 * 60_000;

/** `run all --quick` of these profiles, on every target they name: every check is made and holds. */
export async function runProfilesQuickly(folder: string, names: readonly string[]): Promise<void> {
  const args = ["run", "all", "--quick", "--only", names.join(","), "--out", "all", "--json"];
  const { code, stdout, stderr } = await new Zabench(folder, TIMEOUT_MS).run(...args);
  const { exitCode, profiles } = JSON.parse(stdout) as {
    exitCode: number;
    profiles: { name: string; exitCode: number; report: string; targets: { label: string }[] }[];
  };
  assert.equal(code, exitCode);
  // Thresholds are for rounds of their full length, and for a machine that does nothing else.
  for (const each of profiles) assert.ok(([EXIT.ok, EXIT.regression] as number[]).includes(each.exitCode), stderr);
  assert.deepEqual(
    profiles.map(({ name }) => name),
    names,
  );
  for (const { name, report, targets } of profiles) {
    const result = await readResult(join(folder, report, "..", "result.json"));
    assert.equal(result.targets.length, targets.length);
    assert.equal(result.profile.name, name);
    const checks = result.targets.flatMap((target) => target.checks);
    assert.ok(checks.length > 0 && checks.every((check) => check.verdict === "valid"), name);
  }
}
