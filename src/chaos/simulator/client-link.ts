import type { SimulatedNetwork, Stream } from "./simulated-network.js";

/** What either end of a client's connection does with what comes. */
export interface LinkEnd {
  receive(link: ClientLink, bytes: Buffer): void;
  /** The other end has closed, or the connection broke. */
  lost(link: ClientLink): void;
}

/** A connection between a client and a server: bytes arrive in order, or not at all once it is closed. */
export class ClientLink {
  readonly client: LinkEnd;
  readonly server: LinkEnd;
  private readonly toServer: Stream;
  private readonly toClient: Stream;
  private readonly network: SimulatedNetwork;

  constructor(network: SimulatedNetwork, client: LinkEnd, clientId: number, server: LinkEnd, serverId: number) {
    this.network = network;
    this.client = client;
    this.server = server;
    this.toServer = network.open(clientId, serverId);
    this.toClient = network.open(serverId, clientId);
  }

  request(bytes: Buffer): void {
    this.toServer.send(() => this.server.receive(this, bytes));
  }

  respond(bytes: Buffer): void {
    this.toClient.send(() => this.client.receive(this, bytes));
  }

  /** The client leaves; the server hears of it behind what was sent. */
  closeByClient(): void {
    this.network.forget(this.toClient);
    this.toServer.send(() => {
      this.network.forget(this.toServer);
      this.server.lost(this);
    });
  }

  closeByServer(): void {
    this.network.forget(this.toServer);
    this.toClient.send(() => {
      this.network.forget(this.toClient);
      this.client.lost(this);
    });
  }
}
