import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ZooKeeperClient } from "../../../src/client/client.js";
import { isZooKeeperError } from "../../../src/client/errors.js";
import { type BarrierRound, DoubleBarrier } from "../../../src/client/recipes/double-barrier.js";
import { overConnectionLoss } from "../../../src/client/recipes/retry.js";
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
      const client = clients[0] as ZooKeeperClient;
      const left = await overConnectionLoss(client, () => client.getChildren(`${path}/parties`));
      assert.deepEqual(left.children, []);
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
      const [second, third] = others as [ZooKeeperClient, ZooKeeperClient];
      let failed = 0;
      await scene.atEveryRequest({ expiry: true }, async ({ client, path, fault }) => {
        const barrier = (each: ZooKeeperClient): DoubleBarrier => new DoubleBarrier(each, path, { parties: 2 });
        let outcome = "waiting" as "waiting" | "through" | "expired";
        const faulty = (async () => {
          try {
            const round = await barrier(client).enter();
            outcome = "through";
            return round;
          } catch (error) {
            assert(isZooKeeperError(error, "SESSIONEXPIRED"), `${fault}: ${error}`);
            outcome = "expired";
            failed++;
            return undefined;
          }
        })();
        const isIn = async (): Promise<boolean> => (await second.exists(`${path}/parties`))?.numChildren === 1;
        await eventually(second, async () => outcome !== "waiting" || (await isIn()));
        assert.notEqual(outcome, "through", fault);
        const alone = outcome === "expired";
        let passed = false;
        const entering = barrier(second)
          .enter()
          .finally(() => {
            passed = true;
          });
        await eventually(second, () => outcome !== "waiting");
        await settle(...others);
        if (alone) assert.equal(passed, false, fault);
        // The session may also have ended when the round had gone on already; then the third is alone in the next one.
        const stop = new AbortController();
        let last: BarrierRound | undefined;
        const entered = passed
          ? undefined
          : barrier(third)
              .enter({ signal: stop.signal })
              .then((round) => {
                last = round;
              })
              .catch(() => assert(stop.signal.aborted));
        const rounds = [await faulty, await entering];
        if (entered !== undefined) {
          await eventually(second, async () => {
            const { children } = await second.getChildren(`${path}/parties`);
            return last !== undefined || children.some((name) => name.startsWith("1-"));
          });
        }
        stop.abort();
        await entered;
        rounds.push(last);
        await Promise.all(rounds.map((round) => round?.leave({ signal: AbortSignal.timeout(5_000) })));
      });
      assert(failed > 0);
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

    check("takes one for the next round that comes in while the others go on without it", async () => {
      const proxy = await scene.proxy();
      const late = await scene.open({ servers: proxy.address });
      const others = await scene.openMany(2);
      const path = scene.path();
      const barrier = (client: ZooKeeperClient): DoubleBarrier => new DoubleBarrier(client, path, { parties: 2 });
      const passTogether = async (): Promise<void> => {
        const rounds = await Promise.all(others.map((client) => barrier(client).enter()));
        await Promise.all(rounds.map((round) => round.leave()));
      };
      await passTogether();
      // It has read which round gathers, and is about to come in.
      proxy.arm({ at: 2, when: "held", meanwhile: passTogether });
      const entering = barrier(late).enter();
      await eventually(others[0] as ZooKeeperClient, async () => {
        const { children } = await (others[0] as ZooKeeperClient).getChildren(`${path}/parties`);
        return !proxy.armed && children.some((name) => name.startsWith("2-"));
      });
      const [mine, theirs] = await Promise.all([entering, barrier(others[0] as ZooKeeperClient).enter()]);
      assert.deepEqual([mine.round, theirs.round], [2, 2]);
      await Promise.all([mine.leave(), theirs.leave()]);
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
