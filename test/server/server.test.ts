import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { ByteReader } from "../../src/base/bytes.js";
import { UserError } from "../../src/base/user-error.js";
import { empty } from "../../src/jute/codec.js";
import { ERROR } from "../../src/jute/errors.js";
import { MultiReadRequest, MultiResponse, type MultiWriteOperation, MultiWriteRequest } from "../../src/jute/multi.js";
import { CREATE_MODE, OP } from "../../src/jute/opcodes.js";
import * as records from "../../src/jute/records.js";
import { parseServerConfiguration } from "../../src/server/configuration/zoo-cfg.js";
import { type RunningServer, startServer } from "../../src/server/server.js";
import { type RawReply, RawSession } from "../support/raw-session.js";
import { temporaryFolder } from "../support/temporary.js";

const OPEN = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const SILENT = pino({ level: "silent" });

async function start(folder: string, extra = ""): Promise<RunningServer> {
  const text = `dataDir=${folder}\nclientPort=0\nclientPortAddress=127.0.0.1\ntickTime=100\npreAllocSize=64\n4lw.commands.whitelist=*\n${extra}`;
  return startServer(parseServerConfiguration("/zoo.cfg", text), SILENT, (error) => {
    throw error;
  });
}

async function serve(context: TestContext, extra?: string): Promise<RunningServer> {
  const server = await start(temporaryFolder(context), extra);
  context.after(() => server.close());
  return server;
}

async function create(session: RawSession, path: string, flags: number = CREATE_MODE.persistent): Promise<string> {
  const reply = await session.send(OP.create, records.CreateRequest, {
    path,
    data: Buffer.from("v"),
    acl: OPEN,
    flags,
  });
  assert.equal(reply.err, 0, path);
  return records.CreateResponse.read(new ByteReader(reply.body)).path;
}

async function stat(session: RawSession, path: string): Promise<records.Stat | number> {
  const reply = await session.send(OP.exists, records.ExistsRequest, { path, watch: false });
  return reply.err === 0 ? records.ExistsResponse.read(new ByteReader(reply.body)).stat : reply.err;
}

async function word(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.end(text);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk as Buffer));
  await once(socket, "close");
  return Buffer.concat(chunks).toString();
}

const AUTH = [{ perms: 31, id: { scheme: "auth", id: "" } }];

async function prove(session: RawSession, user: string): Promise<number> {
  const { err } = await session.send(OP.auth, records.AuthPacket, {
    type: 0,
    scheme: "digest",
    auth: Buffer.from(`${user}:secret`),
  });
  return err;
}

function createsOf(prefix: string, count: number, acl: readonly records.Acl[]): readonly MultiWriteOperation[] {
  return Array.from({ length: count }, (_, index) => ({
    type: OP.create,
    request: { path: `/${prefix}${index}`, data: null, acl, flags: CREATE_MODE.persistent },
  }));
}

function errorsOf({ body }: RawReply): number[] {
  const results = MultiResponse.read(new ByteReader(body));
  return results.flatMap((result) => (result.type === OP.error ? [result.response.err] : []));
}

describe("a client with many ids", () => {
  it("may prove so many, and no more: each of its requests to a follower carries them", async (context) => {
    const server = await serve(context);
    const session = await RawSession.open(server.clientPort);
    for (let count = 0; count < 3; count++) assert.equal(await prove(session, `${count}`.repeat(20_000)), 0);
    assert.equal(await prove(session, "x"), 0);
    assert.equal(await prove(session, "0".repeat(20_000)), 0, "which it has proved already");
    assert.equal(await prove(session, "3".repeat(20_000)), ERROR.AUTHFAILED);
    await once(session.socket, "close");
  });

  it("cannot blow up a transaction by having `auth` written out time and again", async (context) => {
    const server = await serve(context);
    const session = await RawSession.open(server.clientPort);
    for (let count = 0; count < 3; count++) await prove(session, `${count}`.repeat(20_000));
    const few = await session.send(OP.multi, MultiWriteRequest, createsOf("few", 10, AUTH));
    assert.deepEqual(errorsOf(few), []);
    const many = await session.send(OP.multi, MultiWriteRequest, createsOf("many", 100, AUTH));
    assert.ok(errorsOf(many).includes(ERROR.INVALIDACL));
    assert.equal(await stat(session, "/many0"), ERROR.NONODE);
    const permissions = Array.from({ length: 100 }, (_, perms) => ({ perms, id: { scheme: "auth", id: "" } }));
    const request = { path: "/few0", acl: permissions, version: -1 };
    assert.equal((await session.send(OP.setACL, records.SetACLRequest, request)).err, ERROR.INVALIDACL);
    assert.equal(typeof (await stat(session, "/few9")), "object");
    // What a client has written itself is bounded by the length of its request.
    const own = await session.send(OP.multi, MultiWriteRequest, createsOf("own", 100, OPEN));
    assert.deepEqual(errorsOf(own), []);
  });
});

