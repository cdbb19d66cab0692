import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cachedVersions, findOnPath, type Places } from "../places.js";
import type { Installation } from "../target.js";

export interface EtcdInstallation extends Installation {
  readonly target: "etcd";
  /** Installed by `zabench targets install`. */
  readonly cached: boolean;
  readonly file: string;
}

const VERSION_TIMEOUT_MS = 10_000;

async function onPath(places: Places): Promise<EtcdInstallation[]> {
  const file = findOnPath("etcd", places);
  if (file === undefined) return [];
  try {
    const { stdout } = await promisify(execFile)(file, ["--version"], { timeout: VERSION_TIMEOUT_MS });
    const version = /^etcd Version: (\S+)$/m.exec(stdout)?.[1];
    return version === undefined ? [] : [{ target: "etcd", version, origin: `PATH, ${file}`, cached: false, file }];
  } catch {
    // Something of that name that does not run here is no etcd.
    return [];
  }
}

export async function findEtcd(places: Places): Promise<EtcdInstallation[]> {
  const cached = cachedVersions("etcd", places)
    .map(({ version, folder }) => ({ version, file: join(folder, "etcd") }))
    .filter(({ file }) => existsSync(file))
    .map(
      ({ version, file }): EtcdInstallation => ({
        target: "etcd",
        version,
        origin: "Go module, in the zabench cache",
        cached: true,
        file,
      }),
    );
  return [...cached, ...(await onPath(places))];
}
