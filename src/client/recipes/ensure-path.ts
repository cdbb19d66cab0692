import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import { parentOf } from "../paths.js";

/** Creates `path` and every node above it that is missing, as persistent nodes without data. */
export async function ensurePath(client: ZooKeeperClient, path: string): Promise<void> {
  if (path === "/") return;
  try {
    await client.create(path);
  } catch (error) {
    if (isZooKeeperError(error, "NODEEXISTS")) return;
    if (!isZooKeeperError(error, "NONODE")) throw error;
    await ensurePath(client, parentOf(path));
    await ensurePath(client, path);
  }
}
