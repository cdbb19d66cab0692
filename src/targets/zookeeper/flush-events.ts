import type { ZooKeeperClient } from "../../client/client.js";

/** A recipe reads what an event told of, and perhaps again for one that came while it read: each read waits for the last. */
const READS_IN_A_ROW_MAX = 8;

/**
 * Resolves when whatever a recipe of this client was to be told of earlier changes has been told. A server sends an event
 * before any reply that shows the change, and behind a sync every reply shows it; the reads that a recipe makes of the
 * event are sent before those that follow here, and so are answered before them. Throws CONNECTIONLOSS where the
 * connection is lost meanwhile.
 */
export async function flushEvents(client: ZooKeeperClient): Promise<void> {
  await client.sync("/");
  for (let read = 0; read < READS_IN_A_ROW_MAX; read++) await client.exists("/");
  // Listeners are called in turns of their own.
  await new Promise((resolve) => setImmediate(resolve));
}
