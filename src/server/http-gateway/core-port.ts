import { ByteWriter } from "../../base/bytes.js";
import type { ClientConnection } from "../../core/request/client-connection.js";
import type { ServiceCore } from "../../core/service.js";

/** Who holds a connection to the core within this process. */
export interface ConnectionHolder {
  /** There is output to take, or the core is done with the connection (phase `closing`). */
  flushed(): void;
}

/** The connections that the gateway has to the core: no sockets, and what the core writes is read where it stands. */
export class CorePort {
  readonly core: ServiceCore;
  /** The largest request, in bytes. */
  readonly maxBufferBytes: number;
  /** For one request at a time: the core keeps nothing of it. */
  readonly scratch = new ByteWriter(4_096);
  private readonly holders = new Map<ClientConnection, ConnectionHolder>();
  private readonly onTurn: () => void;

  constructor(core: ServiceCore, maxBufferBytes: number, enterTurn: () => void) {
    this.core = core;
    this.maxBufferBytes = maxBufferBytes;
    this.onTurn = enterTurn;
  }

  get connectionCount(): number {
    return this.holders.size;
  }

  hold(connection: ClientConnection, holder: ConnectionHolder): void {
    this.holders.set(connection, holder);
  }

  release(connection: ClientConnection): void {
    this.holders.delete(connection);
    this.core.disconnected(connection);
  }

  /** To be called before the core is given something. */
  enterTurn(): void {
    this.onTurn();
  }

  /** Takes what the core wrote for the connections that are held here, and leaves the others alone. */
  flush(dirty: readonly ClientConnection[]): void {
    if (this.holders.size === 0) return;
    for (const connection of dirty) this.holders.get(connection)?.flushed();
  }
}
