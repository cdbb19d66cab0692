import { createRequire } from "node:module";
import type { Proxy as ToxiproxyProxy } from "toxiproxy-node-client";
import type { Address, Ensemble } from "../targets/target.js";

// The package is CommonJS whose exports Node cannot see statically.
const { Toxiproxy } = createRequire(import.meta.url)("toxiproxy-node-client") as typeof import("toxiproxy-node-client");

/** The links between clients and the members of one ensemble, each through a proxy of its own. */
export class ClientLinks {
  private readonly proxies = new Map<number, ToxiproxyProxy>();

  /** Makes a proxy for each member; `url` is that of Toxiproxy's HTTP interface. */
  static async open(url: string, label: string, ensemble: Ensemble): Promise<ClientLinks> {
    const links = new ClientLinks();
    const toxiproxy = new Toxiproxy(url);
    for (const { id, client } of ensemble.members) {
      const body = { name: `${label}-${id}`, listen: "127.0.0.1:0", upstream: `${client.host}:${client.port}` };
      links.proxies.set(id, await toxiproxy.createProxy(body));
    }
    return links;
  }

  /** Where clients connect instead, in the order of the members. */
  get addresses(): readonly Address[] {
    return [...this.proxies.values()].map(({ listen }) => {
      const colon = listen.lastIndexOf(":");
      return { host: listen.slice(0, colon), port: Number(listen.slice(colon + 1)) };
    });
  }

  async addLatency(member: number, latencyMs: number, jitterMs: number): Promise<void> {
    const attributes = { latency: Math.round(latencyMs), jitter: Math.round(jitterMs) };
    for (const stream of ["upstream", "downstream"] as const) {
      await this.proxies
        .get(member)
        ?.addToxic({ name: `latency_${stream}`, type: "latency", stream, toxicity: 1, attributes });
    }
  }

  async removeToxics(): Promise<void> {
    for (const proxy of this.proxies.values()) {
      for (const stream of ["upstream", "downstream"]) {
        const toxic = await proxy.getToxic(`latency_${stream}`).catch(() => undefined);
        await toxic?.remove();
      }
    }
  }

  async close(): Promise<void> {
    for (const proxy of this.proxies.values()) await proxy.remove();
    this.proxies.clear();
  }
}
