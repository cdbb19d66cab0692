import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { FrameSplitter } from "../../src/jute/framing.js";

export interface Cut {
  /** Which request since `arm`, from 1; connects, pings, authentications and setWatches are not counted. */
  readonly at: number;
  /** The request is swallowed, or it is carried out and its reply swallowed; "held" lets it pass later, and cuts nothing. */
  readonly when: "beforeSend" | "beforeReply" | "held";
  /** Runs when the connection has been cut; nobody can connect until it is done. A request that is held waits for it. */
  readonly meanwhile?: () => Promise<void>;
}

/** A way to a ZooKeeper server that cuts a connection at a chosen request. Requests are told apart, replies matched. */
export class CuttingProxy {
  address = "";
  /** Since it was armed last. */
  requests = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer({ noDelay: true }, (client) => void this.accept(client));
  private readonly upstreamPort: number;
  private cut: Cut | undefined;
  private blocked: Promise<void> = Promise.resolve();

  private constructor(upstreamPort: number) {
    this.upstreamPort = upstreamPort;
  }

  static async start(upstreamPort: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(upstreamPort);
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    proxy.address = `127.0.0.1:${(proxy.server.address() as AddressInfo).port}`;
    return proxy;
  }

  arm(cut?: Cut): void {
    this.requests = 0;
    this.cut = cut;
  }

  /** True where the cut that it was armed with is still to come. */
  get armed(): boolean {
    return this.cut !== undefined;
  }

  /** Cuts every connection; whoever connects waits for `until`. */
  block(until: Promise<void>): void {
    this.blocked = until;
    for (const socket of this.sockets) socket.destroy();
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private async accept(client: Socket): Promise<void> {
    this.keep(client);
    await this.blocked;
    if (client.destroyed) return;
    const server = connect({ port: this.upstreamPort, host: "127.0.0.1", noDelay: true });
    this.keep(server);
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    let swallowed = 0;
    const cutNow = (meanwhile: Cut["meanwhile"]): void => {
      if (meanwhile !== undefined) this.blocked = meanwhile();
      client.destroy();
      server.destroy();
    };
    let meanwhile: Cut["meanwhile"];
    this.eachFrame(client, (frame, first) => {
      const cut = first || frame.readInt32BE(4) <= 0 ? undefined : this.next();
      if (cut?.when === "beforeSend") {
        cutNow(cut.meanwhile);
        return;
      }
      if (cut?.when === "held") {
        void cut.meanwhile?.().then(() => server.write(frame));
        return;
      }
      if (cut !== undefined) {
        swallowed = frame.readInt32BE(4);
        meanwhile = cut.meanwhile;
      }
      server.write(frame);
    });
    this.eachFrame(server, (frame, first) => {
      if (!first && swallowed !== 0 && frame.readInt32BE(4) === swallowed) cutNow(meanwhile);
      else client.write(frame);
    });
  }

  /** The cut, where the request that has come is the one it is for. */
  private next(): Cut | undefined {
    const { cut } = this;
    if (++this.requests !== cut?.at) return undefined;
    this.cut = undefined;
    return cut;
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.sockets.delete(socket));
  }

  private eachFrame(socket: Socket, handle: (frame: Buffer, first: boolean) => void): void {
    const splitter = new FrameSplitter(1 << 20);
    let first = true;
    socket.on("data", (chunk: Buffer) => {
      if (socket.destroyed) return;
      splitter.push(chunk, (bytes, start, end) => {
        const frame = Buffer.alloc(end - start + 4);
        frame.writeInt32BE(end - start, 0);
        bytes.copy(frame, 4, start, end);
        handle(frame, first);
        first = false;
        return !socket.destroyed;
      });
    });
  }
}
