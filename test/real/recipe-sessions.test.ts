import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { openDriver } from "../../src/bench/drivers.js";
import { core } from "../../src/targets/core/kind.js";
import type { Recipe, RecipeSessions, TargetDriver } from "../../src/targets/driver.js";
import { etcd } from "../../src/targets/etcd/kind.js";
import type { Address, TargetKind } from "../../src/targets/target.js";
import { zookeeper } from "../../src/targets/zookeeper/kind.js";
import { type Passthrough, startPassthrough } from "../support/passthrough.js";
import { haveReal } from "../support/real.js";

// What sessions of watches and recipes do when the connection of one of them is lost and comes back, on every target.

const ROOT = "/zabench/recipes";
const TIMEOUT_MS = 60_000;

interface Scene {
  readonly driver: TargetDriver;
  readonly server: Address;
  /** The way of `behind` to the server. */
  readonly way: Passthrough;
  /** A session that is cut off by the passthrough. */
  behind<R extends Recipe>(recipe: R): Promise<RecipeSessions[R]>;
  /** A session that is not. */
  direct<R extends Recipe>(recipe: R): Promise<RecipeSessions[R]>;
}

async function scene(context: TestContext, kind: TargetKind): Promise<Scene | undefined> {
  if (!haveReal(context, (await kind.find()).length > 0, kind.name, kind.remedy)) return undefined;
  const ensemble = await kind.start({ servers: 1 });
  context.after(() => ensemble.stop());
  const server = ensemble.members[0]!.client;
  const way = await startPassthrough(server.port);
  context.after(() => way.stop());
  const driver = await openDriver(kind.name, [server]);
  context.after(() => driver.close());
  await driver.populate(ROOT, 4, 10);
  const [host, port] = way.address.split(":");
  const open = async <R extends Recipe>(recipe: R, member: Address): Promise<RecipeSessions[R]> => {
    const session = await driver.openSession(recipe, {
      members: [member],
      index: 0,
      root: ROOT,
      sessionTimeoutMs: 10_000,
      valueBytes: 10,
    });
    context.after(() => session.close());
    return session;
  };
  return {
    driver,
    server,
    way,
    behind: (recipe) => open(recipe, { host: host!, port: Number(port) }),
    direct: (recipe) => open(recipe, server),
  };
}

/** Values that a callback brings, and a wait for what they come to. */
class Heard<T> {
  readonly values: T[] = [];
  private check: () => void = () => undefined;

  readonly add = (value: T): void => {
    this.values.push(value);
    this.check();
  };

  until(holds: (values: readonly T[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.check = () => {
        if (holds(this.values)) resolve();
      };
      this.check();
    });
  }
}

