import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The release of Apache ZooKeeper whose behaviour towards clients this server has; clients parse it. */
const COMPATIBLE_WITH = "3.9.5";

/** The package's own folder, wherever it is installed. */
export const packageFolder = fileURLToPath(new URL("../../../", import.meta.url));

export const zabenchVersion: string = (
  JSON.parse(readFileSync(`${packageFolder}package.json`, "utf8")) as { version: string }
).version;

/** "3.9.5-zabench-0.1.0, built on 2026-01-31 12:00 UTC", the form that clients of release 3.7 and later know. */
export function serverVersion(): string {
  const built = statSync(fileURLToPath(import.meta.url))
    .mtime.toISOString()
    .slice(0, 16)
    .replace("T", " ");
  return `${COMPATIBLE_WITH}-zabench-${zabenchVersion}, built on ${built} UTC`;
}
