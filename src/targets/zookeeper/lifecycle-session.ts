import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import { ensurePath } from "../../client/recipes/ensure-path.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import type { LifecycleSession } from "../driver.js";

/** What is held is an ephemeral node. The client must not renew its session. */
export class ZooKeeperLifecycleSession implements LifecycleSession {
  disconnects = 0;
  private readonly client: ZooKeeperClient;
  private readonly folder: string;
  private held: string | undefined;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.folder = `${root}/sessions`;
    client.on("state", ({ state }) => {
      if (state === "disconnected") this.disconnects++;
    });
  }

  /** As the server granted it. */
  get timeoutMs(): number {
    return this.client.sessionTimeoutMs;
  }

  async hold(name: string): Promise<void> {
    assert(this.held === undefined, "a session holds one name");
    this.held = `${this.folder}/${name}`;
    await ensurePath(this.client, this.folder);
    await this.client.create(this.held, null, { mode: "ephemeral" });
  }

  async holds(): Promise<boolean> {
    assert(this.held !== undefined, "the session was told what to hold");
    const stat = await this.client.exists(this.held);
    return stat?.ephemeralOwner === this.client.sessionId;
  }

  async resume(): Promise<boolean> {
    const { sessionId } = this.client;
    const cut = new Promise<void>((resolve) => {
      this.client.once("state", () => resolve());
    });
    this.client.disconnect();
    await cut;
    await this.client.whenConnected();
    return this.client.sessionId === sessionId;
  }

  async abandon(): Promise<void> {
    await this.client.abandon();
  }

  /** Behind a sync, so that it is no older than what anybody was told before. */
  async names(onChange: () => void): Promise<ReadonlySet<string>> {
    return await overConnectionLoss(this.client, async () => {
      await ensurePath(this.client, this.folder);
      await this.client.sync(this.folder);
      return new Set((await this.client.getChildren(this.folder, onChange)).children);
    });
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
