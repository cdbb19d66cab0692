import type { ZooKeeperClient } from "../../client/client.js";
import { Naming } from "../../client/recipes/naming.js";
import type { NamingSession } from "../driver.js";

export class ZooKeeperNamingSession implements NamingSession {
  expirations = 0;
  private readonly client: ZooKeeperClient;
  private readonly naming: Naming;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    client.on("state", ({ state }) => {
      if (state === "expired") this.expirations++;
    });
    this.naming = new Naming(client, `${root}/ids`);
  }

  nextId(): Promise<number> {
    return this.naming.next();
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
