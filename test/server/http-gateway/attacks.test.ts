import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { connect } from "../../../src/client/client.js";
import { GATEWAY_LIMITS } from "../../../src/server/http-gateway/limits.js";
import { assertProblem, EventReader, type Gateway, put, RawHttp, serveGateway } from "./support.js";

/** fetch chooses its own Host header. */
async function statusWith(port: number, method: string, headers: Record<string, string>): Promise<number> {
  const asked = request({ port, host: "127.0.0.1", path: "/znodes/a", method, headers, agent: false });
  asked.end();
  const [answer] = (await once(asked, "response")) as [{ statusCode: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
}

async function stillServes({ url }: Gateway): Promise<void> {
  const answer = await put(`${url}/znodes/after`, "fine");
  assert.ok(answer.status === 201 || answer.status === 204, String(answer.status));
}

describe("the gateway, attacked", () => {
  it("answers to its own name only, so that no other site's name can be led to it", async (context) => {
    const { url, port } = await serveGateway(context, "httpGateway.allowedHosts=Zoo.Example, other");
    await put(`${url}/znodes/a`, "");
    for (const host of ["127.0.0.1", `localhost:${port}`, "[::1]:80", "zoo.example:8080", "OTHER", "10.1.2.3"]) {
      assert.equal(await statusWith(port, "GET", { host }), 200, host);
    }
    for (const host of [
      "evil.example",
      "localhost.evil.example",
      "zoo.example.evil",
      "a b",
      "127.0.0.1.evil:80",
      "x@127.0.0.1",
    ]) {
      assert.equal(await statusWith(port, "GET", { host }), 421, host);
    }
    const raw = await RawHttp.open(context, port);
    raw.socket.write("GET /znodes/a HTTP/1.1\r\n\r\n");
    assert.equal(await raw.finalStatus(), 400, "without a Host header");
  });

  it("lets no page of another origin read or write, unless it is named", async (context) => {
    const gateway = await serveGateway(context, "httpGateway.allowedOrigins=https://console.example");
    const { url } = gateway;
    await put(`${url}/znodes/a`, "kept");
    const evil = { origin: "https://evil.example" };
    const simple = fetch(`${url}/znodes/?name=x`, {
      method: "POST",
      body: "x",
      headers: { ...evil, "content-type": "text/plain" },
    });
    await assertProblem(await simple, 403);
    await assertProblem(await fetch(`${url}/znodes/a`, { headers: evil }), 403);
    await assertProblem(await fetch(`${url}/znodes/a`, { headers: { origin: "null" } }), 403);
    const refused = await fetch(`${url}/znodes/a`, {
      method: "OPTIONS",
      headers: { ...evil, "access-control-request-method": "PUT" },
    });
    assert.deepEqual([refused.status, refused.headers.get("access-control-allow-origin")], [403, null]);
    const { children } = (await (await fetch(`${url}/children`)).json()) as { children: string[] };
    assert.deepEqual(children.sort(), ["a", "zookeeper"]);
    const good = { origin: "https://console.example" };
    const asked = await fetch(`${url}/znodes/a`, {
      method: "OPTIONS",
      headers: { ...good, "access-control-request-method": "PUT" },
    });
    assert.deepEqual([asked.status, asked.headers.get("access-control-allow-origin")], [204, good.origin]);
    const allowed = await fetch(`${url}/znodes/a`, { headers: good });
    assert.deepEqual([allowed.status, allowed.headers.get("access-control-allow-origin")], [200, good.origin]);
    const closed = await serveGateway(context);
    await assertProblem(await fetch(`${closed.url}/znodes/a`, { headers: good }), 403);
    assert.equal((await fetch(`${closed.url}/children`)).headers.get("access-control-allow-origin"), null);
  });

  it("refuses what is no path, no resource and no method", async (context) => {
    const gateway = await serveGateway(context);
    const { url } = gateway;
    for (const bad of ["//a", "/a/", "/a%00b", "/a%2fb", "/%ff", "/a//b"]) {
      await assertProblem(await fetch(`${url}/znodes${bad}`), 400, "BADARGUMENTS");
    }
    const raw = await RawHttp.open(context, gateway.port);
    raw.socket.write("GET /znodes/a/../../etc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert.equal(await raw.finalStatus(), 400);
    const absolute = await RawHttp.open(context, gateway.port);
    absolute.socket.write("GET http://evil.example/znodes/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert.equal(await absolute.finalStatus(), 400);
    await assertProblem(await fetch(`${url}/nothing`), 404);
    await assertProblem(await fetch(`${url}/constructor/a`), 404);
    await assertProblem(await fetch(`${url}/multi/a`, { method: "POST" }), 404);
    const method = await fetch(`${url}/children/a`, { method: "DELETE" });
    await assertProblem(method, 405);
    assert.equal(method.headers.get("allow"), "GET, HEAD");
    await assertProblem(await fetch(`${url}/znodes/a?watch=1`), 400, "BADARGUMENTS");
    await assertProblem(await fetch(`${url}/znodes/?sync=maybe`), 400, "BADARGUMENTS");
    await assertProblem(await fetch(`${url}/znodes/?sync&sync`), 400, "BADARGUMENTS");
    await assertProblem(await fetch(`${url}/znodes/q?name=..%2Fescape`, { method: "POST" }), 400, "BADARGUMENTS");
    await assertProblem(await fetch(`${url}/znodes/`, { method: "DELETE" }), 400, "BADARGUMENTS");
    await stillServes(gateway);
  });

  it("takes no body larger than the server's packets, whatever its headers say", async (context) => {
    const gateway = await serveGateway(context, "jute.maxbuffer=10000");
    const { url, port } = gateway;
    assert.equal((await put(`${url}/znodes/a`, Buffer.alloc(9_900))).status, 201);
    await assertProblem(await put(`${url}/znodes/b`, Buffer.alloc(9_999)), 413);
    await assertProblem(await put(`${url}/znodes/b`, Buffer.alloc(50_000)), 413);
    const claimed = await RawHttp.open(context, port);
    claimed.socket.write("PUT /znodes/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n");
    assert.equal(await claimed.finalStatus(), 413);
    const chunked = await RawHttp.open(context, port);
    chunked.socket.write("PUT /znodes/b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = `1000\r\n${"x".repeat(4_096)}\r\n`;
    for (let count = 0; count < 10 && !chunked.closed; count++) chunked.socket.write(chunk);
    assert.equal(await chunked.finalStatus(), 413);
    await assertProblem(
      await fetch(`${url}/sessions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ timeoutMs: 1, padding: "x".repeat(5_000) }),
      }),
      413,
    );
    await assertProblem(await put(`${url}/znodes/b`, "x", { "content-encoding": "gzip" }), 415);
    assert.equal((await fetch(`${url}/znodes/b`)).status, 404);
    await stillServes(gateway);
  });

  it("tells a client whose body it refuses, while that is still sending it", async (context) => {
    const gateway = await serveGateway(context);
    const piece = Buffer.alloc(65_536);
    const pieces = 128;
    for (const [header, status] of [
      ["", 413],
      ["Content-Encoding: gzip\r\n", 415],
    ] as const) {
      const raw = await RawHttp.open(context, gateway.port);
      const length = piece.length * pieces;
      raw.socket.write(`PUT /znodes/b HTTP/1.1\r\nHost: localhost\r\n${header}Content-Length: ${length}\r\n\r\n`);
      for (let count = 0; count < pieces; count++) {
        const error = await new Promise<Error | null | undefined>((resolve) => raw.socket.write(piece, resolve));
        assert.equal(error ?? undefined, undefined, `piece ${count}`);
      }
      assert.equal(await raw.finalStatus(), status);
    }
    await stillServes(gateway);
  });

  it("refuses bad headers, and headers without end", async (context) => {
    const gateway = await serveGateway(context);
    for (const [text, status] of [
      ["nonsense\r\n\r\n", 400],
      ["GET /znodes/ HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", 400],
      ["GET /znodes/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
      ["PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400],
      [`GET /znodes/ HTTP/1.1\r\nHost: localhost\r\nX: ${"y".repeat(GATEWAY_LIMITS.headerBytesMax)}\r\n\r\n`, 431],
      [`GET /${"z".repeat(GATEWAY_LIMITS.headerBytesMax)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 431],
    ] as const) {
      const raw = await RawHttp.open(context, gateway.port);
      raw.socket.write(text);
      assert.equal(await raw.finalStatus(), status, text.slice(0, 60));
    }
    await assertProblem(await put(`${gateway.url}/znodes/a`, "", { "if-match": "W/*" }), 400, "BADARGUMENTS");
    await assertProblem(
      await put(`${gateway.url}/znodes/a`, "", { "zookeeper-session": "../x" }),
      410,
      "SESSIONEXPIRED",
    );
    await stillServes(gateway);
  });

  it("ends requests that do not come whole in time: slow heads, slow bodies, half a request", async (context) => {
    const gateway = await serveGateway(context, "httpGateway.requestTimeout=1000");
    const begin = performance.now();
    const head = await RawHttp.open(context, gateway.port);
    head.socket.write("GET /znodes/ HTTP/1.1\r\n");
    const drip = setInterval(() => head.socket.write("X: y\r\n"), 100);
    context.after(() => clearInterval(drip));
    const body = await RawHttp.open(context, gateway.port);
    body.socket.write("PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
    const silent = await RawHttp.open(context, gateway.port);
    assert.deepEqual(
      await Promise.all([head.finalStatus(), body.finalStatus(), silent.finalStatus()]),
      [408, 408, 408],
    );
    assert.ok(performance.now() - begin < 10_000);
    clearInterval(drip);
    assert.equal((await fetch(`${gateway.url}/znodes/a`)).status, 404, "half a body is not written");
    const half = await RawHttp.open(context, gateway.port);
    half.socket.end("PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
    await half.finalStatus();
    assert.equal((await fetch(`${gateway.url}/znodes/a`)).status, 404);
    await stillServes(gateway);
  });

  it("takes so many connections and no more", async (context) => {
    const { port } = await serveGateway(context, "httpGateway.maxConnections=3");
    const taken = await Promise.all([1, 2, 3].map(() => RawHttp.open(context, port)));
    const fourth = await RawHttp.open(context, port);
    await fourth.finalStatus();
    assert.equal(fourth.received, "");
    taken[0]!.socket.write("GET /children HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert.equal(await taken[0]!.finalStatus(), 200);
  });

  it("does not queue without end for a connection that asks on and on", async (context) => {
    const gateway = await serveGateway(context);
    const raw = await RawHttp.open(context, gateway.port);
    // The stream is never done, so nothing behind it can be answered.
    raw.socket.write("GET /watches/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const flood = "GET /znodes/ HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(GATEWAY_LIMITS.pipelinedMax + 1);
    raw.socket.write(flood);
    await raw.finalStatus();
    await stillServes(gateway);
  });

  it("answers pipelined requests in order, each after the one before", async (context) => {
    const { port } = await serveGateway(context);
    const raw = await RawHttp.open(context, port);
    const send = (method: string, body: string, last = false): string =>
      `${method} /znodes/p HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n${last ? "Connection: close\r\n" : ""}\r\n${body}`;
    const values = Array.from({ length: 20 }, (_, index) => `value-${String(index).padStart(2, "0")}`);
    raw.socket.write(
      values.map((value, at) => send("PUT", value) + send("GET", "", at === values.length - 1)).join(""),
    );
    await raw.finalStatus();
    assert.deepEqual(
      [...raw.received.matchAll(/value-\d\d/g)].map(([value]) => value),
      values,
    );
  });

  it("cuts off a reader of events that does not keep up, and only that one", async (context) => {
    const gateway = await serveGateway(context, "jute.maxbuffer=1000000");
    const client = await connect({ servers: `127.0.0.1:${gateway.server.clientPort}` });
    context.after(() => client.close());
    const name = "n".repeat(8_000);
    const path = `/${name}`;
    await client.create(path);
    const reader = await EventReader.open(context, `${gateway.url}/watches/?recursive`);
    await reader.next();
    const slow = await RawHttp.open(context, gateway.port);
    slow.socket.write("GET /watches/?recursive HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(slow.socket, "data");
    slow.socket.pause();
    // More than the kernel keeps for a socket, by far.
    const rounds = 100;
    const perRound = 20;
    for (let round = 0; round < rounds; round++) {
      await Promise.all(Array.from({ length: perRound }, () => client.setData(path, null)));
      await reader.take(perRound);
    }
    slow.socket.resume();
    await slow.finalStatus();
    assert.ok(slow.received.split("event: nodeDataChanged").length - 1 < rounds * perRound);
    await stillServes(gateway);
  });

  it("gives no session to who does not know its name, and no more than it keeps", async (context) => {
    const { url } = await serveGateway(context);
    const json = { method: "POST", headers: { "content-type": "application/json" } };
    const opened = (await (await fetch(`${url}/sessions`, { ...json, body: "{}" })).json()) as {
      session: string;
      sessionId: string;
    };
    assert.match(opened.session, /^[\w-]{22}$/);
    await assertProblem(await fetch(`${url}/sessions/${opened.sessionId}`), 410, "SESSIONEXPIRED");
    for (const body of ['{"timeoutMs":0}', '{"timeoutMs":"1s"}', '{"timeout":5}', "[]", "{", "null"]) {
      await assertProblem(await fetch(`${url}/sessions`, { ...json, body }), 400, "MARSHALLINGERROR");
    }
  });
});

async function portOf(context: TestContext, extra: string): Promise<Gateway> {
  return serveGateway(context, extra);
}

describe("the configuration of the gateway", () => {
  it("is refused where it cannot be meant", async (context) => {
    for (const [extra, message] of [
      ["httpGateway.allowedHosts=a:80", /allowedHosts: 'a:80' is not a host name without a port/],
      ["httpGateway.allowedOrigins=example.com", /allowedOrigins: 'example.com' is not an origin/],
      ["httpGateway.maxConnections=0", /maxConnections: '0' is not a whole number/],
      ["httpGateway.other=1", /httpGateway.other: no such key/],
    ] as const) {
      await assert.rejects(portOf(context, extra), message);
    }
  });
});
