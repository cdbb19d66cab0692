import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect } from "../../src/client/client.js";
import { formatHost } from "../../src/client/connection-string.js";
import type { LoadSession } from "../../src/targets/driver.js";
import type { Address, Ensemble } from "../../src/targets/target.js";
import { ZooKeeperDriver } from "../../src/targets/zookeeper/driver.js";
import { haveReal } from "./real.js";

export interface DriverSubject {
  readonly title: string;
  readonly remedy: string;
  /** Undefined where it was not found: its tests are skipped then. */
  readonly start: (() => Promise<Ensemble>) | undefined;
}

/** What the driver must do on whatever speaks ZooKeeper's protocol. */
export function describeDriver(subject: DriverSubject): void {
  describe(`the driver against ${subject.title}`, { timeout: 120_000 }, () => {
    let ensemble: Ensemble | undefined;
    let driver: ZooKeeperDriver;

    before(async () => {
      ensemble = await subject.start?.();
      if (ensemble !== undefined) driver = new ZooKeeperDriver(ensemble.target, members());
    });
    after(async () => {
      await driver?.close();
      await ensemble?.stop();
    });

    function members(): Address[] {
      return ensemble?.members.map((member) => member.client) ?? [];
    }

    const sessionOptions = (root: string, index = 0) => ({
      members: members(),
      index,
      root,
      sessionTimeoutMs: 10_000,
    });

    function check(name: string, test: () => Promise<void>): void {
      it(name, async (context) => {
        if (ensemble !== undefined) await test();
        else haveReal(context, false, subject.title, subject.remedy);
      });
    }

    check("makes its keys, loads them with every operation, and removes what it made", async () => {
      const root = "/zabench/driver";
      const keys = 500;
      await driver.populate(root, keys, 100);
      await assert.rejects(driver.populate(root, 1, 100), /NODEEXISTS/);
      const depth = 8;
      const total = 2_000;
      const operations = ["read", "write", "readLinearizable", "create"] as const;
      const sessions: LoadSession[] = [];
      const failures: string[] = [];
      const writes: number[] = [];
      await Promise.all(
        [0, 1].map(async (index) => {
          let order = 0;
          let submitted = 0;
          let ended = 0;
          let done = (): void => undefined;
          const finished = new Promise<void>((resolve) => {
            done = resolve;
          });
          const submit = (slot: number): void => {
            const operation = operations[submitted % operations.length] ?? "read";
            if (operation === "create") session.create(slot);
            else session[operation](slot, submitted % keys);
            submitted++;
          };
          const session = await driver.openLoadSession({
            ...sessionOptions(root, index),
            depth,
            keys,
            valueBytes: 100,
            listener: {
              ended: (slot, error, at, written) => {
                if (error !== "") failures.push(error);
                if (at < order) failures.push(`${at} after ${order}`);
                order = at;
                if (written !== 0) writes.push(written);
                if (++ended === total) done();
                else if (submitted < total) submit(slot);
              },
              disconnected: () => failures.push("disconnected"),
              reconnected: () => failures.push("reconnected"),
            },
          });
          sessions.push(session);
          for (let slot = 0; slot < depth; slot++) submit(slot);
          await finished;
        }),
      );
      assert.deepEqual(failures, []);
      assert.equal(writes.length, total);
      assert.equal(new Set(writes).size, total, "every write has a zxid of its own");
      await Promise.all(sessions.map((session) => session.close()));
      const client = await connect({ servers: members().map(formatHost).join(",") });
      assert.equal((await client.getChildren(root)).children.length, keys + total / 2);
      await driver.remove(root);
      assert.equal(await client.exists(root), null);
      await driver.remove(root);
      await client.close();
    });

    check("hands locks on with growing tokens", async () => {
      const root = "/zabench/locks";
      await driver.populate(root, 0, 0);
      const sessions = await Promise.all(
        [0, 1, 2].map((index) => driver.openSession("lock", sessionOptions(root, index))),
      );
      const tokens: number[] = [];
      await Promise.all(
        sessions.map(async (session) => {
          for (let turn = 0; turn < 5; turn++) {
            tokens.push((await session.acquire(0)).fencingToken!);
            await session.release(0);
          }
        }),
      );
      assert.equal(tokens.length, 15);
      assert.deepEqual(
        tokens,
        [...tokens].sort((a, b) => a - b),
      );
      await Promise.all(sessions.map((session) => session.close()));
      await driver.remove(root);
    });

    check("tells every watcher of every change, by its position", async () => {
      const root = "/zabench/watches";
      await driver.populate(root, 1, 100);
      const watchers = await Promise.all(
        [0, 1, 2, 3].map((index) => driver.openSession("watch", sessionOptions(root, index))),
      );
      const changer = await driver.openSession("watch", sessionOptions(root, 4));
      const seen = watchers.map(() => 0);
      let told = (): void => undefined;
      await Promise.all(
        watchers.map((session, index) =>
          session.watch(0, (order) => {
            seen[index] = order;
            told();
          }),
        ),
      );
      for (let round = 0; round < 20; round++) {
        const order = await changer.change(0);
        while (seen.some((each) => each < order)) {
          await new Promise<void>((resolve) => {
            told = resolve;
          });
        }
        assert.deepEqual(
          seen,
          watchers.map(() => order),
        );
      }
      await Promise.all([...watchers, changer].map((session) => session.close()));
      await driver.remove(root);
    });
  });
}
