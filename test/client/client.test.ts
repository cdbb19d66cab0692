import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isZooKeeperError, MultiError, ZooKeeperError } from "../../src/client/errors.js";
import { ERROR } from "../../src/jute/errors.js";
import { MultiResponse, MultiWriteRequest } from "../../src/jute/multi.js";
import { OP } from "../../src/jute/opcodes.js";
import {
  Create2Response,
  CreateRequest,
  CreateTTLRequest,
  GetDataResponse,
  GetEphemeralsRequest,
  GetEphemeralsResponse,
  PathRequest,
  SetDataRequest,
  SetDataResponse,
} from "../../src/jute/records.js";
import { connected, STAT } from "./support.js";

const limit = { timeout: 20_000 };

describe("requests", limit, () => {
  it("of one turn leave in one write, and are answered in order", async (context) => {
    const { client, connection } = await connected(context);
    connection.chunks.length = 0;
    const reads = Array.from({ length: 50 }, (_, index) => client.getData(`/${index}`));
    for (let index = 0; index < 50; index++) {
      const request = await connection.next();
      assert.equal(request.read(PathRequest).path, `/${index}`);
      assert.equal(request.xid, index + 1);
    }
    assert.equal(connection.chunks.length, 1);
    for (let xid = 1; xid <= 50; xid++) {
      connection.reply(xid, xid, 0, GetDataResponse, { data: Buffer.from(String(xid)), stat: STAT });
    }
    const values = (await Promise.all(reads)).map((read) => Number(read.data));
    assert.deepEqual(
      values,
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
  });

  it("may be larger than a chunk, and so may their replies", async (context) => {
    const { client, connection } = await connected(context);
    const large = Buffer.alloc(900_000, "x");
    const created = client.create("/a", large);
    const followed = client.getData("/b");
    const request = await connection.next();
    assert(Buffer.from(request.read(CreateRequest).data as Uint8Array).equals(large));
    connection.reply(request.xid, 1, 0, Create2Response, { path: "/a", stat: STAT });
    const read = await connection.next();
    connection.reply(read.xid, 1, 0, GetDataResponse, { data: large, stat: STAT });
    await created;
    assert((await followed).data?.equals(large));
  });

  it("wait unharmed while the server takes nothing", async (context) => {
    const { client, connection } = await connected(context);
    connection.pause();
    // More than the kernel keeps for a connection, in writes that each use the same buffer where it is free again.
    const values = Array.from({ length: 100 }, (_, index) => Buffer.alloc(200_000, index));
    const writes: Promise<unknown>[] = [];
    for (const value of values) {
      writes.push(client.setData("/a", value));
      await new Promise((resolve) => setImmediate(resolve));
    }
    connection.resume();
    for (const value of values) {
      const request = await connection.nextRequest();
      assert(value.equals(request.read(SetDataRequest).data as Uint8Array), `write ${request.xid}`);
      connection.reply(request.xid, 1, 0, SetDataResponse, { stat: STAT });
    }
    await Promise.all(writes);
  });

  it("give data that outlives the chunk it came in", async (context) => {
    const { client, connection } = await connected(context);
    const first = client.getData("/a");
    connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, { data: Buffer.from("first"), stat: STAT });
    const kept = (await first).data;
    const second = client.getData("/a");
    connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, { data: Buffer.from("other"), stat: STAT });
    await second;
    assert.equal(kept?.toString(), "first");
  });

  it("carry the opcode their mode needs", async (context) => {
    const { client, connection } = await connected(context);
    const expected = [
      ["persistent", "create2", 0],
      ["ephemeral", "create2", 1],
      ["persistentSequential", "create2", 2],
      ["ephemeralSequential", "create2", 3],
      ["container", "createContainer", 4],
      ["persistentWithTTL", "createTTL", 5],
      ["persistentSequentialWithTTL", "createTTL", 6],
    ] as const;
    for (const [mode, name, flags] of expected) {
      const created = client.create("/a", null, { mode, ttlMs: 99 });
      const request = await connection.next();
      assert.equal(request.name, name);
      if (name === "createTTL") assert.equal(request.read(CreateTTLRequest).ttl, 99n);
      assert.equal(request.read(CreateRequest).flags, flags);
      connection.reply(request.xid, 1, 0, Create2Response, { path: "/a0000000001", stat: STAT });
      assert.equal((await created).path, "/a0000000001");
    }
  });

  it("with a path that is none never leave", async (context) => {
    const { client, connection } = await connected(context, { chroot: "/app" });
    for (const path of ["a", "", "/a/", "/a/../b"]) {
      await assert.rejects(client.getData(path), (error) => isZooKeeperError(error, "BADARGUMENTS"));
    }
    await assert.rejects(client.create("/a/"), (error) => isZooKeeperError(error, "BADARGUMENTS"));
    // The number makes it a path.
    const created = client.create("/a/", null, { mode: "persistentSequential" });
    const request = await connection.next();
    assert.equal(request.xid, 1);
    assert.equal(request.read(CreateRequest).path, "/app/a/");
    connection.reply(request.xid, 1, 0, Create2Response, { path: "/app/a/0000000000", stat: STAT });
    assert.equal((await created).path, "/a/0000000000");
  });

  it("below a chroot name its paths in requests, replies and errors as the caller does", async (context) => {
    const { client, connection } = await connected(context, { chroot: "/app" });
    const failed = client.getData("/");
    const request = await connection.next();
    assert.equal(request.read(PathRequest).path, "/app");
    connection.reply(request.xid, 1, ERROR.NONODE);
    await assert.rejects(failed, (error) => error instanceof ZooKeeperError && error.path === "/");
    const ephemerals = client.getEphemerals();
    const list = await connection.next();
    assert.equal(list.read(GetEphemeralsRequest).prefixPath, "/app");
    connection.reply(list.xid, 1, 0, GetEphemeralsResponse, { ephemerals: ["/app", "/app/e"] });
    assert.deepEqual(await ephemerals, ["/", "/e"]);
  });
});

