import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ZooKeeperClient } from "../../../src/client/client.js";
import { type Leader, LeaderElection } from "../../../src/client/recipes/leader-election.js";
import { eventually, growing, type RecipeScene, settle } from "../recipe-suite.js";

export function describeElection(scene: RecipeScene): void {
  const { check } = scene;
  const candidate = (client: ZooKeeperClient, path: string, name: string): LeaderElection =>
    new LeaderElection(client, path, { data: Buffer.from(name) });

  describe("the leader election", () => {
    check("is seen by observers, each change in order, with terms that grow", async () => {
      const [a, b, observer] = (await scene.openMany(3)) as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient];
      const path = scene.path();
      const seen: (Leader | null)[] = [];
      const election = new LeaderElection(observer, path);
      assert.equal(await election.leader(), null);
      const observation = await election.observe((leader) => void seen.push(leader));
      await eventually(observer, () => seen.length === 1);
      const first = await candidate(a, path, "a").campaign();
      await eventually(observer, () => seen.length === 2);
      const campaign = candidate(b, path, "b").campaign();
      await settle(b);
      assert.deepEqual(await election.leader(), { term: first.term, path: first.path, data: Buffer.from("a") });
      await first.resign();
      const second = await campaign;
      await eventually(observer, () => seen.at(-1)?.data?.toString() === "b");
      await scene.kill(b);
      assert.equal(second.lost.aborted, true);
      await eventually(observer, () => seen.at(-1) === null);
      assert.equal(observation.leader, null);
      const third = await candidate(a, path, "a").campaign();
      await eventually(observer, () => seen.at(-1)?.term === third.term);
      assert.deepEqual(
        seen.map((leader) => leader?.data?.toString() ?? null),
        [null, "a", "b", null, "a"],
      );
      assert(growing(seen.flatMap((leader) => leader?.term ?? [])));
      await observation.stop();
      assert.equal(observation.ended.aborted, true);
      await third.resign();
      await settle(observer);
      assert.equal(seen.length, 5, "nothing is told after the end");
    });

    check("is observed over changes that were missed, and into a renewed session", async () => {
      const proxy = await scene.proxy();
      const observer = await scene.open({ servers: proxy.address, renewSession: true });
      const [a, b] = [await scene.open(), await scene.open()];
      const path = scene.path();
      const first = await candidate(a, path, "a").campaign();
      const seen: (string | undefined)[] = [];
      const observation = await new LeaderElection(observer, path).observe(
        (leader) => void seen.push(leader?.data?.toString()),
      );
      let unblock = (): void => undefined;
      proxy.block(
        new Promise((resolve) => {
          unblock = resolve;
        }),
      );
      const campaign = candidate(b, path, "b").campaign();
      await settle(b);
      await first.resign();
      const second = await campaign;
      unblock();
      await observer.whenConnected();
      await eventually(a, () => seen.at(-1) === "b");
      await scene.kill(observer);
      await observer.whenConnected();
      await second.resign();
      await eventually(a, () => observation.leader === null);
      await observation.stop();
    });

    check("can be observed and left again at any request that is lost", async () => {
      const leading = await scene.open();
      await scene.atEveryRequest({ expiry: true }, async ({ client, path, fault }) => {
        const leadership = await candidate(leading, path, "x").campaign();
        const observation = await new LeaderElection(client, path).observe(() => undefined);
        assert.equal(observation.leader?.term, leadership.term, fault);
        await observation.stop();
        await leadership.resign();
      });
    });

    check("tells a listener's failure as a watch callback's", async () => {
      const client = await scene.open();
      const failures: unknown[] = [];
      client.on("watcherError", (error) => failures.push(error));
      const observation = await new LeaderElection(client, scene.path()).observe(() => {
        throw new Error("mine");
      });
      await eventually(client, () => failures.length === 1);
      assert.match(String(failures[0]), /mine/);
      await observation.stop();
    });
  });
}
