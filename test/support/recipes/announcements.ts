import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ZooKeeperClient } from "../../../src/client/client.js";
import { type Configuration, ConfigurationCache } from "../../../src/client/recipes/configuration-cache.js";
import { ensurePath } from "../../../src/client/recipes/ensure-path.js";
import { GroupMembership, type Member } from "../../../src/client/recipes/group-membership.js";
import { type Provider, ServiceRegistry } from "../../../src/client/recipes/service-registry.js";
import type { CuttingProxy } from "../cutting-proxy.js";
import { eventually, growing, type RecipeScene, settle } from "../recipe-suite.js";

/** What some make known and others keep in mind. */
export function describeAnnouncements(scene: RecipeScene): void {
  const { check } = scene;

  /** Runs `change` while nobody has a connection through `proxy`. */
  async function unseen(proxy: CuttingProxy, change: () => Promise<void>): Promise<void> {
    let unblock = (): void => undefined;
    proxy.block(
      new Promise((resolve) => {
        unblock = resolve;
      }),
    );
    await change();
    unblock();
  }

  describe("group membership", () => {
    const dataOf = (members: readonly Member[] | undefined): string[] =>
      (members ?? []).map(({ data }) => String(data));

    check("shows who joins, changes, leaves and dies, in the order they joined", async () => {
      const [a, b, watcher] = (await scene.openMany(3)) as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient];
      const path = scene.path();
      const seen: (readonly Member[])[] = [];
      const group = new GroupMembership(watcher, path);
      const observation = await group.watch((members) => void seen.push(members));
      await eventually(watcher, () => seen.length === 1);
      const shows = async (...expected: string[]): Promise<void> => {
        await eventually(watcher, () => `${dataOf(seen.at(-1))}` === `${expected}`);
        assert.deepEqual(dataOf(observation.members), expected);
      };
      const first = await new GroupMembership(a, path).join(Buffer.from("a"));
      const second = await new GroupMembership(b, path).join(Buffer.from("b"));
      await shows("a", "b");
      await first.update(Buffer.from("a2"));
      await shows("a2", "b");
      await first.leave();
      assert.equal(first.ended.aborted, true);
      await shows("b");
      await scene.kill(b);
      await shows();
      assert.equal(second.ended.aborted, true);
      await second.leave();
      for (const members of seen) assert(growing(members.map(({ joinedAt }) => joinedAt)));
      await observation.stop();
      const { length } = seen;
      const third = await new GroupMembership(a, path).join();
      await settle(a, watcher);
      assert.equal(seen.length, length, "nothing is told after the end");
      await third.leave();
    });

    check("lasts beyond the session that a client renews, and beyond the removal of the node", async () => {
      const [member, watcher] = [await scene.open({ renewSession: true }), await scene.open()];
      const path = scene.path();
      const membership = await new GroupMembership(member, path).join(Buffer.from("x"));
      const observation = await new GroupMembership(watcher, path).watch(() => undefined);
      const [before] = observation.members;
      await membership.update(Buffer.from("y"));
      await scene.kill(member);
      await eventually(watcher, () => dataOf(observation.members)[0] === "y");
      await eventually(watcher, () => (observation.members[0]?.joinedAt ?? 0) > (before?.joinedAt ?? 0));
      assert.deepEqual([observation.members[0]?.id, before?.id], [membership.id, membership.id]);
      const renewed = observation.members[0]?.joinedAt ?? 0;
      await watcher.delete(membership.path);
      await eventually(watcher, () => (observation.members[0]?.joinedAt ?? 0) > renewed);
      assert.equal(membership.ended.aborted, false);
      await membership.leave();
      await eventually(watcher, () => observation.members.length === 0);
      await settle(member, watcher);
      assert.equal(await watcher.exists(membership.path), null);
      await observation.stop();
    });

    for (const expiry of [false, true]) {
      check(`is joined and left whichever request or reply is lost${expiry ? ", with the session" : ""}`, async () => {
        const other = await scene.open();
        await scene.atEveryRequest({ expiry }, async ({ client, path, fault }) => {
          const membership = await new GroupMembership(client, path).join(Buffer.from("x"));
          await membership.update(Buffer.from("y"));
          await eventually(other, async () => {
            const { children } = await other.getChildren(path);
            assert(children.length <= 1, fault);
            if (children.length === 0) return false;
            const data = await other.getData(membership.path).catch(() => undefined);
            return String(data?.data) === "y";
          });
          await membership.leave();
          assert.deepEqual((await other.getChildren(path)).children, [], fault);
        });
      });
    }

    check("is watched over changes that were missed", async () => {
      const proxy = await scene.proxy();
      const [watcher, other] = [await scene.open({ servers: proxy.address, renewSession: true }), await scene.open()];
      const path = scene.path();
      const group = new GroupMembership(other, path);
      const [a, b, c] = [await group.join(Buffer.from("a")), await group.join(Buffer.from("b")), await group.join()];
      const observation = await new GroupMembership(watcher, path).watch(() => undefined);
      assert.equal(observation.members.length, 3);
      await unseen(proxy, async () => {
        await a.leave();
        await b.update(Buffer.from("b2"));
        await group.join(Buffer.from("d"));
      });
      await eventually(other, () => `${dataOf(observation.members)}` === "b2,null,d");
      await scene.kill(watcher);
      await c.leave();
      await eventually(other, () => `${dataOf(observation.members)}` === "b2,d");
      await observation.stop();
    });
  });

  describe("the service registry", () => {
    check("lets consumers pick the least loaded from their cache, and follow what providers report", async () => {
      const [a, b, consumer] = (await scene.openMany(3)) as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient];
      const path = scene.path();
      const changes: (readonly Provider[])[] = [];
      const registry = new ServiceRegistry(consumer, path);
      const discovery = await registry.discover("mail", {
        onChange: (providers) => void changes.push(providers),
        loadPerChoice: 0,
      });
      assert.equal(discovery.pick(), undefined);
      const metadata = { zone: "z1" };
      const first = await new ServiceRegistry(a, path).register("mail", { address: "a:1", load: 5, metadata });
      const second = await new ServiceRegistry(b, path).register("mail", { address: "b:1", load: 9 });
      await new ServiceRegistry(b, path).register("print", { address: "c:1" });
      await eventually(consumer, () => discovery.providers.length === 2);
      assert.deepEqual(discovery.pick(), { id: first.id, address: "a:1", load: 5, metadata });
      await second.update({ load: 1 });
      await eventually(consumer, () => discovery.pick()?.address === "b:1");
      assert.equal(discovery.pick()?.id, second.id);
      await scene.kill(b);
      await eventually(consumer, () => discovery.pick()?.address === "a:1");
      await consumer.create(`${path}/mail/stranger`, Buffer.from("null"));
      await consumer.create(`${path}/mail/stranger2`, Buffer.from("{"));
      await first.update({ load: 2 });
      await eventually(consumer, () => discovery.pick()?.load === 2);
      assert.deepEqual(discovery.pick()?.metadata, metadata);
      assert.equal(discovery.providers.length, 1);
      await first.unregister();
      await eventually(consumer, () => discovery.pick() === undefined);
      assert.deepEqual(changes.at(-1), []);
      await discovery.stop();
    });

    check("spreads choices between reports: each adds to the load of the chosen one", async () => {
      const client = await scene.open();
      const registry = new ServiceRegistry(client, scene.path());
      const registrations = await Promise.all(
        ["a", "b", "c"].map((address) => registry.register("s", { address, load: 10 })),
      );
      const discovery = await registry.discover("s");
      const picks = Array.from({ length: 300 }, () => discovery.pick()?.address);
      for (const address of ["a", "b", "c"]) assert.equal(picks.filter((pick) => pick === address).length, 100);
      await registrations[1]?.update({ load: 15 });
      await eventually(client, () => discovery.providers.some(({ load }) => load === 15));
      assert.deepEqual(new Set(Array.from({ length: 90 }, () => discovery.pick()?.address)), new Set(["b"]));
      await discovery.stop();
    });

    check("keeps consumers' caches over missed changes and renewed sessions of both sides", async () => {
      const proxy = await scene.proxy();
      const provider = await scene.open({ renewSession: true });
      const consumer = await scene.open({ servers: proxy.address, renewSession: true });
      const path = scene.path();
      const registry = new ServiceRegistry(provider, path);
      const first = await registry.register("s", { address: "a" });
      const discovery = await new ServiceRegistry(consumer, path).discover("s");
      await unseen(proxy, async () => {
        await registry.register("s", { address: "b" });
        await first.unregister();
        assert.equal(discovery.pick()?.address, "a", "it goes on with what it knows");
      });
      await eventually(provider, () => `${discovery.providers.map(({ address }) => address)}` === "b");
      await scene.kill(consumer);
      await scene.kill(provider);
      await provider.whenConnected();
      await registry.register("s", { address: "c" });
      await eventually(provider, () => `${discovery.providers.map(({ address }) => address).sort()}` === "b,c");
      await discovery.stop();
    });

    check("is discovered whichever request or reply is lost", async () => {
      const other = await scene.open();
      await scene.atEveryRequest({ expiry: true }, async ({ client, path, fault }) => {
        await new ServiceRegistry(other, path).register("s", { address: "a" });
        const discovery = await new ServiceRegistry(client, path).discover("s");
        assert.equal(discovery.pick()?.address, "a", fault);
        await discovery.stop();
      });
    });
  });

  describe("the configuration cache", () => {
    const versions = (seen: readonly (Configuration | null)[]): string =>
      seen.map((value) => String(value?.data ?? null)).join();

    check("has the value at once and every change in order, also where the node comes and goes", async () => {
      const [writer, reader] = [await scene.open(), await scene.open()];
      const path = scene.path();
      const seen: (Configuration | null)[] = [];
      const cache = new ConfigurationCache(reader, path, { onChange: (value) => void seen.push(value) });
      assert.equal(String(cache.current), "null");
      await cache.start();
      await eventually(reader, () => seen.length === 1);
      await ensurePath(writer, "/recipes");
      await writer.create(path, Buffer.from("v0"));
      await eventually(reader, () => cache.current !== null);
      for (let number = 1; number <= 5; number++) {
        await writer.setData(path, Buffer.from(`v${number}`));
        await eventually(reader, () => String(cache.current?.data) === `v${number}`);
        assert.equal(cache.current?.version, number);
      }
      await writer.delete(path);
      await eventually(reader, () => cache.current === null);
      await writer.create(path, Buffer.from("v0"));
      await eventually(reader, () => cache.current?.version === 0);
      await eventually(reader, () => seen.length === 9);
      assert.equal(versions(seen), "null,v0,v1,v2,v3,v4,v5,null,v0");
      assert(growing(seen.flatMap((value) => value?.mzxid ?? [])));
      await cache.stop();
      assert.equal(cache.ended.aborted, true);
      await writer.setData(path, Buffer.from("unseen"));
      await settle(writer, reader);
      assert.equal(seen.length, 9);
      assert.equal(String(cache.current?.data), "v0");
    });

    check("awaits a callback before the next, and never goes back, in a burst of changes", async () => {
      const [writer, reader] = [await scene.open(), await scene.open()];
      const path = scene.path();
      await ensurePath(writer, path);
      const seen: number[] = [];
      let calling = false;
      const cache = new ConfigurationCache(reader, path, {
        onChange: async (value) => {
          assert.equal(calling, false, "two callbacks at a time");
          calling = true;
          await reader.sync("/");
          seen.push(value?.mzxid ?? 0);
          calling = false;
        },
      });
      await cache.start();
      const stats = await Promise.all(Array.from({ length: 50 }, () => writer.setData(path, Buffer.from("x"))));
      await eventually(reader, () => seen.at(-1) === stats.at(-1)?.mzxid);
      assert(growing(seen), `${seen}`);
      await cache.stop();
    });

    check("reads again what changed while it was disconnected, and after its session was renewed", async () => {
      const proxy = await scene.proxy();
      const [writer, reader] = [await scene.open(), await scene.open({ servers: proxy.address, renewSession: true })];
      const path = scene.path();
      await ensurePath(writer, path);
      const cache = new ConfigurationCache(reader, path);
      await cache.start();
      await unseen(proxy, async () => {
        await writer.setData(path, Buffer.from("missed"));
        assert.equal(cache.current?.version, 0);
      });
      await eventually(writer, () => String(cache.current?.data) === "missed");
      await scene.kill(reader);
      await writer.setData(path, Buffer.from("renewed"));
      await eventually(writer, () => String(cache.current?.data) === "renewed");
      await writer.setData(path, Buffer.from("watched"));
      await eventually(writer, () => String(cache.current?.data) === "watched");
      assert.equal(cache.ended.aborted, false);
      await cache.stop();
    });

    check("is started whichever request or reply is lost, and kept current after it", async () => {
      const writer = await scene.open();
      await scene.atEveryRequest({ expiry: true }, async ({ client, path, fault }) => {
        await ensurePath(writer, path);
        const cache = new ConfigurationCache(client, path);
        await cache.start();
        assert.equal(cache.current?.version, 0, fault);
        await writer.setData(path, Buffer.from("x"));
        await eventually(writer, () => String(cache.current?.data) === "x");
        await cache.stop();
      });
    });

    check("says when it is kept current no more", async () => {
      const [writer, reader] = [await scene.open(), await scene.open()];
      const path = scene.path();
      await ensurePath(writer, path);
      const cache = new ConfigurationCache(reader, path);
      await cache.start();
      await scene.kill(reader);
      assert.equal(cache.ended.aborted, true);
      assert.equal(cache.current?.version, 0);
      await cache.stop();
      await assert.rejects(new ConfigurationCache(reader, path).start(), /SESSIONEXPIRED/);
    });
  });
}
