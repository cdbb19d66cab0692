import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect, ZooKeeperClient } from "../../src/client/client.js";
import { type InconsistencyError, isZooKeeperError } from "../../src/client/errors.js";
import { ERROR } from "../../src/jute/errors.js";
import { GetDataResponse } from "../../src/jute/records.js";
import { FakeServer } from "../support/fake-server.js";
import { connected, nextState, STAT } from "./support.js";

const limit = { timeout: 20_000 };

function named(name: Parameters<typeof isZooKeeperError>[1]): (error: unknown) => boolean {
  return (error) => isZooKeeperError(error, name as string as never);
}

describe("a session", limit, () => {
  it("is asked for with the handshake of the protocol", async (context) => {
    const server = await FakeServer.start();
    context.after(() => server.stop());
    const connecting = connect({ servers: server.address, sessionTimeoutMs: 6_000 });
    const connection = await server.accept();
    assert.deepEqual(await connection.nextConnect(), {
      protocolVersion: 0,
      lastZxidSeen: 0n,
      timeOut: 6_000,
      sessionId: 0n,
      passwd: Buffer.alloc(16),
      readOnly: false,
    });
    connection.grant({ sessionId: -5n, timeoutMs: 4_000 });
    const client = await connecting;
    assert.equal(client.sessionId, -5n);
    assert.equal(client.sessionTimeoutMs, 4_000);
    const closing = client.close();
    const request = await connection.next();
    assert.equal(request.name, "closeSession");
    connection.reply(request.xid, 1);
    await closing;
    await connection.closed;
    assert.equal(client.state, "closed");
  });

  it("is resumed after a lost connection, with its password and the last zxid seen", async (context) => {
    const { server, client, connection, states } = await connected(context);
    const read = client.getData("/a");
    const request = await connection.next();
    connection.reply(request.xid, 77, 0, GetDataResponse, { data: null, stat: STAT });
    await read;
    const lost = client.getData("/b");
    await connection.next();
    connection.destroy();
    await assert.rejects(lost, named("CONNECTIONLOSS"));
    const again = await server.accept();
    const handshake = await again.nextConnect();
    assert.equal(handshake.sessionId, 0x1234n);
    assert.deepEqual(Buffer.from(handshake.passwd as Uint8Array), Buffer.alloc(16, 7));
    assert.equal(handshake.lastZxidSeen, 77n);
    again.grant();
    await client.whenConnected();
    assert.deepEqual(states, ["disconnected", "connected resumed"]);
    const next = client.getData("/c");
    assert.equal((await again.next()).xid, 1);
    again.reply(1, 78, 0, GetDataResponse, { data: null, stat: STAT });
    await next;
  });

  it("that is cut stays away for as long as it was told to", async (context) => {
    const { server, client, connection, states } = await connected(context);
    const startedMs = performance.now();
    client.disconnect(150);
    await connection.closed;
    const again = await server.accept();
    await again.nextConnect();
    // Timers count from the start of their turn of the event loop.
    assert.ok(performance.now() - startedMs >= 148);
    again.grant();
    await client.whenConnected();
    assert.deepEqual(states, ["disconnected", "connected resumed"]);
    // Once: another loss is the network's.
    again.destroy();
    await server.establish();
    await client.whenConnected();
    assert.ok(performance.now() - startedMs < 10_000);
  });

  it("that is abandoned is not ended: its connection goes without a word", async (context) => {
    const { server, client, connection, states } = await connected(context);
    const { credentials } = client;
    const lost = assert.rejects(client.getData("/a"), named("CONNECTIONLOSS"));
    await connection.next();
    await client.abandon();
    await lost;
    await connection.closed;
    assert.deepEqual(states, ["closed"]);
    assert.equal(client.state, "closed");
    await assert.rejects(client.getData("/a"), named("SESSIONEXPIRED"));
    await client.close();
    const heir = new ZooKeeperClient({ servers: server.address, credentials });
    context.after(() => heir.close());
    const next = await server.accept();
    assert.equal((await next.nextConnect()).sessionId, 0x1234n, "the next connection is that of whoever takes it over");
    next.grant();
    await heir.whenConnected();
  });

  it("that is abandoned while it has no connection looks for none any more", async (context) => {
    const { client, connection, states } = await connected(context);
    const disconnected = nextState(client, "disconnected");
    client.disconnect(60_000);
    await connection.closed;
    await disconnected;
    await client.abandon();
    assert.deepEqual(states, ["disconnected", "closed"]);
  });

  it("fails what is asked for while there is no connection, at once", async (context) => {
    const { server, client, connection } = await connected(context);
    const disconnected = nextState(client, "disconnected");
    connection.destroy();
    await disconnected;
    await assert.rejects(client.getData("/a"), named("CONNECTIONLOSS"));
    await server.establish();
    await client.whenConnected();
  });

  it("that the server has expired is over for good", async (context) => {
    const { server, client, connection, states } = await connected(context);
    const over = nextState(client, "expired");
    connection.destroy();
    const again = await server.accept();
    await again.nextConnect();
    again.expire();
    await over;
    assert.equal(client.state, "expired");
    assert.deepEqual(states, ["disconnected", "expired"]);
    await assert.rejects(client.getData("/a"), named("SESSIONEXPIRED"));
    await assert.rejects(client.whenConnected(), named("SESSIONEXPIRED"));
    await assert.rejects(client.addAuth("digest", "a:b"), named("SESSIONEXPIRED"));
    await client.close();
    assert.equal(client.state, "closed");
  });

  it("is renewed where that is wanted: a new session, authenticated and watching again", async (context) => {
    const { server, client, connection, states } = await connected(context, { renewSession: true });
    const authenticated = client.addAuth("digest", "user:password");
    connection.reply((await connection.next()).xid, 0);
    await authenticated;
    const read = client.getData("/a", () => undefined);
    connection.reply((await connection.next()).xid, 5, 0, GetDataResponse, { data: null, stat: STAT });
    await read;
    connection.destroy();
    const refused = await server.accept();
    await refused.nextConnect();
    refused.expire();
    const renewed = await server.accept();
    const handshake = await renewed.nextConnect();
    assert.equal(handshake.sessionId, 0n);
    assert.equal(handshake.lastZxidSeen, 5n);
    renewed.grant({ sessionId: 0x99n });
    await client.whenConnected();
    assert.deepEqual(states, ["disconnected", "expired, renewing", "connected renewed"]);
    assert.deepEqual([(await renewed.next()).name, (await renewed.next()).name], ["auth", "setWatches"]);
    assert.equal(client.sessionId, 0x99n);
  });

  it("goes to the next server when one refuses or stays silent", async (context) => {
    const closed = await FakeServer.start();
    closed.stop();
    const silent = await FakeServer.start();
    const serving = await FakeServer.start();
    context.after(() => {
      silent.stop();
      serving.stop();
    });
    const client = new ZooKeeperClient({
      servers: [closed, silent, serving].map((server) => server.address).join(","),
      hostOrder: "given",
      attemptTimeoutMs: 50,
    });
    context.after(() => client.close());
    const connection = await silent.accept();
    await connection.nextConnect();
    await connection.closed;
    await serving.establish();
    await client.whenConnected();
  });

  it("that no server gives is an error that says why, and leaves nothing behind", async () => {
    const server = await FakeServer.start();
    server.stop();
    await assert.rejects(
      connect({ servers: server.address, connectTimeoutMs: 60, backoffMinMs: 1, backoffMaxMs: 5 }),
      (error) => {
        assert(isZooKeeperError(error, "CONNECTIONLOSS"));
        assert.match(error.message, new RegExp(`no session from ${server.address}: .*ECONNREFUSED`));
        return true;
      },
    );
  });

  it("ends its requests in order before the end of the session is confirmed", async (context) => {
    const { client, connection } = await connected(context);
    const read = client.getData("/a");
    const closing = client.close();
    await assert.rejects(client.getData("/b"), named("SESSIONEXPIRED"));
    const request = await connection.next();
    const close = await connection.next();
    assert.equal(close.name, "closeSession");
    connection.reply(request.xid, 1, 0, GetDataResponse, { data: Buffer.from("x"), stat: STAT });
    connection.reply(close.xid, 2);
    assert.equal((await read).data?.toString(), "x");
    await closing;
  });
});

