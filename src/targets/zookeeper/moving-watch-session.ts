import type { MovingWatchSession } from "../driver.js";
import { ZooKeeperWatchSession } from "./watch-session.js";

/** The client sets its watches again by itself, with the zxid it has seen last, so that the server tells what it missed. */
export class ZooKeeperMovingWatchSession extends ZooKeeperWatchSession implements MovingWatchSession {
  /** As the server granted it. */
  get timeoutMs(): number {
    return this.client.sessionTimeoutMs;
  }

  async move(
    awayMs: number,
    onAway: () => void,
  ): Promise<{ readonly sameSession: boolean; readonly connectedAtMs: number }> {
    const { client } = this;
    const { sessionId } = client;
    const away = new Promise<void>((resolve) => {
      client.once("state", () => resolve());
    });
    client.disconnect(awayMs);
    await away;
    onAway();
    await client.whenConnected(awayMs + client.sessionTimeoutMs);
    const connectedAtMs = performance.now();
    // Behind the packets that set the watches: answered when the server has them.
    await client.exists("/");
    return { sameSession: client.sessionId === sessionId, connectedAtMs };
  }
}
