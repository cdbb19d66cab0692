import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { parseProfile } from "./parse.js";
import type { LoadedProfile } from "./profile.js";
import { parseSetting, type Setting } from "./settings.js";

/** The profiles that come with zabench. */
export const WORKLOADS_FOLDER = fileURLToPath(new URL("../../../../workloads/", import.meta.url));

export function profileNames(): string[] {
  return readdirSync(WORKLOADS_FOLDER)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => basename(name, ".yaml"))
    .sort();
}

/**
 * `nameOrPath` is a name in the workloads folder, or a path; `settings` stand over what it says, each as `path=value`, the
 * later of two over the earlier. Throws UserError for one missing, unreadable or invalid.
 */
export function loadProfile(nameOrPath: string, settings: readonly string[] = []): LoadedProfile {
  const named = join(WORKLOADS_FOLDER, `${nameOrPath}.yaml`);
  const file = /^[\w-]+$/.test(nameOrPath) && isFile(named) ? named : nameOrPath;
  if (!isFile(file)) {
    throw new UserError(USER_ERRORS.profileMissing, { name: nameOrPath, names: profileNames().join(", ") });
  }
  const shown = relative(process.cwd(), file).startsWith("..") ? file : relative(process.cwd(), file);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(USER_ERRORS.profileUnreadable, { reason: (error as NodeJS.ErrnoException).code ?? "?" }, shown);
  }
  const parsed = settings.map(parseSetting);
  const overrides = Object.fromEntries(
    settings.map((setting, index) => [
      (parsed[index] as Setting).path.join("."),
      setting.slice(setting.indexOf("=") + 1).trim(),
    ]),
  );
  return { profile: parseProfile(text, shown, parsed), text, file, overrides };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
