import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect } from "../../../src/client/client.js";
import { PERMISSION } from "../../../src/jute/opcodes.js";
import { assertProblem, EventReader, problemOf, put, serveGateway } from "./support.js";

const JSON_HEADERS = { "content-type": "application/json" };

async function openSession(url: string, timeoutMs = 2_000): Promise<{ token: string; location: string }> {
  const answer = await fetch(`${url}/sessions`, {
    method: "POST",
    headers: JSON_HEADERS,
    body: JSON.stringify({ timeoutMs }),
  });
  assert.equal(answer.status, 201);
  const { session } = (await answer.json()) as { session: string };
  return { token: session, location: `${url}${answer.headers.get("location")}` };
}

describe("znodes over HTTP", () => {
  it("are written, read, changed under a precondition, and deleted", async (context) => {
    const { url } = await serveGateway(context);
    const node = `${url}/znodes/config`;
    const created = await put(node, "one", { "if-none-match": "*" });
    assert.equal(created.status, 201);
    assert.equal(created.headers.get("location"), "/znodes/config");
    const first = created.headers.get("etag")!;
    assert.match(first, /^"0-[0-9a-f]+"$/);
    await assertProblem(await put(node, "again", { "if-none-match": "*" }), 412, "NODEEXISTS");

    const read = await fetch(node);
    assert.equal(await read.text(), "one");
    assert.equal(read.headers.get("etag"), first);
    assert.equal(read.headers.get("content-type"), "application/octet-stream");
    assert.match(read.headers.get("zookeeper-stat")!, /version=0, .*ephemeralOwner="0x0", dataLength=3, numChildren=0/);
    assert.equal((await fetch(node, { headers: { "if-none-match": first } })).status, 304);

    const changed = await put(node, "two", { "if-match": first });
    assert.equal(changed.status, 204);
    await assertProblem(await put(node, "late", { "if-match": first }), 412, "BADVERSION");
    assert.equal((await put(node, "three", { "if-match": '"1"' })).status, 204);
    assert.equal(await (await fetch(node, { headers: { "if-none-match": first } })).text(), "three");
    assert.equal((await put(node, "four", { "if-match": "*" })).status, 204);

    await assertProblem(await fetch(node, { method: "DELETE", headers: { "if-match": first } }), 412, "BADVERSION");
    assert.equal((await fetch(node, { method: "DELETE", headers: { "if-match": '"3"' } })).status, 204);
    await assertProblem(await fetch(node), 404, "NONODE");
    await assertProblem(await put(node, "x", { "if-match": '"3"' }), 412, "NONODE");
    await assertProblem(await fetch(node, { method: "DELETE" }), 404, "NONODE");
  });

  it("that were created again are not taken for the ones before", async (context) => {
    const { url } = await serveGateway(context);
    const node = `${url}/znodes/a`;
    const before = (await put(node, "old")).headers.get("etag")!;
    await fetch(node, { method: "DELETE" });
    await put(node, "new");
    assert.equal(await (await fetch(node, { headers: { "if-none-match": before } })).text(), "new");
    await assertProblem(await put(node, "x", { "if-match": before }), 412, "BADVERSION");
    await assertProblem(await fetch(node, { method: "DELETE", headers: { "if-match": before } }), 412, "BADVERSION");
  });

  it("keep any bytes, and say what they are in JSON", async (context) => {
    const { url } = await serveGateway(context);
    const bytes = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index & 0xff));
    for (const length of [0, 1, 256, 40_000]) {
      const answer = await put(`${url}/znodes/b`, bytes.subarray(0, length), { accept: "application/json" });
      assert.ok(answer.status === 200 || answer.status === 201);
      const raw = Buffer.from(await (await fetch(`${url}/znodes/b`)).arrayBuffer());
      assert.ok(raw.equals(bytes.subarray(0, length)), `${length} bytes`);
      const asJson = await fetch(`${url}/znodes/b`, { headers: { accept: "application/json" } });
      const { path, data, stat } = (await asJson.json()) as {
        path: string;
        data: string;
        stat: { dataLength: number };
      };
      assert.deepEqual([path, stat.dataLength], ["/b", length]);
      assert.ok(Buffer.from(data, "base64").equals(bytes.subarray(0, length)));
    }
    const head = await fetch(`${url}/znodes/b`, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "40000", ""]);
    await assertProblem(await fetch(`${url}/znodes/b`, { headers: { accept: "text/html" } }), 406);
  });

  it("are seen alike by clients of the client port", async (context) => {
    const { url, server } = await serveGateway(context);
    const client = await connect({ servers: `127.0.0.1:${server.clientPort}` });
    context.after(() => client.close());
    await put(`${url}/znodes/${encodeURIComponent("naïve name")}`, "über");
    const found = await client.getData("/naïve name");
    assert.equal(found.data?.toString(), "über");
    await client.create("/secret", Buffer.from("s"), {
      acl: [{ perms: PERMISSION.write, id: { scheme: "world", id: "anyone" } }],
    });
    await assertProblem(await fetch(`${url}/znodes/secret`), 403, "NOAUTH");
    await assertProblem(await fetch(`${url}/watches/secret`), 403, "NOAUTH");
    // What the address of the HTTP client may do, it may do here.
    await client.create("/local", Buffer.from("l"), {
      acl: [{ perms: PERMISSION.read, id: { scheme: "ip", id: "127.0.0.1" } }],
    });
    assert.equal(await (await fetch(`${url}/znodes/local`)).text(), "l");
  });

  it("have children, which are listed, numbered and in the way of a delete", async (context) => {
    const { url } = await serveGateway(context);
    await put(`${url}/znodes/queue`, "");
    const paths: string[] = [];
    for (let count = 0; count < 3; count++) {
      const answer = await fetch(`${url}/znodes/queue?name=task-`, { method: "POST", body: `${count}` });
      assert.equal(answer.status, 201);
      paths.push(answer.headers.get("location")!);
    }
    assert.deepEqual(
      paths,
      [0, 1, 2].map((count) => `/znodes/queue/task-000000000${count}`),
    );
    const unnamed = await fetch(`${url}/znodes/queue`, { method: "POST", headers: { accept: "application/json" } });
    assert.equal(((await unnamed.json()) as { path: string }).path, "/queue/0000000003");
    const listed = await fetch(`${url}/children/queue`);
    const { children, stat } = (await listed.json()) as { children: string[]; stat: { numChildren: number } };
    assert.deepEqual(children.sort(), ["0000000003", "task-0000000000", "task-0000000001", "task-0000000002"]);
    assert.equal(stat.numChildren, 4);
    const tag = listed.headers.get("etag")!;
    assert.equal((await fetch(`${url}/children/queue`, { headers: { "if-none-match": tag } })).status, 304);
    await put(`${url}/znodes/queue`, "data is no child");
    assert.equal((await fetch(`${url}/children/queue`, { headers: { "if-none-match": tag } })).status, 304);
    await assertProblem(await fetch(`${url}/znodes/queue`, { method: "DELETE" }), 409, "NOTEMPTY");
    assert.equal((await fetch(`${url}${paths[0]}`, { method: "DELETE" })).status, 204);
    assert.equal((await fetch(`${url}/children/queue`, { headers: { "if-none-match": tag } })).status, 200);
    const root = (await (await fetch(`${url}/children`)).json()) as { children: string[] };
    assert.deepEqual(root.children.sort(), ["queue", "zookeeper"]);
  });

  it("change together, or not at all", async (context) => {
    const { url } = await serveGateway(context);
    await put(`${url}/znodes/account`, "10");
    const send = (operations: unknown): Promise<Response> =>
      fetch(`${url}/multi`, { method: "POST", headers: JSON_HEADERS, body: JSON.stringify({ operations }) });
    const done = await send([
      { op: "check", path: "/account", version: 0 },
      { op: "create", path: "/log", data: Buffer.from("entry").toString("base64") },
      { op: "create", path: "/log/n-", mode: "persistentSequential" },
      { op: "setData", path: "/account", data: Buffer.from("9").toString("base64"), version: 0 },
      { op: "delete", path: "/log/n-0000000000" },
    ]);
    assert.equal(done.status, 200);
    const { results } = (await done.json()) as { results: { op: string; path: string; stat?: { version: number } }[] };
    assert.deepEqual(
      results.map(({ op, path, stat }) => [op, path, stat?.version]),
      [
        ["check", "/account", undefined],
        ["create", "/log", 0],
        ["create", "/log/n-0000000000", 0],
        ["setData", "/account", 1],
        ["delete", "/log/n-0000000000", undefined],
      ],
    );
    assert.equal(await (await fetch(`${url}/znodes/log`)).text(), "entry");
    const refused = await problemOf(
      await send([
        { op: "delete", path: "/log" },
        { op: "check", path: "/account", version: 0 },
        { op: "create", path: "/never" },
      ]),
    );
    assert.deepEqual(
      [refused["status"], refused["error"], refused["index"], refused["results"]],
      [412, "BADVERSION", 1, ["OK", "BADVERSION", "RUNTIMEINCONSISTENCY"]],
    );
    assert.equal((await fetch(`${url}/znodes/log`)).status, 200);
    for (const bad of [
      [],
      [{ op: "burn", path: "/a" }],
      [{ op: "create", path: "a" }],
      [{ op: "create", path: "/a", data: "not base64!" }],
      [{ op: "create", path: "/a", version: 1 }],
    ]) {
      await assertProblem(await send(bad), 400, "MARSHALLINGERROR");
    }
    await assertProblem(await send([{ op: "create", path: "/e", mode: "ephemeral" }]), 400, "BADARGUMENTS");
    const asText = fetch(`${url}/multi`, { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" });
    await assertProblem(await asText, 415);
  });

  it("with a time to live, and containers, are as the configuration has them", async (context) => {
    const off = await serveGateway(context);
    const create = { "if-none-match": "*" };
    await assertProblem(
      await put(`${off.url}/znodes/t?mode=persistentWithTTL&ttl=500`, "", create),
      501,
      "UNIMPLEMENTED",
    );
    const { url } = await serveGateway(context, "extendedTypesEnabled=true");
    assert.equal((await put(`${url}/znodes/t?mode=persistentWithTTL&ttl=86400000`, "", create)).status, 201);
    assert.equal((await put(`${url}/znodes/c?mode=container`, "", create)).status, 201);
    await assertProblem(await put(`${url}/znodes/u?mode=persistentWithTTL`, "", create), 400, "BADARGUMENTS");
    await assertProblem(await put(`${url}/znodes/u?ttl=5`, "", create), 400, "BADARGUMENTS");
    await assertProblem(await put(`${url}/znodes/u?mode=container`, ""), 400, "BADARGUMENTS");
  });

  it("are read after the writes that were answered, whoever else writes", async (context) => {
    const { url } = await serveGateway(context);
    await Promise.all(
      Array.from({ length: 8 }, async (_, client) => {
        for (let count = 0; count < 20; count++) {
          await put(`${url}/znodes/own-${client}`, `${count}`);
          assert.equal(await (await fetch(`${url}/znodes/own-${client}`)).text(), `${count}`);
          const synced = await fetch(`${url}/znodes/own-${client}?sync`);
          assert.equal(await synced.text(), `${count}`);
        }
      }),
    );
  });
});

