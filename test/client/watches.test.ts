import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WatchEvent } from "../../src/client/watches.js";
import { ERROR } from "../../src/jute/errors.js";
import { EVENT_TYPE } from "../../src/jute/opcodes.js";
import {
  AddWatchRequest,
  CheckWatchesRequest,
  ErrorResponse,
  ExistsResponse,
  GetChildren2Response,
  GetDataResponse,
  SetWatches,
  SetWatches2,
} from "../../src/jute/records.js";
import type { FakeConnection } from "../support/fake-server.js";
import { connected, STAT } from "./support.js";

const limit = { timeout: 20_000 };
const data = (text: string) => ({ data: Buffer.from(text), stat: STAT });

/** Lets every turn pass that the client needs to deliver what has arrived: a request goes there and comes back. */
async function settled(connection: FakeConnection, ask: () => Promise<unknown>): Promise<void> {
  const asked = ask().catch(() => undefined);
  const request = await connection.nextRequest();
  connection.reply(request.xid, 0, ERROR.NONODE);
  await asked;
}

describe("one-shot watches", limit, () => {
  it("are called once, after the reply that registered them, even where both come in one chunk", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    const read = (async () => {
      const { data: value } = await client.getData("/a", (event) => void log.push(`${event.type} ${event.path}`));
      // A few promises deep, as callers are.
      await Promise.resolve();
      await Promise.resolve();
      log.push(`read ${value}`);
    })();
    const request = await connection.next();
    connection.atOnce(() => {
      connection.reply(request.xid, 1, 0, GetDataResponse, data("old"));
      connection.event(EVENT_TYPE.nodeDataChanged, "/a");
      connection.event(EVENT_TYPE.nodeDataChanged, "/a");
    });
    await read;
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, ["read old", "nodeDataChanged /a"]);
  });

  it("are called before a reply that came after the event", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    const first = client.getData("/a", () => void log.push("event"));
    connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, data("old"));
    await first;
    const second = client.getData("/a").then((read) => log.push(`read ${read.data}`));
    const request = await connection.next();
    connection.atOnce(() => {
      connection.event(EVENT_TYPE.nodeDataChanged, "/a");
      connection.reply(request.xid, 2, 0, GetDataResponse, data("new"));
    });
    await second;
    assert.deepEqual(log, ["event", "read new"]);
  });

  it("are called after the reply that registered them, also where that waited behind another event", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    const first = client.getData("/a", () => void log.push("event a"));
    connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, data("old"));
    await first;
    const second = client.getData("/b", () => void log.push("event b")).then(() => log.push("read b"));
    const request = await connection.next();
    connection.atOnce(() => {
      connection.event(EVENT_TYPE.nodeDataChanged, "/a");
      connection.reply(request.xid, 2, 0, GetDataResponse, data("new"));
      connection.event(EVENT_TYPE.nodeDataChanged, "/b");
    });
    await second;
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, ["event a", "read b", "event b"]);
  });

  it("are called one after the other, a callback's own reads included", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    const watcher = async (event: WatchEvent): Promise<void> => {
      log.push(`begin ${event.path}`);
      const { data: value } = await client.getData(event.path);
      log.push(`end ${event.path} ${value}`);
    };
    const reads = ["/a", "/b"].map((path) => client.getData(path, watcher));
    for (const _ of reads) connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, data("old"));
    await Promise.all(reads);
    connection.event(EVENT_TYPE.nodeDataChanged, "/a");
    connection.event(EVENT_TYPE.nodeDataChanged, "/b");
    for (const value of ["1", "2"]) {
      connection.reply((await connection.next()).xid, 2, 0, GetDataResponse, data(value));
    }
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, ["begin /a", "end /a 1", "begin /b", "end /b 2"]);
  });

  it("go on after a callback that throws or rejects, which is reported", async (context) => {
    const { client, connection } = await connected(context);
    const errors: unknown[] = [];
    client.on("watcherError", (error) => errors.push(error));
    const log: string[] = [];
    const failing = [
      () => {
        throw new Error("thrown");
      },
      () => Promise.reject(new Error("rejected")),
      () => void log.push("called"),
    ];
    for (const watcher of failing) {
      const read = client.getData("/a", watcher);
      connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, data(""));
      await read;
    }
    connection.event(EVENT_TYPE.nodeDeleted, "/a");
    await settled(connection, () => client.getData("/zz"));
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, ["called"]);
    assert.deepEqual(errors.map(String), ["Error: thrown", "Error: rejected"]);
  });

  it("are not registered by a read that failed, except by exists on a missing node", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    const note = (name: string) => (event: WatchEvent) => void log.push(`${name} ${event.type}`);
    await settled(connection, () => client.getData("/a", note("getData")));
    await settled(connection, () => client.getChildren("/a", note("getChildren")));
    await settled(connection, () => client.exists("/a", note("exists")));
    connection.event(EVENT_TYPE.nodeCreated, "/a");
    connection.event(EVENT_TYPE.nodeChildrenChanged, "/a");
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, ["exists nodeCreated"]);
  });

  it("of children and of data are told apart", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    const note = (name: string) => (event: WatchEvent) => void log.push(`${name} ${event.type}`);
    const reads = [
      client.getData("/a", note("data")),
      client.getChildren("/a", note("children")),
      client.exists("/a", note("exists")),
    ];
    connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, data(""));
    connection.reply((await connection.next()).xid, 1, 0, GetChildren2Response, { children: [], stat: STAT });
    connection.reply((await connection.next()).xid, 1, 0, ExistsResponse, { stat: STAT });
    await Promise.all(reads);
    connection.event(EVENT_TYPE.nodeChildrenChanged, "/a");
    connection.event(EVENT_TYPE.nodeDataChanged, "/a");
    connection.event(EVENT_TYPE.nodeDeleted, "/a");
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, ["children nodeChildrenChanged", "data nodeDataChanged", "exists nodeDataChanged"]);
  });

  it("carry the zxid where the server tells it", async (context) => {
    const { client, connection } = await connected(context);
    const seen: number[] = [];
    for (const zxid of [42, -1]) {
      const read = client.getData("/a", (event) => void seen.push(event.zxid));
      connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, data(""));
      await read;
      connection.event(EVENT_TYPE.nodeDataChanged, "/a", zxid);
      await settled(connection, () => client.getData("/zz"));
    }
    assert.deepEqual(seen, [42, 0]);
  });
});