describe("liveness", limit, () => {
  it("pings when idle for a third of the timeout, and not while there is traffic", async (context) => {
    const { client, connection, states } = await connected(context, { grantedTimeoutMs: 900 });
    const begin = performance.now();
    const ping = await connection.next();
    const waited = performance.now() - begin;
    assert.deepEqual([ping.name, ping.xid], ["ping", -2]);
    assert(waited >= 180, `pinged after ${waited} ms`);
    connection.reply(-2, 1);
    for (let count = 0; count < 3; count++) {
      assert.equal((await connection.next()).name, "ping");
      connection.reply(-2, 1);
    }
    assert.deepEqual(states, []);
    assert(client.connected);
  });

  it("gives a silent server up after two thirds of the timeout and resumes elsewhere", async (context) => {
    const { server, client, connection, states } = await connected(context, { grantedTimeoutMs: 300 });
    const begin = performance.now();
    const outstanding = client.getData("/a");
    await assert.rejects(outstanding, named("CONNECTIONLOSS"));
    const waited = performance.now() - begin;
    assert(waited >= 150 && waited < 300 * 10, `given up after ${waited} ms`);
    await connection.closed;
    await server.establish();
    await client.whenConnected();
    assert.deepEqual(states, ["disconnected", "connected resumed"]);
  });

  it("does not take its own stalled event loop for a silent server", async (context) => {
    const { client, connection, states } = await connected(context, { grantedTimeoutMs: 600 });
    const ping = await connection.next();
    connection.reply(ping.xid, 1);
    // The answer is in the socket before the loop stalls, and is read after the timer of the verdict is due.
    await new Promise((resolve) => setImmediate(resolve));
    stall(700);
    const read = client.getData("/a");
    const request = await connection.nextRequest();
    connection.reply(request.xid, 2, 0, GetDataResponse, { data: null, stat: STAT });
    await read;
    assert.deepEqual(states, []);
  });

  for (const [title, asking] of [
    ["nothing", false],
    ["something just now", true],
  ] as const) {
    it(`does not call a server silent that it has asked ${title}, since its own event loop stalled`, async (context) => {
      const { client, connection, states } = await connected(context, { grantedTimeoutMs: 900 });
      const read = new Promise((resolve) => {
        // Due before the timer of the verdict is.
        if (asking) setTimeout(() => resolve(client.getData("/a")), 1);
        else resolve(undefined);
      });
      stall(1_000);
      const first = await connection.next();
      assert.equal(first.name, asking ? "getData" : "ping");
      if (asking) connection.reply(first.xid, 1, 0, GetDataResponse, { data: null, stat: STAT });
      else connection.reply(first.xid, 1);
      await read;
      assert.deepEqual(states, []);
      // Unanswered, it is silence all the same.
      await connection.closed;
      assert.deepEqual(states, ["disconnected"]);
    });
  }
});

