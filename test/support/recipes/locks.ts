import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { describe } from "node:test";
import type { ZooKeeperClient } from "../../../src/client/client.js";
import { isZooKeeperError } from "../../../src/client/errors.js";
import { CoarseLock } from "../../../src/client/recipes/coarse-lock.js";
import { ExclusiveLock } from "../../../src/client/recipes/exclusive-lock.js";
import type { AcquireOptions, HeldLock } from "../../../src/client/recipes/held-lock.js";
import { HerdLock } from "../../../src/client/recipes/herd-lock.js";
import { LeaderElection } from "../../../src/client/recipes/leader-election.js";
import { ReadWriteLock } from "../../../src/client/recipes/read-write-lock.js";
import { Semaphore } from "../../../src/client/recipes/semaphore.js";
import { cutAllTheTime, growing, type RecipeScene, settle } from "../recipe-suite.js";

interface LockKind {
  readonly name: string;
  acquire(client: ZooKeeperClient, path: string, options?: AcquireOptions): Promise<HeldLock>;
  /** Where whoever waits has a node of its own: the folder that it is in. */
  readonly queue?: (path: string) => string;
  /** Waiters that a release wakes, or undefined for all of them. */
  readonly wakes?: number;
}

/** Of everything that lets one in at a time, the same is asked. */
const KINDS: readonly LockKind[] = [
  {
    name: "the exclusive lock",
    acquire: (client, path, options) => new ExclusiveLock(client, path).acquire(options),
    queue: (path) => path,
    wakes: 1,
  },
  { name: "the lock that herds", acquire: (client, path, options) => new HerdLock(client, path).acquire(options) },
  {
    name: "the write lock",
    acquire: (client, path, options) => new ReadWriteLock(client, path).acquireWrite(options),
    queue: (path) => path,
    wakes: 1,
  },
  {
    name: "a semaphore of one lease",
    acquire: (client, path, options) => new Semaphore(client, path, { leases: 1 }).acquire(options),
    queue: (path) => `${path}/leases`,
    // Who gets the lease leaves the line, so the next one becomes its head.
    wakes: 2,
  },
  {
    name: "the coarse lock",
    acquire: (client, path, options) => new CoarseLock(client, path, { lockDelayMs: 20 }).acquire(options),
    queue: (path) => `${path}/queue`,
    wakes: 1,
  },
  {
    name: "leadership",
    acquire: async (client, path, options) => {
      const { term, resign, ...rest } = await new LeaderElection(client, path).campaign(options);
      return { ...rest, fencingToken: term, release: resign };
    },
    queue: (path) => path,
    wakes: 1,
  },
];

const expired = (error: unknown): boolean => isZooKeeperError(error, "SESSIONEXPIRED");

export function describeLocks(scene: RecipeScene): void {
  for (const kind of KINDS) describe(kind.name, () => describeLock(scene, kind));
}