describe("persistent watches", limit, () => {
  it("stay; recursive ones see what is below, but no lists of children", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    for (const mode of ["persistent", "persistentRecursive"] as const) {
      const added = client.addWatch("/a", mode, (event) => void log.push(`${mode} ${event.type} ${event.path}`));
      const request = await connection.next();
      assert.deepEqual(request.read(AddWatchRequest), { path: "/a", mode: mode === "persistent" ? 0 : 1 });
      connection.reply(request.xid, 1, 0, ErrorResponse, { err: 0 });
      await added;
    }
    connection.event(EVENT_TYPE.nodeDataChanged, "/a");
    connection.event(EVENT_TYPE.nodeChildrenChanged, "/a");
    connection.event(EVENT_TYPE.nodeCreated, "/a/b/c");
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, [
      "persistent nodeDataChanged /a",
      "persistentRecursive nodeDataChanged /a",
      "persistent nodeChildrenChanged /a",
      "persistentRecursive nodeCreated /a/b/c",
    ]);
  });

  it("are removed on the server with the last local one", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    const watchers = ["one", "two"].map((name) => () => void log.push(name));
    for (const watcher of watchers) {
      const added = client.addWatch("/a", "persistent", watcher);
      connection.reply((await connection.next()).xid, 1, 0, ErrorResponse, { err: 0 });
      await added;
    }
    const checked = client.removeWatches("/a", "any", watchers[0]);
    const check = await connection.next();
    assert.equal(check.name, "checkWatches");
    assert.deepEqual(check.read(CheckWatchesRequest), { path: "/a", type: 3 });
    connection.reply(check.xid, 1);
    await checked;
    connection.event(EVENT_TYPE.nodeDataChanged, "/a");
    await settled(connection, () => client.getData("/zz"));
    const removed = client.removeWatches("/a");
    const remove = await connection.next();
    assert.equal(remove.name, "removeWatches");
    connection.reply(remove.xid, 1);
    await removed;
    connection.event(EVENT_TYPE.nodeDataChanged, "/a");
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, ["two"]);
    await assert.rejects(client.removeWatches("/a"), /NOWATCHER/);
  });
});

