import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { ByteWriter } from "../../../src/base/bytes.js";
import { ZAB_DEFAULTS } from "../../../src/core/zab/options.js";
import { QUORUM, type QuorumPacket, type QuorumType, writeQuorumPacket } from "../../../src/jute/quorum.js";
import { type QuorumListener, QuorumPort } from "../../../src/server/ensemble/quorum-port.js";
import { createLogger } from "../../../src/server/log.js";
import { freePort } from "../../support/ports.js";

interface Heard {
  readonly accepted: number[];
  readonly packets: QuorumPacket[];
  imageBytes: number;
}

async function open(context: TestContext): Promise<{ port: QuorumPort; quorumPort: number; heard: Heard }> {
  const quorumPort = await freePort();
  const heard: Heard = { accepted: [], packets: [], imageBytes: 0 };
  const listener: QuorumListener = {
    accepted: (connection) => heard.accepted.push(connection),
    connected: () => {},
    disconnected: () => {},
    packet: (_connection, packet) => heard.packets.push(packet),
    imageBytes: (_connection, bytes) => {
      heard.imageBytes += bytes.length;
    },
    imageTaken: () => {},
    imageEnd: () => {},
  };
  const own = { id: 1, host: "127.0.0.1", quorumPort, electionPort: 1 };
  const port = new QuorumPort(
    { ...own, type: "participant", client: undefined },
    0xfffff,
    listener,
    createLogger("silent"),
  );
  await port.listen();
  context.after(() => port.close());
  return { port, quorumPort, heard };
}

async function stranger(context: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  context.after(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** However it comes about: a reset is a close as well. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.resume().on("close", () => resolve()));
}

function packet(type: QuorumType, data: Buffer | null): Buffer {
  const writer = new ByteWriter();
  writeQuorumPacket(writer, type, 0, data);
  return writer.copy();
}

describe("the quorum port", () => {
  it("lets go of a dropped peer that does not read what it was sent", async (context) => {
    const { port, quorumPort, heard } = await open(context);
    const socket = await stranger(context, quorumPort);
    socket.pause();
    socket.write(packet(QUORUM.followerInfo, null));
    while (heard.packets.length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let index = 0; index < 64; index++) {
      const data = Buffer.alloc(2 ** 20);
      port.send(heard.accepted[0]!, { type: QUORUM.proposal, zxid: index + 1, data, authinfo: null });
    }
    port.flush();
    port.drop(heard.accepted[0]!);
    // Its end of the connection is still open, and full: only this side can end it.
    await port.close();
    assert.equal(socket.destroyed, false);
  });

  it("does not wait for who it is for ever, though bytes come now and then", async (context) => {
    const { quorumPort, heard } = await open(context);
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const socket = await stranger(context, quorumPort);
    while (heard.accepted.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = closeOf(socket);
    for (let second = 0; second < 6; second++) {
      socket.write(Buffer.alloc(1));
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
      context.mock.timers.tick(1_000);
    }
    await closed;
  });

  it("keeps so many who do not say who they are, and has room for who does", async (context) => {
    const { quorumPort, heard } = await open(context);
    const known = await stranger(context, quorumPort);
    known.write(packet(QUORUM.followerInfo, null));
    while (heard.packets.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const oldest = await stranger(context, quorumPort);
    let isClosed = false;
    void closeOf(oldest).then(() => {
      isClosed = true;
    });
    const { strangersMax } = ZAB_DEFAULTS;
    for (let count = 1; count < strangersMax; count++) await stranger(context, quorumPort);
    assert.equal(isClosed, false);
    const last = await stranger(context, quorumPort);
    // Far less than the time after which it would have to go anyhow.
    for (let turns = 0; turns < 1_000 && !isClosed; turns++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(isClosed);
    last.write(packet(QUORUM.followerInfo, null));
    known.write(packet(QUORUM.ack, null));
    while (heard.packets.length < 3) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(heard.accepted.length, strangersMax + 2);
  });

  it("reads little of who has not said who it is, and much of who has", async (context) => {
    const { quorumPort, heard } = await open(context);
    const data = Buffer.alloc(100_000);
    const long = await stranger(context, quorumPort);
    const closed = closeOf(long);
    long.write(packet(QUORUM.followerInfo, data));
    await closed;
    assert.equal(heard.packets.length, 0);
    const short = await stranger(context, quorumPort);
    short.write(Buffer.concat([packet(QUORUM.followerInfo, null), packet(QUORUM.request, data)]));
    while (heard.packets.length < 2) await new Promise((resolve) => setImmediate(resolve));
  });

  it("takes no image from who connects", async (context) => {
    const { quorumPort, heard } = await open(context);
    const socket = await stranger(context, quorumPort);
    const closed = closeOf(socket);
    socket.write(Buffer.concat([packet(QUORUM.snap, null), Buffer.alloc(65_536)]));
    await closed;
    assert.equal(heard.packets.length, 0);
    assert.equal(heard.imageBytes, 0);
  });
});
