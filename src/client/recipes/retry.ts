import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";

/**
 * Repeats `attempt` over lost connections until the session is over for good, which throws SESSIONEXPIRED. Only for what
 * may be done twice. `again` tells an attempt that an earlier one may have been carried out. While there is no
 * connection, `signal` ends the wait for it with its reason.
 */
export async function overConnectionLoss<T>(
  client: ZooKeeperClient,
  attempt: (again: boolean) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let again = false; ; again = true) {
    try {
      return await attempt(again);
    } catch (error) {
      if (!isZooKeeperError(error, "CONNECTIONLOSS")) throw error;
    }
    await reconnected(client, signal);
  }
}

async function reconnected(client: ZooKeeperClient, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      await withSignal(client.whenConnected(), signal);
      return;
    } catch (error) {
      if (!isZooKeeperError(error, "CONNECTIONLOSS")) throw error;
    }
  }
}

async function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