describe("errors", limit, () => {
  it("carry the name, the code, the call, the path, and the caller's stack", async (context) => {
    const { client, connection } = await connected(context);
    async function callerOfGetData(): Promise<void> {
      await client.getData("/a");
    }
    const failed = callerOfGetData();
    connection.reply((await connection.next()).xid, 1, ERROR.NONODE);
    await assert.rejects(failed, (error) => {
      assert(error instanceof ZooKeeperError);
      assert.deepEqual(
        [error.name, error.errorName, error.code, error.operation, error.path],
        ["ZooKeeperError", "NONODE", -101, "getData", "/a"],
      );
      assert.match(error.stack ?? "", /callerOfGetData/);
      return true;
    });
  });

  it("that this version does not know keep their number", async (context) => {
    const { client, connection } = await connected(context);
    const failed = client.getData("/a");
    connection.reply((await connection.next()).xid, 1, -999);
    await assert.rejects(failed, /getData \/a: ERROR-999/);
  });
});

describe("multi", limit, () => {
  it("gives each operation its own kind of result", async (context) => {
    const { client, connection } = await connected(context, { chroot: "/app" });
    const done = client.multi([
      { op: "create", path: "/a" },
      { op: "setData", path: "/b", data: Buffer.from("x"), version: 3 },
      { op: "check", path: "/", version: 1 },
      { op: "delete", path: "/c" },
    ]);
    const request = await connection.next();
    const sent = request.read(MultiWriteRequest).map(({ type, request: { path } }) => [type, path]);
    assert.deepEqual(sent, [
      [OP.create2, "/app/a"],
      [OP.setData, "/app/b"],
      [OP.check, "/app"],
      [OP.delete, "/app/c"],
    ]);
    connection.reply(request.xid, 1, 0, MultiResponse, [
      { type: OP.create, response: { path: "/app/a" } },
      { type: OP.setData, response: { stat: STAT } },
      { type: OP.check, response: null },
      { type: OP.delete, response: null },
    ]);
    const [created, set, checked, deleted] = await done;
    assert.deepEqual([created.path, set.stat.mzxid, checked, deleted], ["/a", 2, null, null]);
  });

  it("that is refused names the operation", async (context) => {
    const { client, connection } = await connected(context);
    const done = client.multi([
      { op: "create", path: "/a" },
      { op: "check", path: "/b", version: 1 },
      { op: "delete", path: "/c" },
    ]);
    connection.reply(
      (await connection.next()).xid,
      1,
      0,
      MultiResponse,
      [ERROR.OK, ERROR.BADVERSION, ERROR.RUNTIMEINCONSISTENCY].map((err) => ({ type: OP.error, response: { err } })),
    );
    await assert.rejects(done, (error) => {
      assert(error instanceof MultiError);
      assert.deepEqual([error.index, error.errorName, error.path], [1, "BADVERSION", "/b"]);
      assert.equal(error.message, "multi[1] check /b: BADVERSION");
      assert.deepEqual(error.results, ["OK", "BADVERSION", "RUNTIMEINCONSISTENCY"]);
      return true;
    });
  });
});
