import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RECEIPT_KEPT_MS, Receipts } from "../../src/client/recipes/receipts.js";
import {
  Create2Response,
  CreateRequest,
  DeleteRequest,
  ExistsResponse,
  GetChildren2Response,
  PathRequest,
} from "../../src/jute/records.js";
import { connected, STAT } from "./support.js";

describe("receipts", { timeout: 20_000 }, () => {
  it("that nobody has used for a day are removed by whoever makes one; younger ones are left", async (context) => {
    const { client, connection } = await connected(context);
    const committing = new Receipts(client, "/r", "test").commit([]);
    committing.catch(() => undefined);
    const create = await connection.next();
    const { path } = create.read(CreateRequest);
    const nowMs = 10 * RECEIPT_KEPT_MS;
    connection.reply(create.xid, 1, 0, Create2Response, { path, stat: { ...STAT, ctime: nowMs } });
    const list = await connection.next();
    const ages = new Map([
      ["old", nowMs - RECEIPT_KEPT_MS - 1],
      ["young", nowMs - RECEIPT_KEPT_MS],
      [path.slice("/r/".length), nowMs],
    ]);
    connection.reply(list.xid, 1, 0, GetChildren2Response, { children: [...ages.keys()], stat: STAT });
    const deleted: string[] = [];
    for (;;) {
      const request = await connection.next();
      if (request.name === "multi") break;
      if (request.name === "delete") {
        deleted.push(request.read(DeleteRequest).path);
        connection.reply(request.xid, 2);
      } else {
        const mtime = ages.get(request.read(PathRequest).path.slice("/r/".length)) as number;
        connection.reply(request.xid, 2, 0, ExistsResponse, { stat: { ...STAT, mtime } });
      }
    }
    assert.deepEqual(deleted, ["/r/old"]);
  });
});
