import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { WORKLOADS_FOLDER } from "../../bench/profile/load.js";
import type { LoadedScenario } from "./scenario.js";
import { parseScenario } from "./schema.js";

const SCENARIOS_FOLDER = join(WORKLOADS_FOLDER, "chaos");

export function scenarioNames(): string[] {
  return readdirSync(SCENARIOS_FOLDER)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => basename(name, ".yaml"))
    .sort();
}

/** `nameOrPath` is a name in workloads/chaos, or a path. Throws UserError for one missing or invalid. */
export function loadScenario(nameOrPath: string): LoadedScenario {
  const named = join(SCENARIOS_FOLDER, `${nameOrPath}.yaml`);
  const file = /^[\w-]+$/.test(nameOrPath) && isFile(named) ? named : nameOrPath;
  if (!isFile(file)) {
    throw new UserError(USER_ERRORS.scenarioMissing, { name: nameOrPath, names: scenarioNames().join(", ") });
  }
  const text = readFileSync(file, "utf8");
  return { scenario: parseScenario(text, file), text, overrides: {} };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
