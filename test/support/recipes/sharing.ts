import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ZooKeeperClient } from "../../../src/client/client.js";
import { isZooKeeperError } from "../../../src/client/errors.js";
import type { HeldLock } from "../../../src/client/recipes/held-lock.js";
import { ReadWriteLock } from "../../../src/client/recipes/read-write-lock.js";
import { Semaphore } from "../../../src/client/recipes/semaphore.js";
import { cutAllTheTime, eventually, growing, type RecipeScene, settle } from "../recipe-suite.js";

/** Locks that several may hold at once. */
export function describeSharing(scene: RecipeScene): void {
  const { check } = scene;

  describe("the read/write lock", () => {
    check("lets readers share and writers exclude, also while connections are cut", async () => {
      const clients = await scene.openMany(6, { sessionTimeoutMs: 20_000 });
      const path = scene.path();
      let readers = 0;
      let writers = 0;
      let together = 0;
      let lastWriter = 0;
      let done = false;
      const cutting = cutAllTheTime(clients, () => done);
      await Promise.all(
        clients.map(async (client, index) => {
          const lock = new ReadWriteLock(client, path);
          for (let turn = 0; turn < 6; turn++) {
            const writing = (index + turn) % 3 === 0;
            const held = writing ? await lock.acquireWrite() : await lock.acquireRead();
            if (writing) {
              assert.deepEqual([readers, ++writers], [0, 1]);
              assert(held.fencingToken > lastWriter);
              lastWriter = held.fencingToken;
            } else {
              readers++;
              assert.equal(writers, 0);
              assert(held.fencingToken > lastWriter);
              together = Math.max(together, readers);
            }
            await client.sync("/").catch(() => undefined);
            if (writing) writers--;
            else readers--;
            await held.release();
          }
        }),
      );
      done = true;
      await cutting;
      assert(together > 1, "readers were never in together");
    });

    check("keeps the order of arrival: a reader behind a waiting writer waits for it, and for it only", async () => {
      const [a, b, c, d] = (await scene.openMany(4)) as [
        ZooKeeperClient,
        ZooKeeperClient,
        ZooKeeperClient,
        ZooKeeperClient,
      ];
      const path = scene.path();
      const order: string[] = [];
      const first = await new ReadWriteLock(a, path).acquireRead();
      const second = await new ReadWriteLock(b, path).acquireRead();
      const writer = new ReadWriteLock(c, path).acquireWrite();
      void writer.then(() => order.push("writer"));
      await settle(c);
      const reader = new ReadWriteLock(d, path).acquireRead();
      void reader.then(() => order.push("reader"));
      await settle(d);
      await second.release();
      await settle(c, d);
      assert.deepEqual(order, [], "one reader is still inside");
      await first.release();
      const writing = await writer;
      await settle(d);
      assert.deepEqual(order, ["writer"]);
      await writing.release();
      await (await reader).release();
      assert.deepEqual(order, ["writer", "reader"]);
    });

    check("lets the reader go on when the writer before it gives up, and not before an earlier writer", async () => {
      const [a, b, c] = (await scene.openMany(3)) as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient];
      const path = scene.path();
      const held = await new ReadWriteLock(a, path).acquireWrite();
      const stop = new AbortController();
      const tired = assert.rejects(new ReadWriteLock(b, path).acquireWrite({ signal: stop.signal }), /tired/);
      await settle(b);
      let reading = false;
      const reader = new ReadWriteLock(c, path).acquireRead().then((lock) => {
        reading = true;
        return lock;
      });
      await settle(c);
      stop.abort(new Error("tired"));
      await tired;
      await settle(c);
      assert.equal(reading, false);
      await held.release();
      await (await reader).release();
    });

    check("gives read locks whichever request or reply is lost", async () => {
      const other = await scene.open();
      await scene.atEveryRequest({ expiry: false }, async ({ client, path, fault }) => {
        const held = await new ReadWriteLock(client, path).acquireRead();
        const beside = await new ReadWriteLock(other, path).acquireRead({ signal: AbortSignal.timeout(5_000) });
        await beside.release();
        await held.release();
        const writer = await new ReadWriteLock(other, path).acquireWrite({ signal: AbortSignal.timeout(5_000) });
        assert(writer.fencingToken > held.fencingToken, fault);
        await writer.release();
      });
    });

    check("is released by a reader whose session ends", async () => {
      const [a, b] = [await scene.open(), await scene.open()];
      const path = scene.path();
      const held = await new ReadWriteLock(a, path).acquireRead();
      const writer = new ReadWriteLock(b, path).acquireWrite();
      await settle(b);
      await scene.kill(a);
      assert.equal(held.lost.aborted, true);
      await (await writer).release();
    });
  });

  describe("the semaphore", () => {
    check("lets in as many as it has leases, and the next one by each release", async () => {
      const clients = await scene.openMany(5);
      const path = scene.path();
      const held: HeldLock[] = [];
      const acquiring = clients.map(async (client) => {
        held.push(await new Semaphore(client, path, { leases: 3 }).acquire());
      });
      const observer = await scene.open();
      await eventually(observer, () => held.length === 3);
      await eventually(observer, async () => (await observer.exists(`${path}/leases`))?.numChildren === 4);
      await settle(observer, ...clients);
      assert.equal(held.length, 3);
      // Not the oldest: whoever leaves makes room.
      await held[1]?.release();
      await eventually(observer, () => held.length === 4);
      await held[3]?.release();
      await Promise.all(acquiring);
      assert(growing(held.map(({ fencingToken }) => fencingToken)));
      await Promise.all(held.map((each) => each.release()));
    });

    check("never lets in more than it has leases for while connections are cut", async () => {
      const clients = await scene.openMany(8, { sessionTimeoutMs: 20_000 });
      const path = scene.path();
      let inside = 0;
      let done = false;
      const tokens: number[] = [];
      const cutting = cutAllTheTime(clients, () => done);
      await Promise.all(
        clients.map(async (client) => {
          for (let turn = 0; turn < 3; turn++) {
            const held = await new Semaphore(client, path, { leases: 3 }).acquire();
            tokens.push(held.fencingToken);
            inside++;
            assert(inside <= 3, `${inside} inside`);
            await client.sync("/").catch(() => undefined);
            inside--;
            await held.release();
          }
        }),
      );
      done = true;
      await cutting;
      assert.equal(new Set(tokens).size, 24);
    });

    check("gives the lease of a lost holder to the next one", async () => {
      const [a, b, c] = (await scene.openMany(3)) as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient];
      const path = scene.path();
      const acquire = (client: ZooKeeperClient): Promise<HeldLock> =>
        new Semaphore(client, path, { leases: 2 }).acquire();
      const [first, second] = [await acquire(a), await acquire(b)];
      const third = acquire(c);
      await settle(c);
      await scene.kill(a);
      const held = await third;
      assert(held.fencingToken > second.fencingToken);
      assert.deepEqual([first.lost.aborted, second.lost.aborted, held.lost.aborted], [true, false, false]);
      await Promise.all([second.release(), held.release()]);
    });

    check("refuses a number of leases that is none", async () => {
      const client = await scene.open();
      for (const leases of [0, -1, 1.5, Number.NaN]) {
        assert.throws(
          () => new Semaphore(client, "/x", { leases }),
          (error) => isZooKeeperError(error, "BADARGUMENTS"),
        );
      }
    });
  });
}
