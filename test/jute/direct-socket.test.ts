import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { DirectWriter, readInto } from "../../src/jute/direct-socket.js";

async function pair(context: TestContext): Promise<{ accepted: Socket; peer: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const peer = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(server, "connection")) as [Socket];
  context.after(() => {
    accepted.destroy();
    peer.destroy();
    server.close();
  });
  return { accepted, peer };
}

async function received(socket: Socket, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sum = 0;
  while (sum < count) {
    const chunk: Buffer | null = socket.read() as Buffer | null;
    if (chunk === null) {
      await once(socket, "readable");
      continue;
    }
    chunks.push(chunk);
    sum += chunk.length;
  }
  return Buffer.concat(chunks);
}

describe("DirectWriter", () => {
  it("sends before it returns, and leaves the bytes to the caller", async (context) => {
    const { accepted, peer } = await pair(context);
    const writer = new DirectWriter(accepted);
    const bytes = Buffer.from("first");
    writer.write(bytes);
    bytes.fill(0);
    // What the stream sent is counted by it; what went past it is not.
    assert.equal(accepted.bytesWritten, 0);
    assert.equal(String(await received(peer, 5)), "first");
  });

  it("keeps the order of what the kernel does not take at once", async (context) => {
    const { accepted, peer } = await pair(context);
    const writer = new DirectWriter(accepted);
    const total = 32 * 2 ** 20;
    const chunk = Buffer.alloc(2 ** 16);
    for (let at = 0; at < total; at += chunk.length) {
      for (let word = 0; word < chunk.length; word += 4) chunk.writeInt32BE(at + word, word);
      writer.write(chunk);
    }
    assert.ok(accepted.writableLength > 0, "more than the kernel takes");
    const all = await received(peer, total);
    assert.equal(all.length, total);
    for (let at = 0; at < total; at += 4) if (all.readInt32BE(at) !== at) assert.fail(`byte ${at} is out of order`);
    writer.write(Buffer.from("last"));
    assert.equal(String(await received(peer, 4)), "last");
  });

  it("leaves errors to the stream, and writes nothing to a socket that is closed", async (context) => {
    const { accepted, peer } = await pair(context);
    const writer = new DirectWriter(accepted);
    const errors: Error[] = [];
    accepted.on("error", (error) => errors.push(error));
    const closed = new Promise((resolve) => accepted.on("close", resolve));
    peer.resetAndDestroy();
    await once(peer, "close");
    // The reset has arrived, since both ends are here; no event of it was delivered yet, or all of them.
    for (let index = 0; index < 3; index++) writer.write(Buffer.from("to nobody"));
    await closed;
    assert.equal(errors.length, 1);
    writer.write(Buffer.from("to nobody"));
    assert.equal(accepted.writableLength, 0);
  });
});

describe("readInto", () => {
  it("reads any number of accepted sockets into one buffer, on this version of Node", async (context) => {
    const shared = Buffer.alloc(1024);
    const texts = ["", ""];
    for (const index of [0, 1]) {
      const { accepted, peer } = await pair(context);
      const direct = readInto(accepted, shared, (bytes, length) => {
        assert.equal(bytes, shared);
        texts[index] += bytes.toString("latin1", 0, length);
      });
      assert.ok(direct);
      const ended = once(accepted, "end");
      peer.write("a".repeat(3000));
      peer.end("z");
      await ended;
    }
    assert.deepEqual(texts, [`${"a".repeat(3000)}z`, `${"a".repeat(3000)}z`]);
  });

  it("stops while the socket is paused", async (context) => {
    const { accepted, peer } = await pair(context);
    let count = 0;
    readInto(accepted, Buffer.alloc(16), (_, length) => {
      count += length;
      if (count === 4) accepted.pause();
    });
    peer.write("1234");
    while (count < 4) await new Promise(setImmediate);
    peer.write("5678");
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.equal(count, 4);
    const ended = once(accepted, "end");
    accepted.resume();
    peer.end();
    await ended;
    assert.equal(count, 8);
  });
});