/** Takes the history away that a watch would go on from, where there is such a thing. */
async function forgetHistory(kind: TargetKind, { server }: Scene): Promise<void> {
  if (kind.name !== "etcd") return;
  const post = async (path: string, body: object): Promise<{ header: { revision: string } }> => {
    const response = await fetch(`http://${server.host}:${server.port}/v3/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 200, path);
    return (await response.json()) as { header: { revision: string } };
  };
  const key = Buffer.from(ROOT).toString("base64");
  const { revision } = (await post("kv/range", { key })).header;
  await post("kv/compaction", { revision, physical: true });
}

for (const kind of [core, zookeeper, etcd]) {
  for (const compacted of kind.name === "etcd" ? [false, true] : [false]) {
    describe(`over a lost connection to ${kind.name}${compacted ? ", whose history is compacted" : ""}`, () => {
      const limit = { timeout: TIMEOUT_MS };

      async function whileAway(now: Scene, act: () => Promise<void>): Promise<void> {
        now.way.block();
        await act();
        if (compacted) await forgetHistory(kind, now);
        now.way.unblock();
      }

      it("a subscriber gets every message once and in order", limit, async (context) => {
        const now = await scene(context, kind);
        if (now === undefined) return;
        const [subscriber, publisher] = [await now.behind("pubSub"), await now.direct("pubSub")];
        const heard = new Heard<string>();
        let last = 0;
        await subscriber.subscribe(3, ({ topic, publisher, sequence }, order) => {
          assert.equal(topic, 3);
          assert.ok(order > last, `${order} after ${last}`);
          last = order;
          heard.add(`${publisher}-${sequence}`);
        });
        const expected: string[] = [];
        const publish = async (upTo: number): Promise<void> => {
          for (let sequence = expected.length / 2 + 1; sequence <= upTo; sequence++) {
            // A later publisher whose number is the smaller one: names do not sort as the messages came.
            for (const each of [11, 2]) {
              await publisher.publish({ topic: 3, publisher: each, sequence }, 8);
              expected.push(`${each}-${sequence}`);
            }
          }
        };
        await publish(3);
        await heard.until((values) => values.length === 6);
        await whileAway(now, () => publish(10));
        await heard.until((values) => values.length === 20);
        await publish(12);
        await heard.until((values) => values.length === 24);
        assert.deepEqual(heard.values, expected);
      });

      it("a message that is published again is published once", limit, async (context) => {
        const now = await scene(context, kind);
        if (now === undefined) return;
        const session = await now.direct("pubSub");
        const heard = new Heard<number>();
        await session.subscribe(0, ({ sequence }) => heard.add(sequence));
        for (const sequence of [1, 1, 2, 2, 2, 3]) await session.publish({ topic: 0, publisher: 5, sequence }, 1);
        await heard.until((values) => values.includes(3));
        assert.deepEqual(heard.values, [1, 2, 3]);
      });

      it("a consumer learns who has come and gone, and chooses among those who are there", limit, async (context) => {
        const now = await scene(context, kind);
        if (now === undefined) return;
        const consumer = await now.behind("registry");
        const heard = new Heard<string>();
        await consumer.observe((names) => heard.add([...names].sort().join()));
        const [first, second, third] = [
          await now.direct("registry"),
          await now.direct("registry"),
          await now.direct("registry"),
        ];
        await first.enter("a");
        await second.enter("b");
        await heard.until((values) => values.at(-1) === "a,b");
        await whileAway(now, async () => {
          await second.close();
          await third.enter("c");
          await third.report(7);
        });
        await heard.until((values) => values.at(-1) === "a,c");
        // The load of a grows with each choice, until it is that of c.
        const chosen = Array.from({ length: 9 }, () => consumer.pick());
        assert.deepEqual(chosen.slice(0, 7), new Array(7).fill("a"));
        assert.deepEqual([...chosen.slice(7)].sort(), ["a", "c"]);
        await first.leave();
        await heard.until((values) => values.at(-1) === "c");
        assert.equal(consumer.pick(), "c");
      });

      it("a provider stays", limit, async (context) => {
        const now = await scene(context, kind);
        if (now === undefined) return;
        const [provider, consumer] = [await now.behind("registry"), await now.direct("registry")];
        const heard = new Heard<readonly string[]>();
        await consumer.observe((names) => heard.add(names));
        await provider.enter("a");
        await heard.until((values) => values.at(-1)?.length === 1);
        await whileAway(now, async () => undefined);
        const other = await now.direct("registry");
        await other.enter("b");
        await heard.until((values) => values.at(-1)?.length === 2);
        assert.deepEqual([...heard.values.at(-1)!].sort(), ["a", "b"]);
        await provider.close();
        await heard.until((values) => values.at(-1)?.join() === "b");
      });

      it("a configuration cache has the last version, and never an older one", limit, async (context) => {
        const now = await scene(context, kind);
        if (now === undefined) return;
        const [reader, writer] = [await now.behind("configuration"), await now.direct("configuration")];
        const documents = [0, 1, 2].map(() => new Heard<number>());
        await Promise.all(documents.map((document, key) => reader.watch(key, document.add)));
        const told = (orders: number): Promise<unknown> =>
          Promise.all(documents.map((document) => document.until((values) => values.at(-1) === orders)));
        await told(await writer.change(0, 3));
        let last = 0;
        await whileAway(now, async () => {
          for (let change = 0; change < 5; change++) last = await writer.change(0, 3);
        });
        await told(last);
        for (const { values } of documents)
          assert.deepEqual(
            values,
            [...values].sort((a, b) => a - b),
          );
        await told(await writer.change(0, 3));
      });

      it("several values of one change stand at one place in history", limit, async (context) => {
        const now = await scene(context, kind);
        if (now === undefined) return;
        const [watcher, changer] = [await now.behind("watch"), await now.direct("watch")];
        const values = [0, 1, 2, 3].map(() => new Heard<number>());
        await Promise.all(values.map((value, key) => watcher.watch(key, value.add)));
        const order = await changer.change(1, 2);
        await Promise.all([1, 2].map((key) => values[key]!.until((orders) => orders.at(-1) === order)));
        const later = await changer.change(0, 4);
        assert.ok(later > order);
        await Promise.all(values.map((value) => value.until((orders) => orders.at(-1) === later)));
        assert.deepEqual(
          values.map((value) => value.values),
          [[later], [order, later], [order, later], [later]],
        );
      });
    });
  }
}
