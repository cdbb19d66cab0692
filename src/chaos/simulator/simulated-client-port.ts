import type { MemberCore } from "../../core/member-core.js";
import { ClientConnection } from "../../core/request/client-connection.js";
import type { ClientLink } from "./client-link.js";

/** The clients of one process: frames to the core, its output to them, as `ClientPort` does it with sockets. */
export class SimulatedClientPort {
  private readonly core: MemberCore;
  private readonly clients = new Map<ClientLink, ClientConnection>();
  private readonly linkOf = new Map<ClientConnection, ClientLink>();

  constructor(core: MemberCore) {
    this.core = core;
  }

  accept(link: ClientLink, nowMs: number): void {
    const connection = new ClientConnection("127.0.0.1", 0, nowMs);
    this.clients.set(link, connection);
    this.linkOf.set(connection, link);
    this.core.connected(connection);
  }

  receive(link: ClientLink, frame: Buffer): void {
    const connection = this.clients.get(link);
    if (connection !== undefined && !this.core.received(connection, frame, 0, frame.length)) this.drop(link);
  }

  /** Sends what the core has for clients, and closes those that it is done with. */
  flush(): void {
    for (const connection of this.core.takeDirty()) {
      const link = this.linkOf.get(connection);
      if (link === undefined) continue;
      if (connection.output.offset > 0) {
        link.respond(connection.output.copy());
        connection.output.reset();
      }
      if (connection.phase === "closing") this.drop(link);
    }
  }

  /** The client is gone. */
  forget(link: ClientLink): void {
    const connection = this.clients.get(link);
    if (connection === undefined) return;
    this.clients.delete(link);
    this.linkOf.delete(connection);
    this.core.disconnected(connection);
  }

  /** The process is gone. */
  crash(): void {
    for (const link of this.clients.keys()) link.closeByServer();
    this.clients.clear();
  }

  private drop(link: ClientLink): void {
    this.forget(link);
    link.closeByServer();
  }
}
