import { connect, type ZooKeeperClient } from "../../src/client/client.js";
import { isZooKeeperError } from "../../src/client/errors.js";

/** Ends a client's session from outside, by somebody who takes it over; unless the client has closed it meanwhile. */
export async function endSession({ credentials }: ZooKeeperClient, servers: string): Promise<void> {
  // Its owner may take it back before it is closed: it is over when a server says so.
  for (;;) {
    try {
      const thief = await connect({ servers, backoffMinMs: 5, backoffMaxMs: 50, credentials });
      await thief.close();
    } catch (error) {
      if (isZooKeeperError(error, "SESSIONEXPIRED")) return;
      if (!isZooKeeperError(error, "CONNECTIONLOSS")) throw error;
    }
  }
}
