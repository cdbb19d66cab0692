import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import { type Discovery, type Registration, ServiceRegistry } from "../../client/recipes/service-registry.js";
import type { RegistrySession } from "../driver.js";
import { flushEvents } from "./flush-events.js";
import { onRosterLoss } from "./roster-loss.js";

const SERVICE = "service";

/** The `ServiceRegistry` recipe: ephemeral nodes, and a cache of them that a recursive persistent watch keeps. */
export class ZooKeeperRegistrySession implements RegistrySession {
  private readonly client: ZooKeeperClient;
  private readonly registry: ServiceRegistry;
  private registration: Registration | undefined;
  private discovery: Discovery | undefined;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.registry = new ServiceRegistry(client, `${root}/registry`);
  }

  async enter(name: string): Promise<void> {
    assert(this.registration === undefined, "a session is registered once at a time");
    this.registration = await this.registry.register(SERVICE, { address: name });
  }

  async leave(): Promise<void> {
    const { registration } = this;
    this.registration = undefined;
    await registration?.unregister();
  }

  async report(load: number): Promise<void> {
    await this.registration?.update({ load });
  }

  async observe(onNames: (names: readonly string[]) => void): Promise<void> {
    this.discovery = await this.registry.discover(SERVICE, {
      onChange: (providers) => onNames(providers.map((provider) => provider.address)),
    });
  }

  pick(): string | undefined {
    return this.discovery?.pick()?.address;
  }

  async flush(): Promise<void> {
    await flushEvents(this.client);
  }

  onLoss(doubtful: () => void, returns: () => void): void {
    onRosterLoss(this.client, doubtful, returns);
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
