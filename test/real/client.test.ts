import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, type ZooKeeperClient } from "../../src/client/client.js";
import { isZooKeeperError, MultiError } from "../../src/client/errors.js";
import { ExclusiveLock } from "../../src/client/recipes/exclusive-lock.js";
import { CREATOR_ACL, OPEN_ACL } from "../../src/client/requests.js";
import type { WatchEvent } from "../../src/client/watches.js";
import { nextState } from "../client/support.js";
import { startPassthrough } from "../support/passthrough.js";
import { haveReal } from "../support/real.js";
import { oneOrNone, REMEDY, startZooKeeper, type TestZooKeeper, zooKeepersHere } from "../support/zookeeper.js";

const SESSION_TIMEOUT_MS = 4_000;

function named(...names: Parameters<typeof isZooKeeperError> extends [unknown, ...infer N] ? N : never) {
  return (error: unknown): boolean => isZooKeeperError(error, ...names);
}

for (const installation of oneOrNone(zooKeepersHere())) {
  describe(`the client against Apache ZooKeeper ${installation?.version ?? ""}`, { timeout: 180_000 }, () => {
    let server: TestZooKeeper;
    const clients: ZooKeeperClient[] = [];

    before(async () => {
      if (installation !== undefined) server = await startZooKeeper(installation, 200);
    });
    after(async () => {
      await Promise.all(clients.map((client) => client.close()));
      await server?.stop();
    });

    async function open(options: Partial<Parameters<typeof connect>[0]> = {}): Promise<ZooKeeperClient> {
      const client = await connect({ servers: server.address, sessionTimeoutMs: SESSION_TIMEOUT_MS, ...options });
      clients.push(client);
      return client;
    }

    function real(name: string, test: () => Promise<void>): void {
      it(name, async (context) => {
        if (haveReal(context, installation !== undefined, "Apache ZooKeeper", REMEDY)) await test();
      });
    }

    real("creates, reads, changes, lists and deletes", async () => {
      const client = await open();
      const created = await client.create("/a", Buffer.from("one"));
      assert.equal(created.path, "/a");
      assert.equal(created.stat.dataLength, 3);
      const read = await client.getData("/a");
      assert.equal(read.data?.toString(), "one");
      assert.deepEqual(read.stat, created.stat);
      const changed = await client.setData("/a", null, 0);
      assert.equal(changed.version, 1);
      assert((await client.getData("/a")).data === null);
      await client.create("/a/ü ✓", Buffer.alloc(0));
      assert.deepEqual((await client.getChildren("/a")).children, ["ü ✓"]);
      assert.equal(await client.getAllChildrenNumber("/a"), 1);
      assert.equal((await client.exists("/a"))?.numChildren, 1);
      await client.sync("/a");
      await assert.rejects(client.delete("/a"), named("NOTEMPTY"));
      await assert.rejects(client.setData("/a", null, 0), named("BADVERSION"));
      await client.delete("/a/ü ✓");
      await client.delete("/a", 1);
      assert.equal(await client.exists("/a"), null);
      await assert.rejects(client.getData("/a"), named("NONODE"));
    });

    real("creates in every mode", async () => {
      const client = await open();
      await client.create("/modes", null, { mode: "container" });
      const sequential = await client.create("/modes/s-", null, { mode: "persistentSequential" });
      assert.equal(sequential.path, "/modes/s-0000000000");
      const ephemeral = await client.create("/modes/e-", null, { mode: "ephemeralSequential" });
      assert.equal(ephemeral.stat.ephemeralOwner, client.sessionId);
      await client.create("/modes/t", null, { mode: "persistentWithTTL", ttlMs: 100_000 });
      assert.deepEqual(await client.getEphemerals("/modes"), [ephemeral.path]);
      await assert.rejects(client.create(`${ephemeral.path}/x`), named("NOCHILDRENFOREPHEMERALS"));
      await client.close();
      const other = await open();
      assert.deepEqual([...(await other.getChildren("/modes")).children].sort(), ["s-0000000000", "t"]);
    });

    real("applies a transaction as a whole, or names what failed", async () => {
      const client = await open();
      const [created, , , set] = await client.multi([
        { op: "create", path: "/multi", data: Buffer.from("x") },
        { op: "create", path: "/multi/container", mode: "container" },
        { op: "check", path: "/multi", version: 0 },
        { op: "setData", path: "/multi", data: Buffer.from("y") },
      ]);
      assert.equal(created.path, "/multi");
      assert.equal(set.stat.version, 1);
      await assert.rejects(
        client.multi([
          { op: "delete", path: "/multi/container" },
          { op: "check", path: "/multi", version: 0 },
        ]),
        (error) => error instanceof MultiError && error.index === 1 && error.errorName === "BADVERSION",
      );
      const [data, children, missing] = await client.multiRead([
        { op: "getData", path: "/multi" },
        { op: "getChildren", path: "/multi" },
        { op: "getData", path: "/missing" },
      ]);
      assert("data" in data && data.data?.toString() === "y");
      assert("children" in children && children.children[0] === "container");
      assert(named("NONODE")(missing));
    });

    real("authenticates, and is held to ACLs", async () => {
      const [owner, stranger] = [await open(), await open()];
      await owner.addAuth("digest", "user:password");
      await owner.create("/secret", Buffer.from("x"), { acl: CREATOR_ACL });
      await assert.rejects(stranger.getData("/secret"), named("NOAUTH"));
      await assert.rejects(stranger.create("/nobody", null, { acl: CREATOR_ACL }), named("INVALIDACL"));
      const { acl, stat } = await owner.getACL("/secret");
      assert.equal(acl[0]?.id.scheme, "digest");
      assert.equal((await owner.setACL("/secret", OPEN_ACL, stat.aversion)).aversion, 1);
      await stranger.getData("/secret");
      const schemes = (await owner.whoAmI()).map((each) => `${each.authScheme} ${each.user}`);
      assert(schemes.includes("digest user"), schemes.join());
      await assert.rejects(stranger.addAuth("nobody", "knows"), named("AUTHFAILED"));
      assert.equal(stranger.state, "authFailed");
    });

    real("lives below a chroot", async () => {
      const outside = await open();
      await outside.create("/chroot");
      const inside = await open({ servers: `${server.address}/chroot` });
      const events: WatchEvent[] = [];
      await inside.getChildren("/", (event) => void events.push(event));
      assert.equal((await inside.create("/a")).path, "/a");
      await inside.sync("/");
      assert.deepEqual((await outside.getChildren("/chroot")).children, ["a"]);
      assert.deepEqual(
        events.map(({ type, path }) => [type, path]),
        [["nodeChildrenChanged", "/"]],
      );
    });

    real("sees an event before what it is about, thousands of times", async () => {
      const [writer, reader] = [await open(), await open()];
      await writer.create("/order", Buffer.from("0"));
      let told = 0;
      let violations = 0;
      const watch = (): void => {
        told++;
      };
      let done = false;
      const writing = (async () => {
        for (let value = 1; value <= 1_000; value++) await writer.setData("/order", Buffer.from(String(value)));
        done = true;
      })();
      let seen = Number((await reader.getData("/order", watch)).data);
      let armed = 0;
      while (!done) {
        const { data } = await reader.getData("/order");
        const value = Number(data);
        if (value !== seen && told === armed) violations++;
        if (told > armed) {
          armed = told;
          seen = Number((await reader.getData("/order", watch)).data);
        }
      }
      await writing;
      assert.equal(violations, 0);
      assert(told > 10, `${told} events`);
    });

    real("resumes its session over a restart of the server, ephemerals and watches with it", async () => {
      // A server that begins on a busy machine may leave the first who comes without an answer.
      const patient = { sessionTimeoutMs: 20_000, attemptTimeoutMs: 1_500 };
      const [client, other] = [await open(patient), await open(patient)];
      const { sessionId } = client;
      await client.create("/ephemeral", null, { mode: "ephemeral" });
      await client.create("/watched", Buffer.from("before"));
      const events: WatchEvent[] = [];
      let changed: (() => void) | undefined;
      const change = new Promise<void>((resolve) => {
        changed = resolve;
      });
      await client.getData("/watched", (event) => {
        events.push(event);
        changed?.();
      });
      const lost = nextState(client, "disconnected");
      await server.kill();
      await lost;
      await server.restart();
      await Promise.all([client.whenConnected(), other.whenConnected()]);
      assert.equal(client.sessionId, sessionId);
      assert.equal((await other.exists("/ephemeral"))?.ephemeralOwner, sessionId);
      assert.equal(events.length, 0);
      await other.setData("/watched", Buffer.from("after"));
      await change;
      assert.deepEqual(
        events.map(({ type, path }) => [type, path]),
        [["nodeDataChanged", "/watched"]],
      );
    });

    real("is told what changed while it was disconnected", async () => {
      const [client, other] = [await open(), await open()];
      await client.create("/missed", Buffer.from("0"));
      const event = new Promise<WatchEvent>((resolve) => {
        void client.getData("/missed", resolve);
      });
      await client.sync("/missed");
      client.disconnect();
      await other.setData("/missed", Buffer.from("1"));
      assert.equal((await event).type, "nodeDataChanged");
    });

    real("learns that its session expired, or renews it", async () => {
      // A session that another connection has closed is, to its owner, one that has expired.
      const [final, renewing] = [await open(), await open({ renewSession: true })];
      await renewing.create("/gone", null, { mode: "ephemeral" });
      for (const client of [final, renewing]) {
        const thief = await open({ credentials: client.credentials });
        assert.equal(thief.sessionId, client.sessionId);
        await thief.close();
      }
      if (final.state !== "expired") await nextState(final, "expired");
      await assert.rejects(final.getData("/"), named("SESSIONEXPIRED"));
      await renewing.whenConnected();
      assert.equal(await renewing.exists("/gone"), null);
    });

    real("keeps an idle session alive with pings, while one that is away for too long expires", async () => {
      const watcher = await open();
      const idle = await open({ sessionTimeoutMs: 1_000 });
      assert.equal(idle.sessionTimeoutMs, 1_000);
      await idle.create("/idle", null, { mode: "ephemeral" });
      const states: string[] = [];
      idle.on("state", ({ state }) => states.push(state));
      const gone = new Promise<WatchEvent>((resolve) => {
        void watcher.exists("/idle", resolve);
      });
      // Long enough for a session without pings to expire, and one does: that tells when to look.
      const way = await startPassthrough(server.port);
      const away = await open({ servers: way.address, sessionTimeoutMs: 1_000 });
      await away.create("/away", null, { mode: "ephemeral" });
      const expired = new Promise<WatchEvent>((resolve) => {
        void watcher.exists("/away", resolve);
      });
      await watcher.sync("/");
      way.block();
      assert.equal((await expired).type, "nodeDeleted");
      way.unblock();
      if (away.state !== "expired") await nextState(away, "expired");
      way.stop();
      assert.notEqual(await watcher.exists("/idle"), null);
      assert.deepEqual(states, []);
      await idle.close();
      assert.equal((await gone).type, "nodeDeleted");
    });

    describe("the exclusive lock", () => {
      /** Runs `count` sessions that take turns, and checks who is inside. */
      async function contend(path: string, sessions: number, turns: number): Promise<number[]> {
        const tokens: number[] = [];
        let inside = 0;
        const turn = async (client: ZooKeeperClient): Promise<void> => {
          const held = await new ExclusiveLock(client, path).acquire();
          assert.equal(++inside, 1, "two sessions hold the lock");
          tokens.push(held.fencingToken);
          await client.sync("/");
          inside--;
          await held.release();
        };
        await Promise.all(
          Array.from({ length: sessions }, async () => {
            const client = await open();
            for (let count = 0; count < turns; count++) await turn(client);
            await client.close();
          }),
        );
        return tokens;
      }

      real("is held by one session at a time, with tokens that grow", async () => {
        const tokens = await contend("/locks/contended", 8, 10);
        assert.equal(tokens.length, 80);
        assert.deepEqual(
          tokens,
          [...new Set(tokens)].sort((a, b) => a - b),
        );
        const client = await open();
        assert.deepEqual((await client.getChildren("/locks/contended")).children, []);
      });

      real("survives cut connections of everybody all the time", async () => {
        const path = "/locks/cut";
        const active: ZooKeeperClient[] = await Promise.all(
          Array.from({ length: 5 }, () => open({ sessionTimeoutMs: 20_000, backoffMinMs: 1, backoffMaxMs: 5 })),
        );
        let inside = 0;
        let grants = 0;
        let last = 0;
        let done = false;
        const cutting = (async () => {
          for (let victim = 0; !done; victim++) {
            const client = active[victim % active.length] as ZooKeeperClient;
            await client.sync("/").catch(() => undefined);
            client.disconnect();
            await client.whenConnected();
          }
        })();
        await Promise.all(
          active.map(async (client) => {
            for (let count = 0; count < 6; count++) {
              const held = await new ExclusiveLock(client, path).acquire();
              assert.equal(++inside, 1, "two sessions hold the lock");
              assert(held.fencingToken > last);
              last = held.fencingToken;
              grants++;
              await new Promise((resolve) => setImmediate(resolve));
              inside--;
              await held.release();
            }
          }),
        );
        done = true;
        await cutting;
        assert.equal(grants, 30);
        const { children } = await (await open()).getChildren(path);
        assert.deepEqual(children, [], "no place in the queue is left behind");
      });

      real("goes to the next when its holder is killed, and the holder is told", async () => {
        const path = "/locks/killed";
        const [first, second] = [await open(), await open()];
        const held = await new ExclusiveLock(first, path).acquire();
        let granted = false;
        const next = new ExclusiveLock(second, path).acquire().then((lock) => {
          granted = true;
          return lock;
        });
        await second.sync("/");
        await second.sync("/");
        assert.equal(granted, false);
        assert.equal(held.lost.aborted, false);
        const thief = await open({ credentials: first.credentials });
        await thief.close();
        const successor = await next;
        assert(successor.fencingToken > held.fencingToken);
        if (first.state !== "expired") await nextState(first, "expired");
        assert.equal(held.lost.aborted, true);
        await held.release();
        await successor.release();
      });

      real("is given up by whoever stops waiting", async () => {
        const path = "/locks/abandoned";
        const [first, second] = [await open(), await open()];
        const held = await new ExclusiveLock(first, path).acquire();
        const stop = new AbortController();
        const waiting = new ExclusiveLock(second, path).acquire({ signal: stop.signal });
        await second.sync("/");
        stop.abort(new Error("tired"));
        await assert.rejects(waiting, /tired/);
        assert.equal((await first.getChildren(path)).children.length, 1);
        await held.release();
      });

      real("fails a waiter whose session ends", async () => {
        const path = "/locks/ended";
        const [first, second] = [await open(), await open()];
        const held = await new ExclusiveLock(first, path).acquire();
        const waiting = new ExclusiveLock(second, path).acquire();
        const rejected = assert.rejects(waiting, named("SESSIONEXPIRED"));
        await second.sync("/");
        await second.close();
        await rejected;
        await held.release();
      });
    });
  });
}
