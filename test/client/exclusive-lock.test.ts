import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ExclusiveLock } from "../../src/client/recipes/exclusive-lock.js";
import { ERROR } from "../../src/jute/errors.js";
import { EVENT_TYPE } from "../../src/jute/opcodes.js";
import {
  Create2Response,
  CreateRequest,
  DeleteRequest,
  ExistsResponse,
  GetChildren2Response,
  GetDataRequest,
  GetDataResponse,
  PathRequest,
  SyncResponse,
} from "../../src/jute/records.js";
import { connected, STAT } from "./support.js";

const limit = { timeout: 20_000 };

describe("the exclusive lock", limit, () => {
  it("finds the node whose create was answered on a lost connection, and makes no second one", async (context) => {
    const { server, client, connection } = await connected(context);
    const acquiring = new ExclusiveLock(client, "/lock").acquire();
    const create = await connection.next();
    const { path: prefix, flags } = create.read(CreateRequest);
    assert.match(prefix, /^\/lock\/_c_[0-9a-f-]{36}-lock-$/);
    assert.equal(flags, 3);
    connection.destroy();

    const again = await server.establish();
    const name = `${prefix.slice("/lock/".length)}0000000007`;
    const sync = await again.next();
    assert.equal(sync.name, "sync");
    again.reply(sync.xid, 10, 0, SyncResponse, { path: "/lock" });
    const search = await again.next();
    assert.equal(search.name, "getChildren2");
    const children = ["_c_other-lock-0000000008", name];
    again.reply(search.xid, 10, 0, GetChildren2Response, { children, stat: STAT });
    const exists = await again.next();
    assert.equal(exists.read(PathRequest).path, `/lock/${name}`);
    again.reply(exists.xid, 10, 0, ExistsResponse, { stat: { ...STAT, czxid: 9 } });
    again.reply((await again.next()).xid, 10, 0, GetChildren2Response, { children, stat: STAT });
    const held = await acquiring;
    assert.deepEqual([held.fencingToken, held.path], [9, `/lock/${name}`]);
  });

  it("creates its node anew where the lost create never arrived, under the same name", async (context) => {
    const { server, client, connection } = await connected(context);
    const acquiring = new ExclusiveLock(client, "/lock").acquire();
    const { path: prefix } = (await connection.next()).read(CreateRequest);
    connection.destroy();
    const again = await server.establish();
    again.reply((await again.next()).xid, 10, 0, SyncResponse, { path: "/lock" });
    again.reply((await again.next()).xid, 10, ERROR.NONODE);
    const create = await again.next();
    assert.equal(create.read(CreateRequest).path, prefix);
    const path = `${prefix}0000000000`;
    again.reply(create.xid, 11, 0, Create2Response, { path, stat: { ...STAT, czxid: 11 } });
    const children = [path.slice("/lock/".length)];
    again.reply((await again.next()).xid, 11, 0, GetChildren2Response, { children, stat: STAT });
    assert.equal((await acquiring).fencingToken, 11);
  });

  it("watches the one right before it only, and looks again when that is gone", async (context) => {
    const { client, connection } = await connected(context);
    const acquiring = new ExclusiveLock(client, "/lock").acquire();
    const create = await connection.next();
    const path = `${create.read(CreateRequest).path}0000000005`;
    const own = path.slice("/lock/".length);
    connection.reply(create.xid, 20, 0, Create2Response, { path, stat: { ...STAT, czxid: 20 } });
    const queue = ["_c_y-lock-0000000004", own, "_c_z-lock-0000000006", "_c_x-lock-0000000001", "stranger"];
    connection.reply((await connection.next()).xid, 20, 0, GetChildren2Response, { children: queue, stat: STAT });
    const watch = await connection.next();
    assert.deepEqual(watch.read(GetDataRequest), { path: "/lock/_c_y-lock-0000000004", watch: true });
    connection.reply(watch.xid, 20, 0, GetDataResponse, { data: null, stat: STAT });

    // The predecessor gave up; the holder is still there.
    connection.event(EVENT_TYPE.nodeDeleted, "/lock/_c_y-lock-0000000004");
    connection.reply((await connection.next()).xid, 21, 0, GetChildren2Response, {
      children: queue.slice(1),
      stat: STAT,
    });
    const next = await connection.next();
    assert.deepEqual(next.read(GetDataRequest), { path: "/lock/_c_x-lock-0000000001", watch: true });
    // The holder leaves between the list and the watch.
    connection.reply(next.xid, 22, ERROR.NONODE);
    connection.reply((await connection.next()).xid, 22, 0, GetChildren2Response, { children: [own], stat: STAT });
    const held = await acquiring;

    const releasing = held.release();
    const remove = await connection.next();
    assert.equal(remove.read(DeleteRequest).path, path);
    connection.reply(remove.xid, 23);
    await releasing;
  });

  it("keeps its order where the server's counter wraps into the negative", async (context) => {
    const { client, connection } = await connected(context);
    const acquiring = new ExclusiveLock(client, "/lock").acquire();
    const create = await connection.next();
    const path = `${create.read(CreateRequest).path}-2147483648`;
    connection.reply(create.xid, 20, 0, Create2Response, { path, stat: STAT });
    const children = [path.slice("/lock/".length), "_c_x-lock-2147483647"];
    connection.reply((await connection.next()).xid, 20, 0, GetChildren2Response, { children, stat: STAT });
    const watch = await connection.next();
    assert.equal(watch.read(GetDataRequest).path, "/lock/_c_x-lock-2147483647");
    connection.reply(watch.xid, 20, ERROR.NONODE);
    connection.reply((await connection.next()).xid, 21, 0, GetChildren2Response, {
      children: children.slice(0, 1),
      stat: STAT,
    });
    await acquiring;
  });
});
