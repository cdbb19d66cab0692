import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";

/**
 * Repeats `attempt` over lost connections until the session is over, which throws SESSIONEXPIRED. Only for what may be
 * done twice. `again` tells an attempt that an earlier one may have been carried out.
 */
export async function overConnectionLoss<T>(
  client: ZooKeeperClient,
  attempt: (again: boolean) => Promise<T>,
): Promise<T> {
  for (let again = false; ; again = true) {
    try {
      return await attempt(again);
    } catch (error) {
      if (!isZooKeeperError(error, "CONNECTIONLOSS")) throw error;
    }
    await reconnected(client);
  }
}

async function reconnected(client: ZooKeeperClient): Promise<void> {
  for (;;) {
    try {
      await client.whenConnected();
      return;
    } catch (error) {
      if (!isZooKeeperError(error, "CONNECTIONLOSS")) throw error;
    }
  }
}
