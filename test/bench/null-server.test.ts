import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startNullServer } from "../../src/bench/null-server.js";
import { connect } from "../../src/client/client.js";
import { isZooKeeperError } from "../../src/client/errors.js";

describe("the null server", { timeout: 20_000 }, () => {
  it("answers a real client as a server would, and stores nothing", async (context) => {
    const server = await startNullServer();
    context.after(() => server.close());
    const client = await connect({ servers: `127.0.0.1:${server.port}`, sessionTimeoutMs: 5_000 });
    const inconsistencies: unknown[] = [];
    client.on("inconsistency", (error) => inconsistencies.push(error));
    const created = await client.create("/a", Buffer.from("x"));
    assert.equal(created.path, "/a");
    const read = await client.getData("/whatever");
    assert.equal(read.data?.length, 100);
    assert.equal(read.stat.dataLength, 100);
    const first = await client.setData("/a", Buffer.alloc(1_000));
    const second = await client.setData("/a", null);
    assert(second.mzxid > first.mzxid && first.mzxid > created.stat.czxid);
    assert.equal(client.lastZxidSeen, second.mzxid);
    assert.notEqual(await client.exists("/a"), null);
    assert.deepEqual((await client.getChildren("/a")).children, []);
    await client.sync("/a");
    await client.delete("/a");
    const many = await Promise.all(Array.from({ length: 500 }, () => client.getData("/a")));
    assert(many.every(({ data }) => data?.length === 100));
    assert.deepEqual(inconsistencies, []);
    await client.close();
  });

  it("refuses what it does not know, and harms nobody else by it", async (context) => {
    const server = await startNullServer();
    context.after(() => server.close());
    const servers = `127.0.0.1:${server.port}`;
    const [client, other] = await Promise.all([connect({ servers }), connect({ servers })]);
    assert.notEqual(client.sessionId, other.sessionId);
    await assert.rejects(client.whoAmI(), (error) => isZooKeeperError(error, "UNIMPLEMENTED"));
    const socket = connectSocket(server.port, "127.0.0.1");
    socket.write(Buffer.from("7fffffff", "hex"));
    socket.resume();
    await once(socket, "close");
    await other.getData("/a");
    await Promise.all([client.close(), other.close()]);
  });

  it("runs in a process of its own, prints its port and ends with its input", async () => {
    const main = fileURLToPath(new URL("../../src/bench/null-server-main.js", import.meta.url));
    const child = spawn(process.execPath, [main], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const client = await connect({ servers: `127.0.0.1:${Number(line)}` });
    await client.close();
    child.stdin.end();
    const [code] = (await once(child, "exit")) as [number];
    assert.equal(code, 0);
  });
});
