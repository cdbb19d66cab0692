import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { describe } from "node:test";
import type { ZooKeeperClient } from "../../../src/client/client.js";
import { CoarseLock, type Sequencer, verifySequencer } from "../../../src/client/recipes/coarse-lock.js";
import { type RecipeScene, settle } from "../recipe-suite.js";

const LONG_MS = 60_000;
const DELAY_MS = 300;

export function describeCoarseLock(scene: RecipeScene): void {
  const { check } = scene;

  describe("the coarse lock's lease", () => {
    check("is closed for the lock delay after its holder was lost, as long as that one asked for", async () => {
      const [a, b] = [await scene.open(), await scene.open()];
      const path = scene.path();
      const held = await new CoarseLock(a, path, { lockDelayMs: DELAY_MS }).acquire();
      const waiting = new CoarseLock(b, path, { lockDelayMs: 0 }).acquire();
      await settle(b);
      const lostAtMs = performance.now();
      await scene.kill(a);
      const next = await waiting;
      assert(performance.now() - lostAtMs >= DELAY_MS, "the next one came too early");
      await held.release();
      assert.equal(await verifySequencer(b, next.sequencer), true, "a late release of the lost lock changes nothing");
      await next.release();
    });

    check("is open at once after a clean release, and after the delay of a lost one was waited out once", async () => {
      const [a, b] = [await scene.open(), await scene.open()];
      const path = scene.path();
      const lost = await scene.open();
      await new CoarseLock(lost, path, { lockDelayMs: 1 }).acquire();
      await scene.kill(lost);
      for (const client of [a, b, a]) {
        const lock = new CoarseLock(client, path, { lockDelayMs: LONG_MS });
        await (await lock.acquire({ signal: AbortSignal.timeout(10_000) })).release();
      }
      assert.deepEqual((await a.getChildren(`${path}/holders`)).children, []);
      assert.deepEqual((await a.getChildren(`${path}/queue`)).children, []);
    });

    check("stays closed where its holder releases it in the session after the one that it was lost with", async () => {
      const [a, b] = [await scene.open({ renewSession: true }), await scene.open()];
      const path = scene.path();
      const held = await new CoarseLock(a, path, { lockDelayMs: LONG_MS }).acquire();
      await scene.kill(a);
      await a.whenConnected();
      await held.release();
      await assert.rejects(new CoarseLock(b, path).acquire({ signal: AbortSignal.timeout(50) }), {
        name: "TimeoutError",
      });
    });

    check("can be given up while the delay runs, which leaves it closed", async () => {
      const [a, b] = [await scene.open(), await scene.open()];
      const path = scene.path();
      await new CoarseLock(a, path, { lockDelayMs: LONG_MS }).acquire();
      await scene.kill(a);
      for (let attempt = 0; attempt < 2; attempt++) {
        const waiting = new CoarseLock(b, path).acquire({ signal: AbortSignal.timeout(50) });
        await assert.rejects(waiting, { name: "TimeoutError" });
      }
      const ended = assert.rejects(new CoarseLock(b, path).acquire(), /SESSIONEXPIRED/);
      await settle(b);
      await b.close();
      await ended;
    });

    check("is shared by holders in shared mode, and a lost one closes it for exclusive ones only", async () => {
      const [a, b, c, d] = (await scene.openMany(4)) as [
        ZooKeeperClient,
        ZooKeeperClient,
        ZooKeeperClient,
        ZooKeeperClient,
      ];
      const path = scene.path();
      const shared = (client: ZooKeeperClient) =>
        new CoarseLock(client, path, { lockDelayMs: LONG_MS }).acquire({
          mode: "shared",
          signal: AbortSignal.timeout(10_000),
        });
      await shared(a);
      const second = await shared(b);
      await scene.kill(a);
      const third = await shared(c);
      assert.equal(second.sequencer.mode, "shared");
      await second.release();
      await third.release();
      await assert.rejects(new CoarseLock(d, path).acquire({ signal: AbortSignal.timeout(50) }), {
        name: "TimeoutError",
      });
    });
  });

  describe("a sequencer", () => {
    check("is verified by a third party for as long as the lock is held, and not after it", async () => {
      const [a, b, party] = (await scene.openMany(3)) as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient];
      const path = scene.path();
      const lock = new CoarseLock(a, path, { lockDelayMs: 0 });
      const first = await lock.acquire();
      const sent = JSON.parse(JSON.stringify(first.sequencer)) as Sequencer;
      assert.deepEqual(sent, { path, mode: "exclusive", generation: first.fencingToken, holder: sent.holder });
      const { lastZxidSeen } = party;
      assert.equal(await verifySequencer(party, sent), true);
      assert.equal(await verifySequencer(party, { ...sent, mode: "shared" }), false);
      assert.equal(await verifySequencer(party, { ...sent, generation: sent.generation - 1 }), false);
      assert.equal(await verifySequencer(party, { ...sent, holder: "nobody-__WRIT__0000000000" }), false);
      assert(party.lastZxidSeen >= lastZxidSeen);
      await first.release();
      assert.equal(await verifySequencer(party, sent), false, "released");
      const second = await lock.acquire();
      assert(second.sequencer.generation > sent.generation);
      assert.equal(await verifySequencer(party, sent), false, "somebody else's lock");
      await scene.kill(a);
      assert.equal(await verifySequencer(party, second.sequencer), false, "lost");
      const third = await new CoarseLock(b, path).acquire();
      assert.equal(await verifySequencer(party, third.sequencer), true);
      await third.release();
    });

    check("is verified over lost connections", async () => {
      const holder = await scene.open();
      const lock = new CoarseLock(holder, scene.path());
      const held = await lock.acquire();
      await scene.atEveryRequest({ expiry: false }, async ({ client, fault }) => {
        assert.equal(await verifySequencer(client, held.sequencer), true, fault);
      });
      await held.release();
    });
  });
}
