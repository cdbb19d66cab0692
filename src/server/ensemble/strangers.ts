import type { Socket } from "node:net";
import { ZAB_DEFAULTS } from "../../core/zab/options.js";

/**
 * Connections whose other side has not said who it is. Who is a server says so at once, so when there are too many of them
 * the oldest is closed.
 */
export class Strangers {
  private readonly sockets = new Set<Socket>();

  add(socket: Socket): void {
    this.sockets.add(socket);
    if (this.sockets.size <= ZAB_DEFAULTS.strangersMax) return;
    const [oldest] = this.sockets;
    this.delete(oldest!);
    oldest!.destroy();
  }

  delete(socket: Socket): void {
    this.sockets.delete(socket);
  }

  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
