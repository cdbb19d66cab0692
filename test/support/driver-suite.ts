import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect } from "../../src/client/client.js";
import { formatHost } from "../../src/client/connection-string.js";
import type { LoadSession } from "../../src/targets/driver.js";
import type { Address, Ensemble } from "../../src/targets/target.js";
import { ZooKeeperDriver } from "../../src/targets/zookeeper/driver.js";
import { type Ended, LoadRecorder } from "./load-recorder.js";
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
              brokeProtocol: (detail) => failures.push(detail),
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

    check("does everything a mix may do, in folders, with values of any size", async () => {
      const root = "/zabench/everything";
      const keys = 40;
      const tree = { depth: 3, fanOut: 2 };
      const sizeOf = (key: number): number => key * 10;
      await driver.populate(root, keys, sizeOf, tree);
      const client = await connect({ servers: members().map(formatHost).join(",") });
      for (const [createKind, prefix] of [
        ["persistent", "n"],
        ["ephemeral", "n"],
        ["persistentSequential", "n"],
        ["ephemeralSequential", "n"],
      ] as const) {
        const recorder = new LoadRecorder();
        const session = await driver.openLoadSession({
          ...sessionOptions(root),
          depth: 4,
          keys,
          valueBytes: 2_000,
          tree,
          createKind,
          multiWrites: 3,
          listener: recorder,
        });
        const results: number[] = [];
        recorder.onEnded = ({ slot }) => results.push(session.resultOf(slot));
        const ended = async (submit: (slot: number) => void): Promise<Ended & { readonly result: number }> => {
          const before = recorder.outcomes.length;
          submit(recorder.submitted(0));
          await recorder.until(() => recorder.outcomes.length > before);
          return { ...(recorder.outcomes[before] as Ended), result: results[before] as number };
        };
        const ok = async (submit: (slot: number) => void): Promise<Ended & { readonly result: number }> => {
          const outcome = await ended(submit);
          assert.equal(outcome.error, "");
          return outcome;
        };

        assert.ok((await ok((slot) => session.read(slot, 39))).order > 0);
        await ok((slot) => session.exists(slot, 13));
        assert.equal((await ended((slot) => session.exists(slot, 40))).error, session.absent);
        await ok((slot) => session.sync(slot));
        assert.equal(
          (await ok((slot) => session.children(slot, 21))).result,
          5,
          "of eight folders, that of 5, 13, 21, ...",
        );

        const write = await ok((slot) => session.write(slot, 21, 1_234));
        assert.equal(write.written, write.order);
        const path = `${root}/f001/f000/f001/k00000021`;
        assert.equal((await client.getData(path)).stat.dataLength, 1_234);
        const versioned = await ok((slot) => session.setVersioned(slot, 21, 17));
        assert.ok(versioned.written > write.written);
        assert.equal(versioned.result, write.written, "it replaced what was written before");
        const { stat } = await client.getData(path);
        assert.deepEqual([stat.dataLength, stat.mzxid], [17, versioned.written]);
        assert.equal((await ended((slot) => session.setVersioned(slot, 40, 1))).error, "NONODE");

        const multi = await ok((slot) => session.multi(slot, 39, 77));
        assert.equal(multi.result, 3);
        for (const key of ["f001/f001/f001/k00000039", "f000/f000/f000/k00000000", "f000/f000/f001/k00000001"]) {
          const written = await client.getData(`${root}/${key}`);
          assert.deepEqual([written.stat.dataLength, written.stat.mzxid], [77, multi.written], key);
        }
        await client.delete(`${root}/f000/f000/f001/k00000001`);
        const torn = await ended((slot) => session.multi(slot, 39, 78));
        assert.deepEqual([torn.error, torn.written], ["NONODE", 0]);
        assert.equal((await client.getData(`${root}/f000/f000/f000/k00000000`)).stat.dataLength, 77, "all or nothing");
        await client.create(`${root}/f000/f000/f001/k00000001`, Buffer.alloc(0));

        const created: Awaited<ReturnType<typeof ok>>[] = [];
        for (let each = 0; each < 3; each++) created.push(await ok((slot) => session.create(slot, 6, 5 + each)));
        const folder = `${root}/f001/f001/f000`;
        const names = (await client.getChildren(folder)).children.filter((name) => name.startsWith(prefix)).sort();
        assert.equal(names.length, 3);
        for (const [at, name] of names.entries()) {
          const { stat: own } = await client.getData(`${folder}/${name}`);
          assert.equal(own.dataLength, 5 + at);
          assert.equal(own.ephemeralOwner !== 0n, createKind.startsWith("ephemeral"));
          assert.equal(own.czxid, created[at]!.written);
          assert.ok(name.endsWith(String(created[at]!.result).padStart(10, "0")), `${name}, ${created[at]!.result}`);
        }
        assert.equal((await ok((slot) => session.children(slot, 6))).result, 8);
        for (const { result } of [...created].reverse()) {
          const gone = await ok((slot) => session.delete(slot, 6, result));
          assert.equal(gone.written, gone.order);
        }
        assert.equal((await client.getChildren(folder)).children.length, 5);
        assert.equal((await ended((slot) => session.delete(slot, 6, created[0]!.result))).error, session.absent);
        await session.close();
      }
      await client.close();
      await driver.remove(root);
    });

    check("compares and sets under contention without losing an update", async () => {
      const root = "/zabench/contended";
      await driver.populate(root, 1, 10);
      const depth = 4;
      const each = 200;
      const recorders = [0, 1, 2].map(() => new LoadRecorder());
      const replaced = new Set<number>();
      const sessions = await Promise.all(
        recorders.map(async (recorder, index) => {
          const session = await driver.openLoadSession({
            ...sessionOptions(root, index),
            depth,
            keys: 1,
            valueBytes: 10,
            listener: recorder,
          });
          let submitted = depth;
          recorder.onEnded = ({ slot, error }) => {
            assert.equal(error, "");
            replaced.add(session.resultOf(slot));
            if (submitted++ < each) session.setVersioned(recorder.submitted(slot), 0);
          };
          for (let slot = 0; slot < depth; slot++) session.setVersioned(recorder.submitted(slot), 0);
          return session;
        }),
      );
      await Promise.all(recorders.map((recorder) => recorder.until(() => recorder.outcomes.length === each)));
      assert.equal(replaced.size, 3 * each, "no two of them replaced the same value");
      const client = await connect({ servers: members().map(formatHost).join(",") });
      assert.equal((await client.getData(`${root}/k00000000`)).stat.version, 3 * each);
      await client.close();
      await Promise.all(sessions.map((session) => session.close()));
      await driver.remove(root);
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