describe("a watch whose request is under way", limit, () => {
  it("is not taken away on the server by the removal of another one on the path", async (context) => {
    const { client, connection } = await connected(context);
    const log: string[] = [];
    const leaving = (): void => void log.push("leaving");
    const added = client.addWatch("/a", "persistent", leaving);
    connection.reply((await connection.next()).xid, 1, 0, ErrorResponse, { err: 0 });
    await added;
    const reading = client.getData("/a", () => void log.push("staying"));
    const removing = client.removeWatches("/a", "any", leaving);
    const [read, remove] = [await connection.next(), await connection.next()];
    assert.equal(remove.name, "checkWatches");
    connection.reply(read.xid, 1, 0, GetDataResponse, data("x"));
    connection.reply(remove.xid, 1);
    await Promise.all([reading, removing]);
    connection.event(EVENT_TYPE.nodeDataChanged, "/a");
    await settled(connection, () => client.getData("/zz"));
    assert.deepEqual(log, ["staying"]);
    // Requests that are over do not count, however they ended.
    const refused = assert.rejects(client.getData("/a", leaving), /NONODE/);
    connection.reply((await connection.next()).xid, 1, ERROR.NONODE);
    await refused;
    const again = client.addWatch("/a", "persistent", leaving);
    connection.reply((await connection.next()).xid, 1, 0, ErrorResponse, { err: 0 });
    await again;
    const last = client.removeWatches("/a", "any", leaving);
    const request = await connection.next();
    assert.equal(request.name, "removeWatches");
    connection.reply(request.xid, 1);
    await last;
  });
});

describe("watches after a reconnect", limit, () => {
  it("are set again relative to what was seen, and what was missed is delivered", async (context) => {
    const { server, client, connection } = await connected(context, { chroot: "/app" });
    const log: string[] = [];
    const note = (event: WatchEvent): void => void log.push(`${event.type} ${event.path}`);
    const reads = [client.getData("/a", note), client.exists("/b", note), client.getChildren("/", note)];
    connection.reply((await connection.next()).xid, 7, 0, GetDataResponse, data(""));
    connection.reply((await connection.next()).xid, 7, ERROR.NONODE);
    connection.reply((await connection.next()).xid, 8, 0, GetChildren2Response, { children: [], stat: STAT });
    await Promise.all(reads);
    connection.destroy();
    const again = await server.establish();
    const request = await again.next();
    assert.deepEqual([request.name, request.xid], ["setWatches", -8]);
    assert.deepEqual(request.read(SetWatches), {
      relativeZxid: 8,
      dataWatches: ["/app/a"],
      existWatches: ["/app/b"],
      childWatches: ["/app"],
    });
    again.event(EVENT_TYPE.nodeDataChanged, "/app/a");
    again.event(EVENT_TYPE.nodeCreated, "/app/b");
    again.event(EVENT_TYPE.nodeChildrenChanged, "/app");
    again.reply(-8, 9);
    await settled(again, () => client.getData("/zz"));
    assert.deepEqual(log, ["nodeDataChanged /a", "nodeCreated /b", "nodeChildrenChanged /"]);
  });

  it("use setWatches2 only where a persistent one needs it", async (context) => {
    const { server, client, connection } = await connected(context);
    const added = client.addWatch("/r", "persistentRecursive", () => undefined);
    connection.reply((await connection.next()).xid, 1, 0, ErrorResponse, { err: 0 });
    await added;
    connection.destroy();
    const request = await (await server.establish()).next();
    assert.equal(request.name, "setWatches2");
    assert.deepEqual(request.read(SetWatches2).persistentRecursiveWatches, ["/r"]);
  });

  it("are split into packets a server takes, none left out and none twice", async (context) => {
    const { server, client, connection } = await connected(context);
    const paths = Array.from({ length: 700 }, (_, index) => `/${String(index).padStart(4, "0")}${"x".repeat(990)}`);
    const reads = paths.map((path) => client.exists(path, () => undefined));
    for (const _ of paths) connection.reply((await connection.next()).xid, 3, ERROR.NONODE);
    await Promise.all(reads);
    connection.destroy();
    const again = await server.establish();
    const seen: string[] = [];
    let packets = 0;
    while (seen.length < paths.length) {
      const request = await again.next();
      assert.equal(request.name, "setWatches");
      assert(request.body.length < 129 * 1024, `a packet of ${request.body.length} bytes`);
      seen.push(...request.read(SetWatches).existWatches);
      packets++;
    }
    assert.equal(packets, 6);
    assert.deepEqual(seen, paths);
  });

  it("that a server refuses to set are tried again on another connection", async (context) => {
    const { server, client, connection } = await connected(context);
    const read = client.getData("/a", () => undefined);
    connection.reply((await connection.next()).xid, 1, 0, GetDataResponse, data(""));
    await read;
    connection.destroy();
    const refusing = await server.establish();
    await refusing.next();
    refusing.reply(-8, 2, ERROR.MARSHALLINGERROR);
    await refusing.closed;
    assert.equal((await (await server.establish()).next()).name, "setWatches");
  });
});
