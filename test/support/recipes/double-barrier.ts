import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ZooKeeperClient } from "../../../src/client/client.js";
import { isZooKeeperError } from "../../../src/client/errors.js";
import { DoubleBarrier } from "../../../src/client/recipes/double-barrier.js";
import { cutAllTheTime, eventually, type RecipeScene, settle } from "../recipe-suite.js";

export function describeDoubleBarrier(scene: RecipeScene): void {
  const { check } = scene;

  describe("the double barrier", () => {
    /** Every party through every round; nobody may be inside before all have come, nor out before all have done. */
    async function pass(clients: readonly ZooKeeperClient[], path: string, rounds: number): Promise<void> {
      const came = new Array<number>(rounds).fill(0);
      const done = new Array<number>(rounds).fill(0);
      await Promise.all(
        clients.map(async (client) => {
          const barrier = new DoubleBarrier(client, path, { parties: clients.length });
          for (let round = 0; round < rounds; round++) {
            came[round]!++;
            const entered = await barrier.enter();
            assert.equal(entered.round, round);
            assert.equal(came[round], clients.length, "somebody went in early");
            await client.sync("/").catch(() => undefined);
            done[round]!++;
            await entered.leave();
            assert.equal(done[round], clients.length, "somebody went out early");
          }
        }),
      );
      const { children } = await (clients[0] as ZooKeeperClient).getChildren(`${path}/parties`);
      assert.deepEqual(children, []);
    }

    check("lets all in together and all out together, round after round", async () => {
      await pass(await scene.openMany(6), scene.path(), 5);
    });

    check("does so while everybody's connections are cut all the time", async () => {
      const clients = await scene.openMany(4, { sessionTimeoutMs: 20_000 });
      let done = false;
      const cutting = cutAllTheTime(clients, () => done);
      await pass(clients, scene.path(), 4);
      done = true;
      await cutting;
    });

    check("is passed whichever request or reply is lost", async () => {
      const other = await scene.open();
      await scene.atEveryRequest({ expiry: false }, async ({ client, path, fault }) => {
        const [mine, theirs] = await Promise.all(
          [client, other].map((each) => new DoubleBarrier(each, path, { parties: 2 }).enter()),
        );
        assert.deepEqual([mine?.round, theirs?.round], [0, 0], fault);
        await Promise.all([mine?.leave(), theirs?.leave()]);
        assert.deepEqual((await other.getChildren(`${path}/parties`)).children, [], fault);
      });
    });

    check("does not count one whose session ended, and tells it", async () => {
      const others = await scene.openMany(2);
      await scene.atEveryRequest({ expiry: true }, async ({ client, path, fault }) => {
        let through = false;
        const lost = new DoubleBarrier(client, path, { parties: 2 })
          .enter({ signal: AbortSignal.timeout(5_000) })
          .then(async (round) => {
            through = true;
            await round.leave();
          })
          .catch((error: unknown) => assert(isZooKeeperError(error, "SESSIONEXPIRED"), `${fault}: ${error}`));
        // It never is through by itself: what it counts is at most itself.
        await settle(...others);
        assert.equal(through, false, fault);
        const rest = await Promise.all(
          others.map(async (each) => await new DoubleBarrier(each, path, { parties: 2 }).enter()),
        );
        await Promise.all(rest.map((round) => round.leave({ signal: AbortSignal.timeout(5_000) })));
        if (!through) void new DoubleBarrier(others[0] as ZooKeeperClient, path, { parties: 1 }).enter();
        await lost;
      });
    });

    check("tells one that was away while the others went in, out and in again", async () => {
      const proxy = await scene.proxy();
      const away = await scene.open({ servers: proxy.address });
      const [a, b, c] = (await scene.openMany(3)) as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient];
      const path = scene.path();
      const barrier = (client: ZooKeeperClient): DoubleBarrier => new DoubleBarrier(client, path, { parties: 3 });
      const entering = barrier(away).enter();
      await eventually(a, async () => (await a.exists(`${path}/parties`))?.numChildren === 1);
      let unblock = (): void => undefined;
      proxy.block(
        new Promise((resolve) => {
          unblock = resolve;
        }),
      );
      const [first, second] = await Promise.all([barrier(a).enter(), barrier(b).enter()]);
      const leaving = Promise.all([first.leave(), second.leave()]);
      // All of the next round come before it is back.
      const next = [a, b, c].map((client) => barrier(client).enter());
      const rounds = await Promise.all(next);
      assert.deepEqual(
        rounds.map(({ round }) => round),
        [1, 1, 1],
      );
      unblock();
      const late = await entering;
      assert.equal(late.round, 0);
      await late.leave();
      await leaving;
      await Promise.all(rounds.map((round) => round.leave()));
    });

    check("counts one that gave up no more; and one that is lost inside has left", async () => {
      const [a, b, c] = (await scene.openMany(3)) as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient];
      const path = scene.path();
      const barrier = (client: ZooKeeperClient): DoubleBarrier => new DoubleBarrier(client, path, { parties: 2 });
      await assert.rejects(barrier(a).enter({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
      let entered = false;
      const first = barrier(b)
        .enter()
        .finally(() => {
          entered = true;
        });
      await settle(a, b);
      assert.equal(entered, false);
      const [mine, theirs] = await Promise.all([first, barrier(c).enter()]);
      const leaving = mine.leave();
      await settle(b);
      await scene.kill(c);
      assert.equal(theirs.lost.aborted, true);
      await leaving;
      assert.throws(
        () => new DoubleBarrier(a, path, { parties: 0 }),
        (error) => isZooKeeperError(error, "BADARGUMENTS"),
      );
    });
  });
}
