import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findOnPath, type Places } from "../places.js";
import type { Installation } from "../target.js";

export interface RedisInstallation extends Installation {
  readonly target: "redis";
  readonly file: string;
}

const VERSION_TIMEOUT_MS = 10_000;

export async function findRedis(places: Places): Promise<RedisInstallation[]> {
  const file = findOnPath("redis-server", places);
  if (file === undefined) return [];
  try {
    const { stdout } = await promisify(execFile)(file, ["--version"], { timeout: VERSION_TIMEOUT_MS });
    const version = /^Redis server v=(\S+)/m.exec(stdout)?.[1];
    return version === undefined ? [] : [{ target: "redis", version, origin: `PATH, ${file}`, file }];
  } catch {
    // Something of that name that does not run here is no Redis.
    return [];
  }
}