function stall(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe("a server that breaks its promises", limit, () => {
  it("by an earlier zxid is reported, and the reply is given all the same", async (context) => {
    const { client, connection } = await connected(context);
    const reported: InconsistencyError[] = [];
    client.on("inconsistency", (error) => reported.push(error));
    const reads = [client.getData("/a"), client.getData("/a")];
    for (const zxid of [9, 8]) {
      connection.reply((await connection.next()).xid, zxid, 0, GetDataResponse, { data: null, stat: STAT });
    }
    await Promise.all(reads);
    assert.equal(reported.length, 1);
    assert.match(reported[0]?.message ?? "", /session 0x1234 at zxid 0x8 after 0x9 had been seen/);
    assert.equal(client.lastZxidSeen, 9);
  });

  it("across connections too", async (context) => {
    const { server, client, connection } = await connected(context);
    const reported: string[] = [];
    client.on("inconsistency", (error) => reported.push(error.message));
    const read = client.getData("/a");
    connection.reply((await connection.next()).xid, 9, ERROR.NONODE);
    await assert.rejects(read, named("NONODE"));
    connection.destroy();
    const again = await server.establish();
    await client.whenConnected();
    const sync = client.exists("/a");
    again.reply((await again.next()).xid, 3, ERROR.NONODE);
    assert.equal(await sync, null);
    assert.equal(reported.length, 1);
  });

  const malformed: readonly (readonly [string, (xid: number) => Buffer, RegExp])[] = [
    [
      "a reply out of order",
      (xid) => Buffer.from(`00000010${hex(xid + 1)}0000000000000001ffffff9b`, "hex"),
      /session 0x1234: a reply to request 2 came where one to 1 was due$/,
    ],
    [
      "a reply to nothing",
      () => Buffer.from("00000010fffffff0000000000000000100000000", "hex"),
      /a reply to request -16, which no request has$/,
    ],
    [
      "a reply shorter than its header",
      () => Buffer.from("00000004ffffffff", "hex"),
      /4 bytes is shorter than its header$/,
    ],
    [
      "a body cut short",
      (xid) => Buffer.from(`00000014${hex(xid)}000000000000000100000000000000ff`, "hex"),
      /needed 255 bytes at offset 24, 0 are left$/,
    ],
    ["a negative length", () => Buffer.from("ffffffff", "hex"), /Unreasonable length = -1 /],
    ["a huge length", () => Buffer.from("7fffffff", "hex"), /Unreasonable length = 2147483647 /],
    [
      "an event cut short",
      () => Buffer.from(`00000012ffffffff${"ff".repeat(8)}000000000003`, "hex"),
      /needed \d+ bytes/,
    ],
  ];
  for (const [what, bytes, said] of malformed) {
    it(`${what} ends the connection and not the session`, async (context) => {
      const { server, client, connection, states } = await connected(context);
      const reported: string[] = [];
      client.on("inconsistency", (error) => reported.push(error.message));
      const reads = [client.getData("/a"), client.getData("/b")];
      const request = await connection.next();
      connection.raw(bytes(request.xid));
      for (const read of reads) await assert.rejects(read, named("CONNECTIONLOSS"));
      await connection.closed;
      await server.establish();
      await client.whenConnected();
      assert.deepEqual(states, ["disconnected", "connected resumed"]);
      assert.equal(reported.length, 1);
      assert.match(reported[0] ?? "", said);
    });
  }

  it("what a lost connection cuts short is no broken promise", async (context) => {
    const { server, client, connection, states } = await connected(context);
    const reported: string[] = [];
    client.on("inconsistency", (error) => reported.push(error.message));
    const read = client.getData("/a");
    const request = await connection.next();
    connection.raw(Buffer.from(`00000058${hex(request.xid)}`, "hex"));
    connection.destroy();
    await assert.rejects(read, named("CONNECTIONLOSS"));
    await server.establish();
    await client.whenConnected();
    assert.deepEqual(states, ["disconnected", "connected resumed"]);
    assert.deepEqual(reported, []);
  });

  it("a malformed handshake is an attempt that failed", async (context) => {
    const server = await FakeServer.start();
    const client = new ZooKeeperClient({ servers: server.address, backoffMinMs: 1, backoffMaxMs: 2 });
    context.after(async () => {
      server.stop();
      await client.close();
    });
    const connection = await server.accept();
    await connection.nextConnect();
    connection.raw(Buffer.from("0000000400000000", "hex"));
    await connection.closed;
    await server.establish();
    await client.whenConnected();
  });
});

describe("authentication", limit, () => {
  it("is sent again on every connection, before anything else", async (context) => {
    const { server, client, connection } = await connected(context);
    const authenticated = client.addAuth("digest", "user:password");
    const packet = await connection.next();
    assert.deepEqual([packet.name, packet.xid], ["auth", -4]);
    connection.reply(-4, 0);
    await authenticated;
    connection.destroy();
    const again = await server.establish();
    await client.whenConnected();
    const read = client.exists("/a");
    assert.deepEqual((await again.next()).body, packet.body);
    again.reply(-4, 0);
    again.reply((await again.next()).xid, 1, ERROR.NONODE);
    await read;
  });

  it("that is refused ends the session, and everything with it", async (context) => {
    const { client, connection, states } = await connected(context);
    const read = client.getData("/a");
    const authenticated = client.addAuth("nobody", "knows");
    await connection.next();
    await connection.next();
    connection.reply(-4, 0, ERROR.AUTHFAILED);
    await assert.rejects(authenticated, named("AUTHFAILED"));
    await assert.rejects(read, named("AUTHFAILED"));
    await assert.rejects(client.getData("/b"), named("AUTHFAILED"));
    await connection.closed;
    assert.deepEqual(states, ["authFailed"]);
  });
});

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
