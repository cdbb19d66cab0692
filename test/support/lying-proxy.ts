import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { FrameSplitter } from "../../src/jute/framing.js";
import type { Address } from "../../src/targets/target.js";

const REPLY_ZXID_AT = 4;
const NOT_A_REPLY_XID_MAX = -1;

/**
 * Stands before a ZooKeeper server and tampers with every `every`-th reply: puts its zxid back by as much, so that the
 * history goes back within a session, or sends it twice. Four-letter words pass as they are.
 */
export async function startLyingProxy(
  upstream: Address,
  every: number,
  lie: "zxid" | "twice" = "zxid",
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ host: upstream.host, port: upstream.port, noDelay: true });
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        client.destroy();
        target.destroy();
        sockets.delete(socket);
      });
    }
    const splitter = new FrameSplitter(1 << 20);
    let words = false;
    let replies = 0;
    client.once("data", (first) => {
      // The length of a frame begins with a zero byte, a word with a letter.
      words = first[0] !== 0;
    });
    client.pipe(target);
    target.on("data", (chunk) => {
      if (words) {
        client.write(chunk);
        return;
      }
      splitter.push(chunk, (bytes, start, end) => {
        const frame = Buffer.alloc(end - start + 4);
        frame.writeInt32BE(end - start, 0);
        bytes.copy(frame, 4, start, end);
        replies++;
        // The first frame is the answer to the connect request, which has no header.
        if (replies > 1 && replies % every === 0 && frame.readInt32BE(4) > NOT_A_REPLY_XID_MAX) {
          const at = 4 + REPLY_ZXID_AT;
          if (lie === "twice") client.write(frame);
          else frame.writeBigInt64BE(frame.readBigInt64BE(at) - BigInt(every), at);
        }
        client.write(frame);
        return true;
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
