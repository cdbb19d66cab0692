import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { ERROR } from "../../../src/jute/errors.js";
import {
  Create2Response,
  CreateRequest,
  GetDataRequest,
  GetDataResponse,
  PathRequest,
  SetDataRequest,
  SetDataResponse,
  SyncResponse,
} from "../../../src/jute/records.js";
import type { LoadSession } from "../../../src/targets/driver.js";
import { ZooKeeperDriver } from "../../../src/targets/zookeeper/driver.js";
import { STAT } from "../../client/support.js";
import { type FakeConnection, FakeServer } from "../../support/fake-server.js";

const limit = { timeout: 20_000 };

interface Scene {
  readonly server: FakeServer;
  readonly connection: FakeConnection;
  readonly session: LoadSession;
  /** "slot error order written", and "disconnected", "reconnected <renewed>". */
  readonly log: string[];
  /** Resolves when the log has grown to that many lines. */
  readonly grown: (lines: number) => Promise<void>;
}

async function load(context: TestContext, ended?: (session: LoadSession, slot: number) => void): Promise<Scene> {
  const server = await FakeServer.start();
  const members = [{ host: "127.0.0.1", port: server.port }];
  const driver = new ZooKeeperDriver("zookeeper", members);
  const log: string[] = [];
  let wake = (): void => undefined;
  const note = (line: string): void => {
    log.push(line);
    wake();
  };
  const opening = driver.openLoadSession({
    members,
    index: 0,
    root: "/root",
    sessionTimeoutMs: 10_000,
    depth: 4,
    keys: 1_000,
    valueBytes: 10,
    listener: {
      ended: (slot, error, order, written) => {
        note(`${slot} ${error === "" ? "ok" : error} ${order} ${written}`);
        ended?.(session, slot);
      },
      disconnected: () => note("disconnected"),
      reconnected: (renewed) => note(`reconnected ${renewed}`),
    },
  });
  const connection = await server.establish({ sessionId: 0xabcn });
  const session = await opening;
  context.after(async () => {
    server.stop();
    await session.close();
    await driver.close();
  });
  const grown = async (lines: number): Promise<void> => {
    while (log.length < lines) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { server, connection, session, log, grown };
}

describe("a load session", limit, () => {
  it("encodes each operation for its key, all of a turn in one write", async (context) => {
    const { connection, session, log, grown } = await load(context);
    connection.chunks.length = 0;
    session.read(0, 7);
    session.write(1, 999);
    session.create(2);
    session.readLinearizable(3, 0);
    const read = await connection.next();
    assert.deepEqual(read.read(GetDataRequest), { path: "/root/k00000007", watch: false });
    const write = await connection.next();
    const { path, data, version } = write.read(SetDataRequest);
    assert.deepEqual([path, data?.length, version], ["/root/k00000999", 10, -1]);
    const create = await connection.next();
    assert.equal(create.read(CreateRequest).path, "/root/n0000000000000abc-0000000000");
    const sync = await connection.next();
    assert.deepEqual([sync.name, sync.read(PathRequest).path], ["sync", "/root"]);
    const second = await connection.next();
    assert.equal(second.read(GetDataRequest).path, "/root/k00000000");
    assert.equal(connection.chunks.length, 1);

    const stat = { ...STAT, czxid: 21, mzxid: 22 };
    connection.reply(read.xid, 20, 0, GetDataResponse, { data: Buffer.alloc(10), stat });
    connection.reply(write.xid, 22, 0, SetDataResponse, { stat });
    connection.reply(create.xid, 23, 0, Create2Response, { path: create.read(PathRequest).path, stat });
    connection.reply(sync.xid, 24, 0, SyncResponse, { path: "/root" });
    connection.reply(second.xid, 25, 0, GetDataResponse, { data: Buffer.alloc(10), stat });
    await grown(4);
    assert.deepEqual(log, ["0 ok 20 0", "1 ok 22 22", "2 ok 23 21", "3 ok 25 0"]);
    session.create(2);
    assert.equal((await connection.next()).read(CreateRequest).path, "/root/n0000000000000abc-0000000001");
  });

  it("names what failed, also where only the sync of a read did", async (context) => {
    const { connection, session, log, grown } = await load(context);
    session.read(0, 1);
    session.readLinearizable(1, 1);
    const [read, sync, second] = [await connection.next(), await connection.next(), await connection.next()];
    connection.reply(read.xid, 5, ERROR.NONODE);
    connection.reply(sync.xid, 5, ERROR.SYSTEMERROR);
    connection.reply(second.xid, 6, 0, GetDataResponse, { data: null, stat: STAT });
    await grown(2);
    assert.deepEqual(log, ["0 NONODE 5 0", "1 SYSTEMERROR 6 0"]);
  });

  it("gives positions as the server said them, though they go back", async (context) => {
    const { connection, session, log, grown } = await load(context);
    session.read(0, 1);
    session.read(1, 1);
    for (const zxid of [9, 4]) {
      connection.reply((await connection.next()).xid, zxid, 0, GetDataResponse, { data: null, stat: STAT });
    }
    await grown(2);
    assert.deepEqual(log, ["0 ok 9 0", "1 ok 4 0"]);
  });

  it("ends what is outstanding when the connection goes, and never inside the submitting call", async (context) => {
    let submitting = false;
    let reentered = false;
    let resubmissions = 0;
    const { server, connection, session, log, grown } = await load(context, (own, slot) => {
      reentered ||= submitting;
      // A closed loop: every end is followed by the next operation.
      if (++resubmissions > 20) return;
      submitting = true;
      own.read(slot, 1);
      submitting = false;
    });
    session.read(0, 1);
    await connection.next();
    assert.equal(session.connected, true);
    connection.destroy();
    await grown(2);
    assert.deepEqual(log.slice(0, 2), ["0 CONNECTIONLOSS 0 0", "disconnected"]);
    const again = await server.accept();
    const handshake = await again.nextConnect();
    assert.equal(handshake.sessionId, 0xabcn);
    again.grant({ sessionId: 0xabcn });
    while (!log.includes("reconnected false")) await grown(log.length + 1);
    assert.equal(reentered, false);
    assert.equal(session.connected, true);
  });

  it("goes on with a new session when the old one expired", async (context) => {
    const { server, connection, session, log, grown } = await load(context);
    connection.destroy();
    const refused = await server.accept();
    await refused.nextConnect();
    refused.expire();
    const renewed = await server.establish({ sessionId: 0xdefn });
    await grown(2);
    assert.deepEqual(log, ["disconnected", "reconnected true"]);
    session.create(0);
    assert.match((await renewed.next()).read(CreateRequest).path, /abc-0000000000$/);
  });

  it("tells when a request left and when its reply came", async (context) => {
    let latencyMs: number | undefined;
    const { connection, session, grown } = await load(context, (own, slot) => {
      latencyMs = (own.times?.receivedAtMs ?? 0) - (own.times?.sentAtMs(slot) ?? 0);
    });
    const before = performance.now();
    session.read(0, 1);
    const request = await connection.next();
    await new Promise((resolve) => setImmediate(resolve));
    connection.reply(request.xid, 1, 0, GetDataResponse, { data: null, stat: STAT });
    await grown(1);
    assert(latencyMs !== undefined && latencyMs > 0 && latencyMs <= performance.now() - before, `${latencyMs} ms`);
  });

  it("ends a malformed reply as a lost connection", async (context) => {
    const { connection, session, log, grown } = await load(context);
    session.read(0, 1);
    session.read(1, 1);
    const request = await connection.next();
    connection.reply(request.xid, 1);
    await grown(3);
    assert.deepEqual(log, ["0 CONNECTIONLOSS 1 0", "1 CONNECTIONLOSS 0 0", "disconnected"]);
  });
});

describe("a driver without a server", limit, () => {
  it("says so", async () => {
    const server = await FakeServer.start();
    server.stop();
    const members = [{ host: "127.0.0.1", port: server.port }];
    const driver = new ZooKeeperDriver("core", members);
    const listener = { ended: () => undefined, disconnected: () => undefined, reconnected: () => undefined };
    const options = { members, index: 0, root: "/r", sessionTimeoutMs: 60, depth: 1, keys: 1, valueBytes: 1, listener };
    await assert.rejects(driver.openLoadSession(options), /connect: CONNECTIONLOSS, .*ECONNREFUSED.* within 60 ms/);
    await assert.rejects(driver.openSession("lock", options), /connect: CONNECTIONLOSS/);
    await driver.close();
  });
});
