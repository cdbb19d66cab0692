import assert from "node:assert/strict";
import { describe } from "node:test";
import { isZooKeeperError } from "../../../src/client/errors.js";
import { Counter } from "../../../src/client/recipes/counter.js";
import { Naming } from "../../../src/client/recipes/naming.js";
import { cutAllTheTime, eventually, type RecipeScene } from "../recipe-suite.js";

export function describeCounting(scene: RecipeScene): void {
  const { check } = scene;
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

  describe("the counter", () => {
    check("counts every addition of everybody once, while connections are cut all the time", async () => {
      const clients = await scene.openMany(4, { sessionTimeoutMs: 20_000 });
      const path = scene.path();
      let done = false;
      const cutting = cutAllTheTime(clients, () => done);
      const counters = clients.map((client) => new Counter(client, path));
      const values: number[] = [];
      await Promise.all(
        counters.map(async (counter) => {
          for (let count = 0; count < 10; count++) values.push((await counter.add()).value);
        }),
      );
      done = true;
      await cutting;
      assert.deepEqual(
        values.sort((a, b) => a - b),
        upTo(40).map((value) => value + 1),
      );
      await Promise.all(counters.map((counter) => counter.close()));
      const client = await scene.open();
      assert.deepEqual((await client.getChildren(`${path}/receipts`)).children, []);
    });

    for (const expiry of [false, true]) {
      const fault = expiry ? "with the session ended there" : "the session lives on";
      check(`adds exactly once, whichever request or reply is lost, ${fault}`, async () => {
        const other = await scene.open();
        await scene.atEveryRequest({ expiry }, async ({ client, path, fault }) => {
          const counter = new Counter(client, path);
          assert.deepEqual(await counter.add(5), { value: 5, version: 1 }, fault);
          assert.deepEqual(await counter.add(-7), { value: -2, version: 2 }, fault);
          assert.deepEqual(await new Counter(other, path).get(), { value: -2, version: 2 }, fault);
          await counter.close();
          assert.deepEqual((await other.getChildren(`${path}/receipts`)).children, [], fault);
        });
      });
    }

    check("is exact where others add between a lost reply and its being looked up", async () => {
      const proxy = await scene.proxy();
      const [a, b] = [await scene.open({ servers: proxy.address }), await scene.open()];
      const path = scene.path();
      const [mine, theirs] = [new Counter(a, path), new Counter(b, path)];
      assert.equal((await mine.get()).value, 0);
      await mine.add();
      for (const when of ["beforeSend", "beforeReply"] as const) {
        proxy.arm({
          at: 2,
          when,
          meanwhile: async () => {
            for (let count = 0; count < 3; count++) await theirs.add();
          },
        });
        await mine.add();
        assert.equal(proxy.armed, false);
      }
      assert.equal((await theirs.get()).value, 9);
    });

    check("refuses what is no whole number, from the caller and from the service", async () => {
      const client = await scene.open();
      const path = scene.path();
      const counter = new Counter(client, path);
      await assert.rejects(counter.add(0.5), (error) => isZooKeeperError(error, "BADARGUMENTS"));
      await counter.add(Number.MAX_SAFE_INTEGER);
      await assert.rejects(counter.add(1), (error) => isZooKeeperError(error, "BADARGUMENTS"));
      await client.setData(path, Buffer.from("many"));
      await assert.rejects(counter.get(), (error) => isZooKeeperError(error, "MARSHALLINGERROR"));
    });
  });

  describe("naming", () => {
    check("gives every id once, without a gap, to many at a time and while connections are cut", async () => {
      const clients = await scene.openMany(4, { sessionTimeoutMs: 20_000 });
      const path = scene.path();
      let done = false;
      const cutting = cutAllTheTime(clients, () => done);
      const ids: number[] = [];
      await Promise.all(
        clients.map(async (client) => {
          const naming = new Naming(client, path);
          for (let turn = 0; turn < 5; turn++) {
            ids.push(...(await Promise.all([naming.next(), naming.next(), naming.next()])));
          }
        }),
      );
      done = true;
      await cutting;
      assert.deepEqual(
        ids.sort((a, b) => a - b),
        upTo(60),
      );
      const client = await scene.open();
      await eventually(client, async () => (await client.getChildren(path)).children.length === 0);
    });

    check("gives one id per call, whichever request or reply is lost", async () => {
      const other = await scene.open();
      await scene.atEveryRequest({ expiry: false }, async ({ client, path, fault }) => {
        const naming = new Naming(client, path);
        const ids = [await naming.next(), await naming.next(), await new Naming(other, path).next()];
        assert.deepEqual(ids, [0, 1, 2], fault);
      });
    });

    check("skips an id at the most where the session ends, and gives none twice", async () => {
      const other = await scene.open();
      await scene.atEveryRequest({ expiry: true }, async ({ client, path, fault }) => {
        const naming = new Naming(client, path);
        const ids = [await naming.next(), await naming.next(), await new Naming(other, path).next()];
        assert.equal(new Set(ids).size, 3, fault);
        assert((ids[2] as number) <= 3, `${fault}: ${ids}`);
      });
    });
  });
}