describe("a session over HTTP", () => {
  it("owns ephemerals, which end with it", async (context) => {
    const { url } = await serveGateway(context);
    const { token, location } = await openSession(url);
    const inSession = { "zookeeper-session": token };
    const create = { ...inSession, "if-none-match": "*" };
    assert.equal((await put(`${url}/znodes/mine?mode=ephemeral`, "", create)).status, 201);
    const post = { method: "POST", headers: inSession };
    assert.equal((await fetch(`${url}/znodes/?name=lock-&mode=ephemeralSequential`, post)).status, 201);
    const { ephemerals, sessionId, timeoutMs } = (await (await fetch(location)).json()) as {
      ephemerals: string[];
      sessionId: string;
      timeoutMs: number;
    };
    assert.deepEqual([ephemerals.sort(), timeoutMs], [["/lock-0000000001", "/mine"], 2_000]);
    const owned = await fetch(`${url}/znodes/mine`, { headers: { accept: "application/json" } });
    assert.equal(((await owned.json()) as { stat: { ephemeralOwner: string } }).stat.ephemeralOwner, sessionId);
    await assertProblem(
      await put(`${url}/znodes/mine/child`, "", { "if-none-match": "*" }),
      409,
      "NOCHILDRENFOREPHEMERALS",
    );
    assert.equal((await fetch(location, { method: "DELETE" })).status, 204);
    assert.equal((await fetch(`${url}/znodes/mine`)).status, 404);
    await assertProblem(await fetch(location), 410, "SESSIONEXPIRED");
    await assertProblem(await put(`${url}/znodes/late`, "", inSession), 410, "SESSIONEXPIRED");
    await assertProblem(await put(`${url}/znodes/e?mode=ephemeral`, "", { "if-none-match": "*" }), 400, "BADARGUMENTS");
  });

  it("lives while it is kept alive, and expires with its ephemerals when it is not", async (context) => {
    const { url } = await serveGateway(context);
    const { token, location } = await openSession(url, 300);
    const headers = { "zookeeper-session": token, "if-none-match": "*" };
    const watch = await EventReader.open(context, `${url}/watches/mine`);
    assert.equal((await watch.next())?.event, "state");
    await put(`${url}/znodes/mine?mode=ephemeral`, "", headers);
    assert.equal((await watch.next())?.event, "nodeCreated");
    const begin = performance.now();
    while (performance.now() - begin < 1_000) {
      assert.equal((await fetch(location, { method: "PUT" })).status, 204);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal((await fetch(`${url}/znodes/mine`)).status, 200);
    assert.equal((await watch.next())?.event, "nodeDeleted");
    await assertProblem(await fetch(location, { method: "PUT" }), 410, "SESSIONEXPIRED");
  });

  it("lives while a stream that was opened in it does", async (context) => {
    const { url } = await serveGateway(context);
    const { token, location } = await openSession(url, 300);
    const stream = await EventReader.open(context, `${url}/watches/?session=${token}`);
    await stream.next();
    await put(`${url}/znodes/mine?mode=ephemeral`, "", { "zookeeper-session": token, "if-none-match": "*" });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.equal((await fetch(`${url}/znodes/mine`)).status, 200);
    assert.equal((await stream.next())?.event, "nodeChildrenChanged");
    const watch = await EventReader.open(context, `${url}/watches/mine`);
    await watch.next();
    stream.close();
    assert.equal((await watch.next())?.event, "nodeDeleted");
    await assertProblem(await fetch(location), 410, "SESSIONEXPIRED");
  });

  it("that ends ends its streams", async (context) => {
    const { url } = await serveGateway(context);
    const { token, location } = await openSession(url, 300);
    const stream = await EventReader.open(context, `${url}/watches/?session=${token}`);
    await stream.next();
    await fetch(location, { method: "DELETE" });
    assert.equal((await stream.next())?.event, "sessionExpired");
    assert.equal(await stream.next(), undefined);
  });

  it("reads its own writes in order, however they are sent", async (context) => {
    const { url } = await serveGateway(context);
    const { token } = await openSession(url, 2_000);
    const headers = { "zookeeper-session": token };
    await put(`${url}/znodes/n`, "", headers);
    for (let count = 0; count < 30; count++) {
      assert.equal((await put(`${url}/znodes/n`, `${count}`, headers)).status, 204);
      assert.equal(await (await fetch(`${url}/znodes/n`, { headers })).text(), `${count}`);
    }
  });
});

describe("a watch over HTTP", () => {
  it("tells every change, in order, each once", async (context) => {
    const { url, server } = await serveGateway(context);
    const client = await connect({ servers: `127.0.0.1:${server.clientPort}` });
    context.after(() => client.close());
    const watch = await EventReader.open(context, `${url}/watches/w`);
    assert.equal(watch.response.headers.get("content-type"), "text/event-stream");
    const [state] = await watch.take(1);
    assert.deepEqual([state!.event, state!.data["exists"]], ["state", false]);
    const changes = 300;
    const zxids: string[] = [];
    await client.create("/w");
    // All at once: many of them commit in one turn.
    await Promise.all(Array.from({ length: changes }, () => client.setData("/w", null)));
    await client.create("/w/child");
    await client.delete("/w/child");
    await client.delete("/w");
    const events = await watch.take(changes + 4);
    for (const { data, id } of events) {
      zxids.push(String(data["zxid"]));
      assert.equal(id?.split("-")[0], data["zxid"]);
    }
    assert.deepEqual(
      events.map(({ event }) => event),
      [
        "nodeCreated",
        ...Array.from({ length: changes }, () => "nodeDataChanged"),
        "nodeChildrenChanged",
        "nodeChildrenChanged",
        "nodeDeleted",
      ],
    );
    const numbers = zxids.map(Number);
    assert.deepEqual(
      numbers,
      Array.from({ length: events.length }, (_, index) => numbers[0]! + index),
    );
  });

  it("resumes where it was, and says what it cannot know", async (context) => {
    const { url } = await serveGateway(context);
    await put(`${url}/znodes/w`, "1");
    const first = await EventReader.open(context, `${url}/watches/w`);
    await first.next();
    await put(`${url}/znodes/w`, "2");
    assert.equal((await first.next())?.event, "nodeDataChanged");
    first.close();
    const resume = { "last-event-id": first.lastEventId };
    const nothing = await EventReader.open(context, `${url}/watches/w`, resume);
    assert.deepEqual([(await nothing.next())?.data["resumed"], nothing.lastEventId], [true, first.lastEventId]);
    await put(`${url}/znodes/w`, "3");
    await put(`${url}/znodes/w`, "4");
    await put(`${url}/znodes/w/child`, "");
    const missed = await EventReader.open(context, `${url}/watches/w`, resume);
    const events = await missed.take(3);
    assert.deepEqual(
      events.map(({ event, data }) => [event, data["missed"]]),
      [
        ["state", undefined],
        ["nodeDataChanged", true],
        ["nodeChildrenChanged", true],
      ],
    );
    assert.deepEqual([events[0]!.id, events[1]!.id, events[0]!.data["gap"]], [undefined, undefined, false]);
    const onlyData = await EventReader.open(context, `${url}/watches/w?events=data`, resume);
    await onlyData.take(2);
    await put(`${url}/znodes/w`, "5");
    assert.equal((await onlyData.next())?.data["missed"], undefined);
    const below = await EventReader.open(context, `${url}/watches/w?recursive`, resume);
    assert.equal((await below.next())?.data["gap"], true);
    const foreign = await EventReader.open(context, `${url}/watches/w`, { "last-event-id": "0xffffffff00000000" });
    assert.equal((await foreign.next())?.data["gap"], true);
    const future = await EventReader.open(context, `${url}/watches/w`, { "last-event-id": "0xffffffffff" });
    assert.equal((await future.next())?.data["gap"], true);
  });

  it("comes back after it was deleted and created again", async (context) => {
    const { url } = await serveGateway(context);
    const watch = await EventReader.open(context, `${url}/watches/w`);
    await watch.next();
    const absent = watch.lastEventId;
    assert.match(absent, /-absent$/);
    await put(`${url}/znodes/w`, "1");
    await watch.next();
    const present = watch.lastEventId;
    assert.doesNotMatch(present, /-absent$/);
    await fetch(`${url}/znodes/w`, { method: "DELETE" });
    const gone = await EventReader.open(context, `${url}/watches/w`, { "last-event-id": present });
    assert.deepEqual(
      (await gone.take(2)).map(({ event }) => event),
      ["state", "nodeDeleted"],
    );
    const still = await EventReader.open(context, `${url}/watches/w`, { "last-event-id": absent });
    await still.next();
    await put(`${url}/znodes/w`, "2");
    assert.equal((await still.next())?.event, "nodeCreated");
    assert.deepEqual((await gone.next())?.event, "nodeCreated");
  });

  it("of a whole tree tells of everything below, and ends a transaction with its id", async (context) => {
    const { url } = await serveGateway(context);
    await put(`${url}/znodes/t`, "");
    const watch = await EventReader.open(context, `${url}/watches/t?recursive=true`);
    await watch.next();
    await fetch(`${url}/multi`, {
      method: "POST",
      headers: JSON_HEADERS,
      body: JSON.stringify({
        operations: [
          { op: "create", path: "/t/a" },
          { op: "create", path: "/t/a/b" },
          { op: "setData", path: "/t" },
        ],
      }),
    });
    const events = await watch.take(3);
    assert.deepEqual(
      events.map(({ event, data }) => `${event} ${data["path"]}`),
      ["nodeCreated /t/a", "nodeCreated /t/a/b", "nodeDataChanged /t"],
    );
    assert.deepEqual(
      events.map(({ id }) => id === undefined),
      [true, true, false],
    );
  });

  it("is let go of when its reader is gone", async (context) => {
    const { url, server } = await serveGateway(
      context,
      "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider\nmetricsProvider.httpPort=0",
    );
    const metrics = async (name: string): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${server.metricsPort}/metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
    };
    const watch = await EventReader.open(context, `${url}/watches/w`);
    await watch.next();
    assert.deepEqual([await metrics("http_gateway_streams"), await metrics("watch_count")], [1, 2]);
    watch.close();
    const begin = performance.now();
    while ((await metrics("watch_count")) > 0 && performance.now() - begin < 5_000);
    assert.deepEqual([await metrics("http_gateway_streams"), await metrics("watch_count")], [0, 0]);
    await fetch(`${url}/znodes/nothing`);
    assert.equal(await metrics("http_gateway_client_errors"), 1);
    assert.equal(await metrics("http_gateway_requests"), 2);
  });
});
