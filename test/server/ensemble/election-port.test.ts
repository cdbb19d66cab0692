import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { ByteReader, ByteWriter } from "../../../src/base/bytes.js";
import { type Notification, readElectionHandshake, writeElectionHandshake } from "../../../src/jute/election.js";
import type { ServerSpecification } from "../../../src/server/configuration/server-line.js";
import { ElectionPort } from "../../../src/server/ensemble/election-port.js";
import { createLogger } from "../../../src/server/log.js";
import { freePort } from "../../support/ports.js";

const OLD_MS = 60_000;

function serverAt(id: number, electionPort: number): ServerSpecification {
  return { id, host: "127.0.0.1", quorumPort: 1, electionPort, type: "participant", client: undefined };
}

function vote(leader: number): Notification {
  const config = Buffer.alloc(0);
  return { state: "looking", leader, zxid: 0, electionEpoch: 1, peerEpoch: 0, version: 2, config };
}

async function listen(context: TestContext, server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
}

/** The next connection that is made to `server`, once it has said who it is. */
async function nextCaller(server: Server): Promise<{ readonly socket: Socket; readonly id: number | undefined }> {
  const [socket] = (await once(server, "connection")) as [Socket];
  const [data] = (await once(socket, "data")) as [Buffer];
  return { socket, id: readElectionHandshake(new ByteReader(data))?.serverId };
}

/** Resolves when the connection on which it asks is closed. */
async function askToBeCalled(context: TestContext, port: number, id: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const writer = new ByteWriter();
  writeElectionHandshake(writer, { version: 2, serverId: id, addresses: ["127.0.0.1:1"] });
  context.after(() => socket.destroy());
  socket.on("error", () => {});
  socket.resume().write(writer.copy());
  await new Promise((resolve) => socket.on("close", resolve));
}

describe("the election port", () => {
  it("calls back a peer whose old connection was never closed, but not one whose call has crossed its own", async (context) => {
    const [ownPort, peerPort] = [await freePort(), await freePort()];
    const own = serverAt(3, ownPort);
    const peer = serverAt(1, peerPort);
    const peerServer = createServer();
    await listen(context, peerServer, peerPort);
    const ups: number[] = [];
    const downs: number[] = [];
    const listener = {
      notification: () => {},
      peerUp: (id: number) => ups.push(id),
      peerDown: (id: number) => downs.push(id),
    };
    const port = new ElectionPort(own, [own, peer], listener, createLogger("silent"));
    await port.listen();
    context.after(() => port.close());

    const first = nextCaller(peerServer);
    port.send(1, vote(3));
    const { socket: old, id } = await first;
    context.after(() => old.destroy());
    assert.equal(id, 3);

    let calls = 0;
    peerServer.on("connection", () => calls++);
    const second = nextCaller(peerServer);
    await askToBeCalled(context, ownPort, 1);
    // Whoever is unknown is closed as well: by then a call back would have come.
    await askToBeCalled(context, ownPort, 9);
    assert.equal(calls, 0, "a young connection stays");
    const now = performance.now();
    context.mock.method(performance, "now", () => now + OLD_MS);
    await askToBeCalled(context, ownPort, 1);
    const { socket: young } = await second;
    context.after(() => young.destroy());
    assert.equal(calls, 1);
    assert.deepEqual(downs, []);
    assert.deepEqual(ups, [1, 1]);
  });
});
