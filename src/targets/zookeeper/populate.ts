import type { ZooKeeperClient } from "../../client/client.js";
import { isZooKeeperError } from "../../client/errors.js";
import { joinPath } from "../../client/paths.js";
import { ensurePath } from "../../client/recipes/ensure-path.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import { FLAT, type TreeShape, type ValueBytes } from "../driver.js";
import { folderLevels, keyPath } from "./keys.js";

/** Requests under way at once: enough to keep a server's log batching, few enough for its default throttle of 1,000. */
const PIPELINE_DEPTH = 256;

/** How often a tree is listed anew because somebody added to it while it was removed. */
const REMOVE_ROUNDS_MAX = 5;

/** Creates `root`, its folders and its keys. Throws NODEEXISTS where a key was there before. */
export async function populateKeys(
  client: ZooKeeperClient,
  root: string,
  keys: number,
  valueBytes: ValueBytes,
  tree: TreeShape = FLAT,
): Promise<void> {
  await overConnectionLoss(client, () => ensurePath(client, root));
  for (const level of folderLevels(root, tree)) {
    await pipelined(level.length, (index) => createNode(client, level[index] as string, Buffer.alloc(0)));
  }
  const sizeOf = typeof valueBytes === "number" ? () => valueBytes : valueBytes;
  let longest = Buffer.alloc(0);
  await pipelined(keys, async (key) => {
    const bytes = sizeOf(key);
    if (bytes > longest.length) longest = Buffer.alloc(bytes, "a");
    await createNode(client, keyPath(root, key, tree), longest.subarray(0, bytes));
  });
}

async function createNode(client: ZooKeeperClient, path: string, value: Buffer): Promise<void> {
  await overConnectionLoss(client, async (again) => {
    try {
      await client.create(path, value);
    } catch (error) {
      if (!(again && isZooKeeperError(error, "NODEEXISTS"))) throw error;
    }
  });
}

/** The czxids of the children of `root`, as of after everything that this client could have heard of. */
export async function createdOrders(client: ZooKeeperClient, root: string): Promise<ReadonlySet<number>> {
  await overConnectionLoss(client, () => client.sync(root));
  const children = await childrenOf(client, root);
  const orders = new Set<number>();
  await pipelined(children.length, async (index) => {
    const stat = await overConnectionLoss(client, () => client.exists(joinPath(root, children[index] as string)));
    if (stat !== null) orders.add(stat.czxid);
  });
  return orders;
}

/** Removes `root` and all below it, deepest first. Throws NOTEMPTY where somebody keeps adding to it. */
export async function removeTree(client: ZooKeeperClient, root: string): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      const levels = await listLevels(client, root);
      for (const level of levels.reverse()) {
        await pipelined(level.length, (index) => deleteNode(client, level[index] as string));
      }
      return;
    } catch (error) {
      if (!isZooKeeperError(error, "NOTEMPTY") || round === REMOVE_ROUNDS_MAX) throw error;
    }
  }
}

/** The tree by depth, `root` first. */
async function listLevels(client: ZooKeeperClient, root: string): Promise<string[][]> {
  const levels: string[][] = [];
  for (let level = [root]; level.length > 0; ) {
    levels.push(level);
    const parents = level;
    const below: string[] = [];
    await pipelined(parents.length, async (index) => {
      const parent = parents[index] as string;
      for (const child of await childrenOf(client, parent)) below.push(joinPath(parent, child));
    });
    level = below;
  }
  return levels;
}

async function childrenOf(client: ZooKeeperClient, path: string): Promise<readonly string[]> {
  try {
    return (await overConnectionLoss(client, () => client.getChildren(path))).children;
  } catch (error) {
    if (isZooKeeperError(error, "NONODE")) return [];
    throw error;
  }
}

async function deleteNode(client: ZooKeeperClient, path: string): Promise<void> {
  try {
    await overConnectionLoss(client, () => client.delete(path));
  } catch (error) {
    if (!isZooKeeperError(error, "NONODE")) throw error;
  }
}

/** Runs `each` for 0 to count - 1, a bounded number of them at once. The first failure ends it. */
async function pipelined(count: number, each: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const run = async (): Promise<void> => {
    while (next < count && !failed) {
      try {
        await each(next++);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const runs = Array.from({ length: Math.min(count, PIPELINE_DEPTH) }, run);
  const failure = (await Promise.allSettled(runs)).find((result) => result.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}
