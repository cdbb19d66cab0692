import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { ByteWriter } from "../../../src/base/bytes.js";
import type { Codec } from "../../../src/jute/codec.js";
import { ERROR } from "../../../src/jute/errors.js";
import { MultiResponse } from "../../../src/jute/multi.js";
import { OP } from "../../../src/jute/opcodes.js";
import {
  Create2Response,
  CreateRequest,
  GetChildren2Response,
  GetChildrenResponse,
  GetDataRequest,
  GetDataResponse,
  PathRequest,
  SetDataRequest,
  SetDataResponse,
  StatResponse,
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
      brokeProtocol: (detail) => note(`broken: ${detail.replace(/^.* session 0x/, "")}`),
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

/** The end of a multi's parts, and the header of one. */
const END_OF_MULTI = Buffer.from("ffffffff01ffffffff", "hex");

function part(type: number, error: number): Buffer {
  const header = Buffer.alloc(type === OP.error ? 13 : 9);
  header.writeInt32BE(type);
  header.writeInt32BE(error, 5);
  return header;
}

function encoded<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new ByteWriter();
  codec.write(writer, value);
  return writer.copy();
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
    const value = { data: Buffer.alloc(10), stat: { ...STAT, dataLength: 10 } };
    connection.reply(read.xid, 20, 0, GetDataResponse, value);
    connection.reply(write.xid, 22, 0, SetDataResponse, { stat });
    connection.reply(create.xid, 23, 0, Create2Response, { path: create.read(PathRequest).path, stat });
    connection.reply(sync.xid, 24, 0, SyncResponse, { path: "/root" });
    connection.reply(second.xid, 25, 0, GetDataResponse, value);
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
    connection.reply(request.xid, 2, 0, GetDataResponse, { data: null, stat: STAT });
    await grown(1);
    assert(latencyMs !== undefined && latencyMs > 0 && latencyMs <= performance.now() - before, `${latencyMs} ms`);
  });

  const oneTooMany = Buffer.alloc(69);
  const failedWithoutError = Buffer.concat([part(OP.error, ERROR.OK), END_OF_MULTI]);
  const shortValue = { data: Buffer.alloc(9), stat: { ...STAT, dataLength: 10 } };
  const stat = encoded(StatResponse, { stat: STAT });
  const malformed: readonly (readonly [string, (session: LoadSession, slot: number) => void, Buffer, RegExp])[] = [
    ["a read without a body", (to, slot) => to.read(slot, 1), Buffer.alloc(0), /0 bytes is too short/],
    [
      "a read of less than its stat says",
      (to, slot) => to.read(slot, 1),
      encoded(GetDataResponse, shortValue),
      /9 bytes.* stat says 10/,
    ],
    [
      "a read of more bytes",
      (to, slot) => to.read(slot, 1),
      Buffer.concat([encoded(GetDataResponse, { data: null, stat: STAT }), oneTooMany]),
      /141 bytes and not 72/,
    ],
    ["a write without a stat", (to, slot) => to.write(slot, 1), Buffer.alloc(5), /5 bytes and not 68/],
    ["a write of more bytes", (to, slot) => to.write(slot, 1), oneTooMany, /69 bytes and not 68/],
    ["an exists of more bytes", (to, slot) => to.exists(slot, 1), oneTooMany, /69 bytes and not 68/],
    [
      "a create of more bytes",
      (to, slot) => to.create(slot),
      Buffer.concat([encoded(Create2Response, { path: "/k", stat: STAT }), oneTooMany]),
      /143 bytes and not 74/,
    ],
    ["a delete with a body", (to, slot) => to.delete(slot, 1, 0), oneTooMany, /69 bytes and not 0/],
    ["a sync without a path", (to, slot) => to.sync(slot), Buffer.alloc(3), /3 bytes is too short/],
    [
      "a list cut short",
      (to, slot) => to.children(slot, 1),
      Buffer.concat([encoded(GetChildrenResponse, { children: ["a", "b"] }).subarray(0, 9), stat]),
      /list of 2 names has only 1/,
    ],
    [
      "a list of more bytes",
      (to, slot) => to.children(slot, 1),
      Buffer.concat([encoded(GetChildrenResponse, { children: ["a"] }), oneTooMany]),
      /list of 1 names is not as long/,
    ],
    ["a transaction without results", (to, slot) => to.multi(slot, 1), Buffer.alloc(3), /3 bytes is too short/],
    [
      "a transaction of more bytes",
      (to, slot) => to.multi(slot, 1),
      Buffer.concat([part(OP.setData, 0), oneTooMany, END_OF_MULTI]),
      /87 bytes and not 86/,
    ],
    [
      "a transaction failed with nothing",
      (to, slot) => to.multi(slot, 1),
      failedWithoutError,
      /failed without an error/,
    ],
  ];
  for (const [what, submit, body, why] of malformed) {
    it(`tells of ${what}, and ends it once, as lost with its connection`, async (context) => {
      const connectedAtEnd: boolean[] = [];
      const { connection, session, log, grown } = await load(context, (own) => connectedAtEnd.push(own.connected));
      submit(session, 0);
      session.read(1, 1);
      const request = await connection.next();
      const header = Buffer.alloc(20);
      header.writeInt32BE(16 + body.length);
      header.writeInt32BE(request.xid, 4);
      header.writeInt32BE(9, 12);
      connection.raw(Buffer.concat([header, body]));
      await grown(4);
      assert.match(log[0] ?? "", /^broken: abc: /);
      assert.match(log[0] ?? "", why);
      assert.deepEqual(log.slice(1), ["0 CONNECTIONLOSS 0 0", "1 CONNECTIONLOSS 0 0", "disconnected"]);
      // What is submitted then would go to a connection that is over.
      assert.deepEqual(connectedAtEnd, [false, false]);
    });
  }

  it("takes whole replies of every kind", async (context) => {
    const { connection, session, log, grown } = await load(context);
    session.children(0, 1);
    session.multi(1, 1);
    session.exists(2, 1);
    session.sync(3);
    const names = { children: ["k1", ""], stat: STAT };
    connection.reply((await connection.next()).xid, 9, 0, GetChildren2Response, names);
    const done = { type: OP.setData, response: { stat: STAT } } as const;
    connection.reply((await connection.next()).xid, 9, 0, MultiResponse, [done]);
    connection.reply((await connection.next()).xid, 9, 0, StatResponse, { stat: STAT });
    connection.reply((await connection.next()).xid, 9, 0, SyncResponse, { path: "/root" });
    await grown(4);
    session.multi(1, 1);
    const failed = { type: OP.error, response: { err: ERROR.NONODE } } as const;
    connection.reply((await connection.next()).xid, 9, 0, MultiResponse, [failed]);
    await grown(5);
    assert.deepEqual(log, ["0 ok 9 0", "1 ok 9 2", "2 ok 9 0", "3 ok 9 0", "1 NONODE 9 0"]);
  });

  it("tells of a reply that comes twice", async (context) => {
    const { connection, session, log, grown } = await load(context);
    session.read(0, 1);
    const request = await connection.next();
    const reply = (): void => connection.reply(request.xid, 9, 0, GetDataResponse, { data: null, stat: STAT });
    connection.atOnce(() => {
      reply();
      reply();
    });
    await grown(3);
    assert.match(log[1] ?? "", /^broken: abc: a reply to request 1 came where none was due$/);
    assert.deepEqual([log[0], log[2]], ["0 ok 9 0", "disconnected"]);
  });

  it("tells of a value that is younger than the history it was read from, and goes on", async (context) => {
    const { connection, session, log, grown } = await load(context);
    session.read(0, 1);
    session.read(1, 1);
    for (const mzxid of [0x10, 9]) {
      const value = { data: null, stat: { ...STAT, mzxid } };
      connection.reply((await connection.next()).xid, 9, 0, GetDataResponse, value);
    }
    await grown(3);
    assert.match(log[0] ?? "", /^broken: a value that was written at 0x10 was read at 0x9, before that$/);
    assert.deepEqual(log.slice(1), ["0 ok 9 0", "1 ok 9 0"]);
  });

  it("does not call malformed what a lost connection cut short", async (context) => {
    const { connection, session, log, grown } = await load(context);
    session.read(0, 1);
    await connection.next();
    connection.raw(Buffer.from("0000005800000001", "hex"));
    connection.destroy();
    await grown(2);
    assert.deepEqual(log, ["0 CONNECTIONLOSS 0 0", "disconnected"]);
  });
});

describe("a driver without a server", limit, () => {
  it("says so", async () => {
    const server = await FakeServer.start();
    server.stop();
    const members = [{ host: "127.0.0.1", port: server.port }];
    const driver = new ZooKeeperDriver("core", members);
    const ignored = (): void => undefined;
    const listener = { ended: ignored, brokeProtocol: ignored, disconnected: ignored, reconnected: ignored };
    const options = { members, index: 0, root: "/r", sessionTimeoutMs: 60, depth: 1, keys: 1, valueBytes: 1, listener };
    await assert.rejects(driver.openLoadSession(options), /connect: CONNECTIONLOSS, .*ECONNREFUSED.* within 60 ms/);
    await assert.rejects(driver.openSession("lock", options), /connect: CONNECTIONLOSS/);
    await driver.close();
  });
});
