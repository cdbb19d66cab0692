import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import { keyPath } from "./keys.js";

/**
 * Overwrites `count` values from number `key` on, several of them in one transaction. Repeated over a lost connection, so
 * the change may have been made twice; the zxid that is returned is the last one's.
 */
export async function changeValues(
  client: ZooKeeperClient,
  root: string,
  key: number,
  count: number,
  data: Uint8Array,
): Promise<number> {
  if (count === 1) {
    return (await overConnectionLoss(client, () => client.setData(keyPath(root, key), data))).mzxid;
  }
  const requests = Array.from({ length: count }, (_, at) => {
    return { op: "setData", path: keyPath(root, key + at), data } as const;
  });
  const [first] = await overConnectionLoss(client, () => client.multi(requests));
  assert(first !== undefined, "a change has at least one value");
  return first.stat.mzxid;
}
