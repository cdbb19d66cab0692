import type { ZooKeeperClient } from "../../client/client.js";

/** What `RosterSession.onLoss` promises, of a recipe that enters its name again in the next session. */
export function onRosterLoss(client: ZooKeeperClient, doubtful: () => void, returns: () => void): void {
  client.on("state", ({ state }) => {
    if (state === "disconnected") doubtful();
    else if (state === "expired") returns();
  });
}