describe("a standalone server", () => {
  it("keeps neither memory nor others waiting for a client that asks for much and reads nothing", async (context) => {
    const server = await serve(context);
    const [greedy, other] = [await RawSession.open(server.clientPort), await RawSession.open(server.clientPort)];
    const data = Buffer.alloc(900_000, 1);
    await other.send(OP.create, records.CreateRequest, { path: "/large", data, acl: OPEN, flags: 0 });
    const before = process.memoryUsage().arrayBuffers;
    greedy.socket.pause();
    greedy.socket.cork();
    const lengths = Array.from({ length: 200 }, async () => {
      const reply = await greedy.send(OP.getData, records.GetDataRequest, { path: "/large", watch: false });
      return reply.body.length;
    });
    greedy.socket.uncork();
    let most = 0;
    for (let turn = 0; turn < 50; turn++) {
      assert.notEqual(typeof (await stat(other, "/large")), "number");
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    assert.ok(most < 32 << 20, `${most} bytes were held for a client that does not read`);
    greedy.socket.resume();
    for (const length of await Promise.all(lengths)) assert.equal(length, 4 + data.length + 68);
    assert.equal((await greedy.send(OP.ping, empty, null, -2)).err, 0);
  });

  it("bounds what one multiRead is answered with, and says so read by read", async (context) => {
    const session = await RawSession.open((await serve(context)).clientPort);
    const data = Buffer.alloc(900_000, 1);
    await session.send(OP.create, records.CreateRequest, { path: "/large", data, acl: OPEN, flags: 0 });
    const reads = Array.from({ length: 50 }, () => ({
      type: OP.getData,
      request: { path: "/large", watch: false },
    }));
    const reply = await session.send(OP.multiRead, MultiReadRequest, reads);
    const kinds = MultiResponse.read(new ByteReader(reply.body)).map(({ type, response }) =>
      type === OP.error ? response.err : type,
    );
    assert.deepEqual(
      [kinds.length, kinds[0], kinds[36], kinds[38], kinds[49]],
      [50, OP.getData, OP.getData, ERROR.SYSTEMERROR, ERROR.SYSTEMERROR],
    );
  });

  it("stamps znodes with the time of their request", async (context) => {
    const server = await serve(context, "tickTime=60000\n");
    const session = await RawSession.open(server.clientPort);
    await sleep(300);
    const before = Date.now();
    await create(session, "/now");
    const made = await stat(session, "/now");
    assert.ok(
      typeof made !== "number" && made.ctime >= before && made.ctime <= Date.now(),
      JSON.stringify(made, String),
    );
  });

  it("has everything again after a restart, sessions and their ephemerals included", async (context) => {
    const folder = temporaryFolder(context);
    const first = await start(folder);
    const session = await RawSession.open(first.clientPort);
    await create(session, "/kept");
    const path = await create(session, "/kept-", CREATE_MODE.ephemeralSequential);
    const { sessionId, passwd } = session.connectResponse;
    await first.close();
    const second = await start(folder);
    context.after(() => second.close());
    const resumed = await RawSession.open(second.clientPort, { sessionId, passwd });
    assert.equal(resumed.connectResponse.sessionId, sessionId);
    const made = await stat(resumed, path);
    assert.ok(typeof made !== "number" && made.ephemeralOwner === sessionId);
    await resumed.send(OP.closeSession, empty, null);
    const other = await RawSession.open(second.clientPort);
    assert.equal(await stat(other, path), ERROR.NONODE);
    assert.notEqual(await stat(other, "/kept"), ERROR.NONODE);
  });

  it("expires a silent session, with its ephemerals and the watches on them", async (context) => {
    const server = await serve(context);
    const silent = await RawSession.open(server.clientPort, { timeOut: 1 });
    await create(silent, "/gone", CREATE_MODE.ephemeral);
    const watching = await RawSession.open(server.clientPort, { timeOut: 2_000 });
    await watching.send(OP.exists, records.ExistsRequest, { path: "/gone", watch: true });
    for (let waited = 0; watching.events.length === 0 && waited < 100; waited++) {
      await watching.sendBytes(OP.ping, Buffer.alloc(0), -2);
      await sleep(20);
    }
    assert.deepEqual(
      watching.events.map(({ event }) => [event.type, event.path]),
      [[2, "/gone"]],
    );
    assert.ok(silent.closed, "its connection is closed as well");
    const { sessionId, passwd } = silent.connectResponse;
    const back = await RawSession.open(server.clientPort, { sessionId, passwd });
    assert.equal(back.connectResponse.timeOut, 0);
  });

  it("refuses a session with a wrong password", async (context) => {
    const server = await serve(context);
    const { connectResponse } = await RawSession.open(server.clientPort);
    const thief = await RawSession.open(server.clientPort, { sessionId: connectResponse.sessionId });
    assert.equal(thief.connectResponse.sessionId, 0n);
  });

  it("answers pipelined requests in order, also those right behind the handshake", async (context) => {
    const server = await serve(context);
    const session = await RawSession.open(server.clientPort);
    const replies = await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        index % 3 === 0
          ? session.send(OP.create, records.CreateRequest, { path: `/p${index}`, data: null, acl: OPEN, flags: 0 })
          : session.send(OP.getData, records.GetDataRequest, { path: `/p${index - (index % 3)}`, watch: false }),
      ),
    );
    // A read behind a create sees it: the writes of a session are its own first.
    assert.deepEqual([...new Set(replies.map(({ err }) => err))], [0]);
  });

  it("names the port that is in use", async (context) => {
    const server = await serve(context);
    await assert.rejects(
      serve(context, `clientPort=${server.clientPort}\n`),
      (error: unknown) =>
        error instanceof UserError && error.kind.exitCode === 2 && error.message.includes(String(server.clientPort)),
    );
  });

  it("answers four-letter words, and only those that are allowed", async (context) => {
    const server = await serve(context);
    const session = await RawSession.open(server.clientPort);
    await create(session, "/a", CREATE_MODE.ephemeral);
    assert.equal(await word(server.clientPort, "ruok"), "imok");
    assert.match(
      await word(server.clientPort, "srvr"),
      /^Zookeeper version: 3\.\d.*\nLatency min\/avg\/max: [\s\S]*Zxid: 0x2\nMode: standalone\nNode count: 6\n$/,
    );
    assert.match(
      await word(server.clientPort, "stat"),
      /Clients:\n \/127\.0\.0\.1:\d+\[1\]\(queued=0,recved=\d+,sent=\d+\)\n/,
    );
    assert.match(await word(server.clientPort, "mntr"), /zk_server_state\tstandalone\n[\s\S]*zk_ephemerals_count\t1\n/);
    assert.match(await word(server.clientPort, "dump"), /Sessions with Ephemerals \(1\):\n0x[0-9a-f]+:\n\t\/a\n/);
    const strict = await serve(context, "4lw.commands.whitelist=ruok\n");
    assert.equal(await word(strict.clientPort, "mntr"), "mntr is not executed because it is not in the whitelist.\n");
  });

  it("serves its figures to Prometheus", async (context) => {
    const provider = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
    const server = await serve(context, `metricsProvider.className=${provider}\nmetricsProvider.httpPort=0\n`);
    const url = `http://127.0.0.1:${server.metricsPort}`;
    const text = await (await fetch(`${url}/metrics`)).text();
    assert.match(text, /# TYPE znode_count gauge\nznode_count 5\n/);
    assert.equal((await fetch(`${url}/other`)).status, 404);
    assert.equal((await fetch(`${url}/metrics`, { method: "DELETE" })).status, 405);
  });

  it("ends a write that the arena cannot hold with an error, and goes on", async (context) => {
    const server = await serve(context, "zabench.arenaMiBMax=16\n");
    const session = await RawSession.open(server.clientPort);
    const data = Buffer.alloc(900_000);
    let refused = 0;
    for (let index = 0; index < 30; index++) {
      const reply = await session.send(OP.create, records.CreateRequest, {
        path: `/big${index}`,
        data,
        acl: OPEN,
        flags: 0,
      });
      if (reply.err === ERROR.SYSTEMERROR) refused++;
      else assert.equal(reply.err, 0);
    }
    assert.ok(refused > 5 && refused < 30, String(refused));
    assert.equal((await session.send(OP.delete, records.DeleteRequest, { path: "/big0", version: -1 })).err, 0);
    assert.equal((await session.send(OP.getData, records.GetDataRequest, { path: "/big1", watch: false })).err, 0);
  });
});
