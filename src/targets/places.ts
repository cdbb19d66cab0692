import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { compareVersions, isStableVersion } from "./version.js";

/** Where software is looked for; tests pass their own. */
export interface Places {
  /** The folder that `zabench targets install` fills: `<cache>/<tool>/<version>/`. */
  readonly cache: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Where Debian keeps the jars of its packages. */
  readonly debianJars: string;
}

export function placesHere(environment: NodeJS.ProcessEnv = process.env): Places {
  const cacheHome = environment["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return {
    cache: environment["ZABENCH_CACHE"] || join(cacheHome, "zabench"),
    environment,
    debianJars: "/usr/share/java",
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The full path of a program, as a shell would find it. */
export function findOnPath(name: string, places: Places): string | undefined {
  const folders = (places.environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

export interface CachedTool {
  readonly version: string;
  readonly folder: string;
}

/** The versions of a tool in the cache, the newest first. An install renames a finished folder into place. */
export function cachedVersions(tool: string, places: Places): CachedTool[] {
  const folder = join(places.cache, tool);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter(isStableVersion)
    .sort((a, b) => compareVersions(b, a))
    .map((version) => ({ version, folder: join(folder, version) }));
}