function describeLock(scene: RecipeScene, kind: LockKind): void {
  const { check } = scene;

  /** Takes turns, and judges by the tokens and by who is inside. */
  async function contend(clients: readonly ZooKeeperClient[], path: string, turns: number): Promise<number[]> {
    const tokens: number[] = [];
    let inside = 0;
    await Promise.all(
      clients.map(async (client) => {
        for (let count = 0; count < turns; count++) {
          const held = await kind.acquire(client, path);
          assert.equal(++inside, 1, "two hold it");
          tokens.push(held.fencingToken);
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
          await held.release();
        }
      }),
    );
    return tokens;
  }

  check("is held by one of many at a time, with tokens that grow", async () => {
    const tokens = await contend(await scene.openMany(10), scene.path(), 4);
    assert.equal(tokens.length, 40);
    assert(growing(tokens), `${tokens}`);
  });

  check("stays exclusive while everybody's connections are cut all the time", async () => {
    const clients = await scene.openMany(4, { sessionTimeoutMs: 20_000 });
    const path = scene.path();
    let done = false;
    const cutting = cutAllTheTime(clients, () => done);
    const tokens = await contend(clients, path, 4);
    done = true;
    await cutting;
    assert.equal(tokens.length, 16);
    assert(growing(tokens), `${tokens}`);
  });

  check("is taken and released whichever request or reply is lost, and nothing is left behind", async () => {
    const other = await scene.open();
    await scene.atEveryRequest({ expiry: false }, async ({ client, path, fault }) => {
      const held = await kind.acquire(client, path);
      assert.equal(held.lost.aborted, false, fault);
      await held.release();
      const next = await kind.acquire(other, path, { signal: AbortSignal.timeout(5_000) });
      assert(next.fencingToken > held.fencingToken, fault);
      await next.release();
    });
  });

  check("is nobody's whose session ends at any request, and the next one gets it", async () => {
    const other = await scene.open();
    let failed = 0;
    await scene.atEveryRequest({ expiry: true }, async ({ client, path, fault }) => {
      let token = 0;
      try {
        const held = await kind.acquire(client, path);
        token = held.fencingToken;
        await held.release();
      } catch (error) {
        assert(expired(error), `${fault}: ${error}`);
        failed++;
      }
      const next = await kind.acquire(other, path, { signal: AbortSignal.timeout(5_000) });
      assert(next.fencingToken > token, fault);
      await next.release();
    });
    assert(failed > 0);
  });

  check("goes to the next one when its holder's session ends, and the holder is told", async () => {
    const [first, second] = [await scene.open(), await scene.open()];
    const path = scene.path();
    const held = await kind.acquire(first, path);
    let granted = false;
    const waiting = kind.acquire(second, path).then((next) => {
      granted = true;
      return next;
    });
    await settle(first, second);
    assert.equal(granted, false);
    assert.equal(held.lost.aborted, false);
    await scene.kill(first);
    const next = await waiting;
    assert(next.fencingToken > held.fencingToken);
    assert.equal(held.lost.aborted, true);
    await held.release();
    await settle(second);
    assert.equal(next.lost.aborted, false);
    const third = kind.acquire(await scene.open(), path, { signal: AbortSignal.timeout(50) });
    await assert.rejects(third, { name: "TimeoutError" });
    await next.release();
  });

  check("reaches one who waited without a connection when it was released", async () => {
    const proxy = await scene.proxy();
    const [first, second] = [await scene.open(), await scene.open({ servers: proxy.address })];
    const path = scene.path();
    const held = await kind.acquire(first, path);
    const waiting = kind.acquire(second, path);
    await settle(first, second);
    let unblock = (): void => undefined;
    proxy.block(
      new Promise((resolve) => {
        unblock = resolve;
      }),
    );
    await held.release();
    unblock();
    const next = await waiting;
    assert(next.fencingToken > held.fencingToken);
    await next.release();
  });

  check("is not waited for by one who gave up, nor by one whose session ended", async () => {
    const [first, second, third, fourth] = await scene.openMany(4);
    const path = scene.path();
    const held = await kind.acquire(first as ZooKeeperClient, path);
    const stop = new AbortController();
    const tired = assert.rejects(kind.acquire(second as ZooKeeperClient, path, { signal: stop.signal }), /tired/);
    await settle(second as ZooKeeperClient);
    const ended = assert.rejects(kind.acquire(third as ZooKeeperClient, path), expired);
    await settle(third as ZooKeeperClient);
    stop.abort(new Error("tired"));
    await tired;
    await (third as ZooKeeperClient).close();
    await ended;
    const next = kind.acquire(fourth as ZooKeeperClient, path);
    await settle(fourth as ZooKeeperClient);
    await held.release();
    await (await next).release();
    await assert.rejects(
      kind.acquire(first as ZooKeeperClient, path, { signal: AbortSignal.abort(new Error("before")) }),
      /before/,
    );
  });

  check("stays held where another one of the same session gives up waiting for it", async () => {
    const [first, second] = [await scene.open(), await scene.open()];
    const path = scene.path();
    const held = await kind.acquire(first, path);
    for (const client of [first, second]) {
      const waiting = kind.acquire(client, path, { signal: AbortSignal.timeout(50) });
      await assert.rejects(waiting, { name: "TimeoutError" });
    }
    await held.release();
    await (await kind.acquire(second, path)).release();
  });

  check("does not take the lock from the next one, where the holder's node was removed from outside", async () => {
    const [first, second, third] = await scene.openMany(3);
    const path = scene.path();
    const held = await kind.acquire(first as ZooKeeperClient, path);
    await (third as ZooKeeperClient).delete(held.path);
    const next = await kind.acquire(second as ZooKeeperClient, path);
    assert(next.fencingToken > held.fencingToken, "a store tells them apart");
    await held.release();
    await assert.rejects(kind.acquire(third as ZooKeeperClient, path, { signal: AbortSignal.timeout(50) }), {
      name: "TimeoutError",
    });
    await next.release();
    await (await kind.acquire(third as ZooKeeperClient, path)).release();
  });

  const { queue } = kind;
  if (queue !== undefined) {
    check("fails whoever waits and whose node is removed from outside", async () => {
      const [first, second, third] = await scene.openMany(3);
      const path = scene.path();
      const held = await kind.acquire(first as ZooKeeperClient, path);
      const before = (await (first as ZooKeeperClient).getChildren(queue(path))).children;
      const removed = assert.rejects(kind.acquire(second as ZooKeeperClient, path), (error) =>
        isZooKeeperError(error, "NONODE"),
      );
      let name: string | undefined;
      while (name === undefined) {
        const { children } = await (third as ZooKeeperClient).getChildren(queue(path));
        name = children.find((child) => !before.includes(child));
      }
      await (third as ZooKeeperClient).delete(`${queue(path)}/${name}`);
      await held.release();
      await removed;
      await (await kind.acquire(third as ZooKeeperClient, path)).release();
    });
  }

  const { wakes } = kind;
  check(
    wakes === undefined ? "wakes everybody by a release" : `wakes ${wakes} by a release, not the herd`,
    async () => {
      const proxy = await scene.proxy();
      const holder = await scene.open();
      const waiters = await scene.openMany(12, { servers: proxy.address });
      const path = scene.path();
      const held = await kind.acquire(holder, path);
      const stop = new AbortController();
      setMaxListeners(0, stop.signal);
      const granted: HeldLock[] = [];
      const waiting = waiters.map((client) =>
        kind.acquire(client, path, { signal: stop.signal }).then(
          (next) => void granted.push(next),
          () => undefined,
        ),
      );
      await settle(...waiters);
      await settle(...waiters);
      proxy.arm();
      await held.release();
      while (granted.length === 0) await settle(holder);
      await settle(holder);
      // Creates, deletes and lists of the one or two that are woken; or at least a create and a read by each.
      if (wakes === undefined) assert(proxy.requests >= 2 * waiters.length - 1, `${proxy.requests} requests`);
      else assert(proxy.requests <= 6 * wakes, `${proxy.requests} requests`);
      stop.abort();
      await Promise.all(waiting);
      await granted[0]?.release();
    },
  );
}
