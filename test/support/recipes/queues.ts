import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ZooKeeperClient } from "../../../src/client/client.js";
import { isZooKeeperError } from "../../../src/client/errors.js";
import { FifoQueue } from "../../../src/client/recipes/fifo-queue.js";
import { PRIORITY_MAX, PriorityQueue } from "../../../src/client/recipes/priority-queue.js";
import { cutAllTheTime, growing, type RecipeScene, settle } from "../recipe-suite.js";

const textOf = (item: { readonly data: Buffer | null } | undefined): string | undefined => item?.data?.toString();

export function describeQueues(scene: RecipeScene): void {
  const { check } = scene;

  async function assertEmpty(client: ZooKeeperClient, path: string, message: string): Promise<void> {
    for (const folder of ["items", "receipts"]) {
      const { children } = await client.getChildren(`${path}/${folder}`);
      assert.deepEqual(children, [], `${message}: ${folder}`);
    }
  }

  describe("the FIFO queue", () => {
    check("gives items in the order they were put, waits for them, and leaves nothing behind", async () => {
      const [a, b] = [await scene.open(), await scene.open()];
      const path = scene.path();
      const [producer, consumer] = [new FifoQueue(a, path), new FifoQueue(b, path)];
      assert.equal(await consumer.poll(), undefined);
      for (let number = 0; number < 20; number++) await producer.put(Buffer.from(`${number}`));
      assert.equal(await producer.length(), 20);
      for (let number = 0; number < 20; number++) assert.equal(textOf(await consumer.take()), `${number}`);
      const waiting = [consumer.take(), consumer.take(), producer.take()];
      await settle(a, b);
      for (const text of ["x", "y", "z"]) await producer.put(Buffer.from(text));
      assert.deepEqual((await Promise.all(waiting)).map(textOf).sort(), ["x", "y", "z"]);
      await assert.rejects(consumer.take({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
      await Promise.all([producer.close(), consumer.close()]);
      await assertEmpty(a, path, "closed");
    });

    for (const expiry of [false, true]) {
      const fault = expiry ? "with the session ended there" : "the session lives on";
      check(`puts an item once, whichever request or reply is lost, ${fault}`, async () => {
        const other = await scene.open();
        await scene.atEveryRequest({ expiry }, async ({ client, path, fault }) => {
          const queue = new FifoQueue(client, path);
          await queue.put(Buffer.from("a"));
          await queue.put(Buffer.from("b"));
          await queue.close();
          const reader = new FifoQueue(other, path);
          assert.equal(textOf(await reader.poll()), "a", fault);
          assert.equal(textOf(await reader.poll()), "b", fault);
          assert.equal(await reader.poll(), undefined, fault);
          await reader.close();
          await assertEmpty(other, path, fault);
        });
      });

      check(`takes an item once and loses none, whichever request or reply is lost, ${fault}`, async () => {
        const other = await scene.open();
        await scene.atEveryRequest({ expiry }, async ({ client, path, fault }) => {
          const producer = new FifoQueue(other, path);
          for (const text of ["a", "b", "c"]) await producer.put(Buffer.from(text));
          await producer.close();
          const queue = new FifoQueue(client, path);
          const taken = [await queue.take(), await queue.take(), await queue.take()].map(textOf);
          assert.deepEqual(taken, ["a", "b", "c"], fault);
          assert.equal(await queue.poll(), undefined, fault);
          await queue.close();
          await assertEmpty(other, path, fault);
        });
      });
    }

    check("does not put an item again that was taken before its put was known to have been carried out", async () => {
      const proxy = await scene.proxy();
      const [a, b] = [await scene.open({ servers: proxy.address }), await scene.open()];
      const path = scene.path();
      const [producer, consumer] = [new FifoQueue(a, path), new FifoQueue(b, path)];
      await producer.put(Buffer.from("first"));
      const taken = [textOf(await consumer.take())];
      proxy.arm({
        at: 1,
        when: "beforeReply",
        meanwhile: async () => {
          taken.push(textOf(await consumer.take()));
        },
      });
      await producer.put(Buffer.from("second"));
      assert.deepEqual(taken, ["first", "second"]);
      assert.equal(await consumer.poll(), undefined);
    });

    check("gives each item to one of many consumers while everybody's connections are cut all the time", async () => {
      const clients = await scene.openMany(6, { sessionTimeoutMs: 20_000 });
      const path = scene.path();
      const queues = clients.map((client) => new FifoQueue(client, path));
      const [producers, consumers] = [queues.slice(0, 2), queues.slice(2)];
      let done = false;
      const cutting = cutAllTheTime(clients, () => done);
      const each = 25;
      const total = each * producers.length;
      const taken: string[] = [];
      const stop = new AbortController();
      await Promise.all([
        ...producers.map(async (queue, producer) => {
          for (let number = 0; number < each; number++) await queue.put(Buffer.from(`${producer}-${number}`));
        }),
        ...consumers.map(async (queue) => {
          const own: string[] = [];
          for (;;) {
            try {
              const text = textOf(await queue.take({ signal: stop.signal })) as string;
              own.push(text);
              taken.push(text);
              if (taken.length === total) stop.abort();
            } catch (error) {
              assert(stop.signal.aborted, `${error}`);
              break;
            }
          }
          for (const producer of [0, 1]) {
            const numbers = own.filter((text) => text.startsWith(`${producer}-`)).map((text) => Number(text.slice(2)));
            assert(growing(numbers), `${numbers} of one producer, taken by one consumer`);
          }
        }),
      ]);
      done = true;
      await cutting;
      assert.equal(taken.length, total);
      assert.equal(new Set(taken).size, total);
      await Promise.all(queues.map((queue) => queue.close()));
      await assertEmpty(await scene.open(), path, "closed");
    });

    check("goes past an item that was removed from outside, and past strangers", async () => {
      const client = await scene.open();
      const path = scene.path();
      const queue = new FifoQueue(client, path);
      for (const text of ["a", "b", "c"]) await queue.put(Buffer.from(text));
      await client.create(`${path}/items/stranger`);
      assert.equal(textOf(await queue.take()), "a");
      const names = (await client.getChildren(`${path}/items`)).children.filter((name) => name !== "stranger").sort();
      await client.delete(`${path}/items/${names[0]}`);
      assert.equal(textOf(await queue.take()), "c");
      assert.equal(await queue.poll(), undefined);
    });

    check("fails a consumer that waits when its session is over for good, and not when it is renewed", async () => {
      const [a, b, other] = [await scene.open(), await scene.open({ renewSession: true }), await scene.open()];
      const path = scene.path();
      const ended = assert.rejects(new FifoQueue(a, path).take(), (error) => isZooKeeperError(error, "SESSIONEXPIRED"));
      const waiting = new FifoQueue(b, path).take();
      await settle(a, b);
      await Promise.all([scene.kill(a), scene.kill(b)]);
      await ended;
      await new FifoQueue(other, path).put(Buffer.from("x"));
      assert.equal(textOf(await waiting), "x");
    });

    check("makes its receipts anew where they were removed while idle, and says so where one is missed", async () => {
      const proxy = await scene.proxy();
      const [client, other] = [await scene.open({ servers: proxy.address }), await scene.open()];
      const path = scene.path();
      const queue = new FifoQueue(client, path);
      const removeReceipts = async (): Promise<void> => {
        const { children } = await other.getChildren(`${path}/receipts`);
        for (const name of children) await other.delete(`${path}/receipts/${name}`);
      };
      await queue.put(Buffer.from("a"));
      await removeReceipts();
      await queue.put(Buffer.from("b"));
      assert.equal(await queue.length(), 2);
      proxy.arm({ at: 1, when: "beforeReply", meanwhile: removeReceipts });
      await assert.rejects(queue.put(Buffer.from("c")), /RUNTIMEINCONSISTENCY.*receipt/);
    });
  });

  describe("the priority queue", () => {
    check("gives smaller numbers first, equal ones in the order they were put, and late ones their due", async () => {
      const [a, b] = [await scene.open(), await scene.open()];
      const path = scene.path();
      const [producer, consumer] = [new PriorityQueue(a, path), new PriorityQueue(b, path)];
      const put = (text: string, priority: number): Promise<void> => producer.put(Buffer.from(text), { priority });
      await put("m1", 5);
      await put("last", PRIORITY_MAX);
      await put("m2", 5);
      await put("first", 0);
      await put("tenth", 10);
      assert.deepEqual(await consumer.take().then((item) => [textOf(item), item.priority]), ["first", 0]);
      assert.equal(textOf(await consumer.take()), "m1");
      await put("urgent", 1);
      await settle(b);
      const rest: (string | undefined)[] = [];
      for (let item = await consumer.poll(); item !== undefined; item = await consumer.poll()) rest.push(textOf(item));
      assert.deepEqual(rest, ["urgent", "m2", "tenth", "last"]);
      for (const priority of [-1, 0.5, PRIORITY_MAX + 1]) {
        await assert.rejects(put("x", priority), (error) => isZooKeeperError(error, "BADARGUMENTS"));
      }
    });

    check("takes an item once, whichever request or reply is lost", async () => {
      const other = await scene.open();
      await scene.atEveryRequest({ expiry: false }, async ({ client, path, fault }) => {
        const queue = new PriorityQueue(client, path);
        await queue.put(Buffer.from("b"), { priority: 2 });
        await queue.put(Buffer.from("a"), { priority: 1 });
        assert.deepEqual([await queue.take(), await queue.take()].map(textOf), ["a", "b"], fault);
        assert.equal(await queue.poll(), undefined, fault);
        await queue.close();
        await assertEmpty(other, path, fault);
      });
    });
  });
}
