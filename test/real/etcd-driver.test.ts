import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { UserError } from "../../src/base/user-error.js";
import type { LoadSession, LoadSessionOptions, SessionOptions, TargetDriver } from "../../src/targets/driver.js";
import { createEtcdDriver } from "../../src/targets/etcd/driver.js";
import type { EtcdError } from "../../src/targets/etcd/errors.js";
import type { Address, Ensemble } from "../../src/targets/target.js";
import { ETCD_REMEDY, everyEtcd, type TestEtcd } from "../support/etcd.js";
import { LoadRecorder } from "../support/load-recorder.js";
import { haveReal } from "../support/real.js";

const ROOT = "/test/root";
const TIMEOUT_MS = 60_000;

interface Fixture {
  readonly ensemble: Ensemble;
  readonly members: readonly Address[];
  readonly driver: TargetDriver;
}

async function cluster(context: TestContext, etcd: TestEtcd, servers: number): Promise<Fixture> {
  const ensemble = await etcd.start(servers);
  context.after(() => ensemble.stop());
  const members = ensemble.members.map((member) => member.client);
  const driver = await createEtcdDriver(members);
  context.after(() => driver.close());
  return { ensemble, members, driver };
}

function sessionOptions(members: readonly Address[], index = 0, sessionTimeoutMs = 4_000): SessionOptions {
  return { members, index, root: ROOT, sessionTimeoutMs };
}

function loadOptions(members: readonly Address[], listener: LoadRecorder, index = 0): LoadSessionOptions {
  return { ...sessionOptions(members, index), depth: 16, keys: 50, valueBytes: 100, listener };
}

/** One operation at a time: its outcome. */
async function outcome(recorder: LoadRecorder, submit: (slot: number) => void): ReturnType<typeof nextOutcome> {
  return nextOutcome(recorder, submit);
}

async function nextOutcome(
  recorder: LoadRecorder,
  submit: (slot: number) => void,
): Promise<{ error: string; order: number; written: number }> {
  const before = recorder.outcomes.length;
  submit(recorder.submitted(0));
  await recorder.until(() => recorder.outcomes.length > before);
  const { error, order, written } = recorder.outcomes[before] as (typeof recorder.outcomes)[number];
  return { error, order, written };
}

const installations = await everyEtcd();

describe("etcd driver", () => {
  it("has an etcd to drive", (context) => {
    haveReal(context, installations.length > 0, "etcd", ETCD_REMEDY);
  });

  it("says which addresses do not serve", { timeout: TIMEOUT_MS }, async () => {
    await assert.rejects(
      () => createEtcdDriver([{ host: "127.0.0.1", port: 1 }]),
      (error: unknown) => error instanceof UserError && /127\.0\.0\.1:1.*ECONNREFUSED/.test(error.message),
    );
  });

  for (const etcd of installations) {
    describe(`on etcd ${etcd.version}`, { timeout: 240_000 }, () => {
      it("populates, reads, writes, creates and removes", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        await driver.populate(ROOT, 300, 100);
        const recorder = new LoadRecorder();
        const session = await driver.openLoadSession({ ...loadOptions(members, recorder), keys: 300 });
        assert.equal(session.connected, true);

        const read = await outcome(recorder, (slot) => session.read(slot, 299));
        assert.equal(read.error, "");
        assert.ok(read.order > 0);
        assert.equal(read.written, 0);
        const missing = await outcome(recorder, (slot) => session.read(slot, 300));
        assert.deepEqual(missing, { error: "NOT_FOUND", order: read.order, written: 0 });
        const write = await outcome(recorder, (slot) => session.write(slot, 7));
        assert.deepEqual(write, { error: "", order: read.order + 1, written: read.order + 1 });
        const linearizable = await outcome(recorder, (slot) => session.readLinearizable(slot, 7));
        assert.deepEqual(linearizable, { error: "", order: read.order + 1, written: 0 });
        const create = await outcome(recorder, (slot) => session.create(slot));
        assert.deepEqual(create, { error: "", order: read.order + 2, written: read.order + 2 });
        const sibling = await driver.openLoadSession({ ...loadOptions(members, recorder, 1), keys: 300 });
        assert.equal((await outcome(recorder, (slot) => sibling.create(slot))).written, read.order + 3);

        // A root whose name begins alike stays.
        await driver.populate(`${ROOT}2`, 1, 10);
        await driver.remove(ROOT);
        assert.equal((await outcome(recorder, (slot) => session.read(slot, 7))).error, "NOT_FOUND");
        const other = await driver.openLoadSession({ ...loadOptions(members, recorder), root: `${ROOT}2`, keys: 1 });
        assert.equal((await outcome(recorder, (slot) => other.read(slot, 0))).error, "");
      });

      it("does everything that a mix may do on etcd", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        await driver.populate(ROOT, 20, (key) => key * 50_000);
        const recorder = new LoadRecorder();
        const session = await driver.openLoadSession({
          ...loadOptions(members, recorder),
          keys: 20,
          valueBytes: 2_000,
          multiWrites: 3,
        });
        let result = 0;
        recorder.onEnded = ({ slot }) => {
          result = session.resultOf(slot);
        };
        const first = await outcome(recorder, (slot) => session.exists(slot, 19));
        assert.equal(first.error, "");
        assert.equal((await outcome(recorder, (slot) => session.exists(slot, 20))).error, session.absent);
        await outcome(recorder, (slot) => session.children(slot, 3));
        assert.equal(result, 20);

        const write = await outcome(recorder, (slot) => session.write(slot, 5, 300));
        const versioned = await outcome(recorder, (slot) => session.setVersioned(slot, 5, 200));
        assert.deepEqual(versioned, { error: "", order: write.written + 1, written: write.written + 1 });
        assert.equal(result, write.written, "it replaced what was written before");
        assert.equal((await outcome(recorder, (slot) => session.setVersioned(slot, 20))).error, session.absent);
        const multi = await outcome(recorder, (slot) => session.multi(slot, 19, 150));
        assert.deepEqual(multi, { error: "", order: write.written + 2, written: write.written + 2 });
        assert.equal(result, 3);
        for (const key of [19, 0, 1]) {
          await outcome(recorder, (slot) => session.setVersioned(slot, key));
          assert.equal(result, multi.written, `key ${key} was written by the transaction`);
        }

        const numbers: number[] = [];
        for (let each = 0; each < 3; each++) {
          assert.equal((await outcome(recorder, (slot) => session.create(slot, 0, 50))).error, "");
          numbers.push(result);
        }
        await outcome(recorder, (slot) => session.children(slot, 0));
        assert.equal(result, 23);
        for (const number of numbers) {
          const gone = await outcome(recorder, (slot) => session.delete(slot, 0, number));
          assert.deepEqual([gone.error, gone.written], ["", gone.order]);
        }
        const again = await outcome(recorder, (slot) => session.delete(slot, 0, numbers[0] as number));
        assert.deepEqual([again.error, again.written], [session.absent, 0]);
        await outcome(recorder, (slot) => session.children(slot, 0));
        assert.equal(result, 20);
      });

      it("compares and sets under contention without losing an update", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        await driver.populate(ROOT, 1, 10);
        const replaced = new Set<number>();
        const finished = [0, 1, 2].map(async (index) => {
          const recorder = new LoadRecorder();
          const session = await driver.openLoadSession({ ...loadOptions(members, recorder, index), keys: 1 });
          let submitted = 4;
          recorder.onEnded = ({ slot, error }) => {
            assert.equal(error, "");
            replaced.add(session.resultOf(slot));
            if (submitted++ < 100) session.setVersioned(recorder.submitted(slot), 0);
          };
          for (let slot = 0; slot < 4; slot++) session.setVersioned(recorder.submitted(slot), 0);
          await recorder.until(() => recorder.outcomes.length === 100);
        });
        await Promise.all(finished);
        assert.equal(replaced.size, 300, "no two of them replaced the same value");
      });

      it("keeps its promises on order, with many operations outstanding on every member", {
        timeout: TIMEOUT_MS,
      }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 3);
        await driver.populate(ROOT, 50, 100);
        const written = new Set<number>();
        let writes = 0;
        const finished = members.map(async (_, index) => {
          const recorder = new LoadRecorder();
          const session = await driver.openLoadSession(loadOptions(members, recorder, index));
          const floors = new Map<number, number>();
          const kinds = new Map<number, number>();
          let reached = 0;
          let submitted = 0;
          const submit = (slot: number): void => {
            floors.set(slot, reached);
            kinds.set(slot, submitted % 4);
            recorder.submitted(slot);
            const key = submitted % 50;
            if (submitted % 4 === 0) session.write(slot, key);
            else if (submitted % 4 === 1) session.read(slot, key);
            else if (submitted % 4 === 2) session.readLinearizable(slot, key);
            else session.create(slot);
            submitted++;
          };
          recorder.onEnded = ({ slot, error, order, written: own }) => {
            assert.equal(error, "");
            assert.ok(order >= (floors.get(slot) as number), "an answer from before the operation was submitted");
            const isWrite = kinds.get(slot) === 0 || kinds.get(slot) === 3;
            assert.equal(own, isWrite ? order : 0);
            if (isWrite) {
              written.add(own);
              writes++;
            }
            reached = Math.max(reached, order);
            if (submitted < 2_000) submit(slot);
          };
          for (let slot = 0; slot < 16; slot++) submit(slot);
          await recorder.until(() => recorder.outcomes.length === 2_000);
          assert.equal(recorder.busy.size, 0);
        });
        await Promise.all(finished);
        assert.equal(written.size, writes, "no two writes stand at one revision");
      });

      it("tells when requests left and answers came", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        await driver.populate(ROOT, 50, 100);
        const recorder = new LoadRecorder();
        const session = await driver.openLoadSession(loadOptions(members, recorder));
        let checked = 0;
        recorder.onEnded = ({ slot }) => {
          const { times } = session;
          assert.ok(times !== undefined);
          assert.ok(times.sentAtMs(slot) >= before && times.sentAtMs(slot) < times.receivedAtMs);
          assert.ok(times.receivedAtMs <= performance.now());
          checked++;
        };
        const before = performance.now();
        for (let slot = 0; slot < 16; slot++) session.write(recorder.submitted(slot), slot);
        await recorder.until(() => checked === 16);
      });

      it("ends every slot once over a server that is killed and comes back", {
        timeout: TIMEOUT_MS,
      }, async (context) => {
        const { ensemble, members, driver } = await cluster(context, etcd, 1);
        await driver.populate(ROOT, 50, 100);
        const recorder = new LoadRecorder();
        const session = await driver.openLoadSession(loadOptions(members, recorder));
        let submitted = 0;
        const submit = (slot: number): void => {
          recorder.submitted(slot);
          submitted++;
          if (submitted % 2 === 0) session.write(slot, slot);
          else session.readLinearizable(slot, slot);
        };
        let stopped = false;
        recorder.onEnded = ({ slot }) => {
          if (session.connected && !stopped) submit(slot);
        };
        for (let slot = 0; slot < 16; slot++) submit(slot);
        await recorder.until(() => recorder.outcomes.length > 500);

        await ensemble.members[0]?.kill();
        await recorder.until(() => recorder.events.includes("disconnected"));
        const lost = recorder.events.indexOf("disconnected");
        assert.equal(recorder.busy.size, 0, "nothing is outstanding when the session says it is disconnected");
        assert.deepEqual(recorder.events.slice(lost - 16, lost), new Array<string>(16).fill("CONNECTIONLOSS"));
        assert.equal(session.connected, false);

        // Refused in a later turn, never within the call.
        session.write(recorder.submitted(3), 3);
        assert.equal(recorder.busy.size, 1);
        await recorder.until(() => recorder.busy.size === 0);
        assert.deepEqual(recorder.outcomes.at(-1), { slot: 3, error: "CONNECTIONLOSS", order: 0, written: 0 });

        await ensemble.members[0]?.restart();
        await recorder.until(() => recorder.events.includes("reconnected"));
        assert.equal(session.connected, true);
        const back = recorder.outcomes.length;
        for (let slot = 0; slot < 16; slot++) submit(slot);
        await recorder.until(() => recorder.outcomes.length > back + 200);
        stopped = true;
        await recorder.until(() => recorder.busy.size === 0);
        assert.equal(recorder.outcomes.length, submitted + 1);
        assert.ok(recorder.outcomes.slice(back).every(({ error }) => error === ""));
        assert.equal(recorder.events.filter((event) => event === "disconnected").length, 1);
      });

      it("goes on at another member when its own is killed, and sees nothing older there", {
        timeout: TIMEOUT_MS,
      }, async (context) => {
        const { ensemble, members, driver } = await cluster(context, etcd, 3);
        await driver.populate(ROOT, 50, 100);
        const recorder = new LoadRecorder();
        const session = await driver.openLoadSession(loadOptions(members, recorder, 1));
        const write = await outcome(recorder, (slot) => session.write(slot, 1));
        await ensemble.members[1]?.kill();
        await recorder.until(() => recorder.events.includes("reconnected"));
        const read = await outcome(recorder, (slot) => session.read(slot, 1));
        assert.equal(read.error, "");
        assert.ok(read.order >= write.written);
      });

      it("leaves a member that is paused, and keeps the outstanding operations' account", {
        timeout: TIMEOUT_MS,
      }, async (context) => {
        const { ensemble, members, driver } = await cluster(context, etcd, 3);
        await driver.populate(ROOT, 50, 100);
        const recorder = new LoadRecorder();
        const session = await driver.openLoadSession({ ...loadOptions(members, recorder, 2), sessionTimeoutMs: 1_000 });
        const paused = ensemble.members[2];
        await paused?.pause();
        for (let slot = 0; slot < 16; slot++) session.read(recorder.submitted(slot), slot);
        await recorder.until(() => recorder.events.includes("reconnected"));
        assert.deepEqual(recorder.events, [
          ...new Array<string>(16).fill("CONNECTIONLOSS"),
          "disconnected",
          "reconnected",
        ]);
        assert.equal((await outcome(recorder, (slot) => session.write(slot, 1))).error, "");
        await paused?.resume();
      });

      it("names etcd's errors", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        const recorder = new LoadRecorder();
        // Above etcd's limit of 1.5 MiB for a request, and above every window on the way.
        const session = await driver.openLoadSession({ ...loadOptions(members, recorder), valueBytes: 3_000_000 });
        const refused = await outcome(recorder, (slot) => session.write(slot, 1));
        assert.ok(["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"].includes(refused.error), refused.error);
        assert.equal((await outcome(recorder, (slot) => session.read(slot, 1))).error, "NOT_FOUND");
      });

      it("carries values larger than the windows", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        await driver.populate(ROOT, 8, 1_000_000);
        const recorder = new LoadRecorder();
        const session = await driver.openLoadSession({
          ...loadOptions(members, recorder),
          valueBytes: 1_000_000,
          keys: 8,
        });
        for (let slot = 0; slot < 8; slot++) session.write(recorder.submitted(slot), slot);
        for (let slot = 8; slot < 16; slot++) session.read(recorder.submitted(slot), slot - 8);
        await recorder.until(() => recorder.outcomes.length === 16);
        assert.ok(recorder.outcomes.every(({ error }) => error === ""));
      });

      it("gives a lock to one contender at a time, with growing tokens", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 3);
        let holder: number | undefined;
        const tokens: number[] = [];
        const contenders = Array.from({ length: 6 }, async (_, index) => {
          const session = await driver.openSession("lock", sessionOptions(members, index));
          for (let round = 0; round < 8; round++) {
            const { fencingToken } = await session.acquire(5);
            assert.equal(holder, undefined, "two holders of one lock");
            holder = index;
            tokens.push(fencingToken!);
            await new Promise((resolve) => setImmediate(resolve));
            holder = undefined;
            await session.release(5);
          }
          await session.close();
        });
        await Promise.all(contenders);
        assert.equal(tokens.length, 48);
        assert.deepEqual(
          tokens,
          [...tokens].sort((a, b) => a - b),
        );
        assert.equal(new Set(tokens).size, 48);
      });

      it("passes a lock on when the holder dies, and not before its lease has ended", {
        timeout: TIMEOUT_MS,
      }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        const holder = new Worker(new URL("../support/etcd-lock-holder.js", import.meta.url), {
          workerData: { members, root: ROOT },
        });
        const [grant] = (await once(holder, "message")) as [{ fencingToken: number }];
        const session = await driver.openSession("lock", sessionOptions(members, 1, 2_000));
        let granted = false;
        const waiting = session.acquire(0).then((next) => {
          granted = true;
          return next;
        });
        // Longer than the lease of 1 to 2 s that the server grants: it is being renewed.
        await delay(3_000);
        assert.equal(granted, false);
        const killedAt = performance.now();
        await holder.terminate();
        const next = await waiting;
        assert.ok(next.fencingToken! > grant.fencingToken);
        assert.ok(performance.now() - killedAt < 10_000);
        await session.release(0);
      });

      it("keeps a lock over a restart of the server, and says when it was lost", {
        timeout: TIMEOUT_MS,
      }, async (context) => {
        const { ensemble, members, driver } = await cluster(context, etcd, 1);
        const first = await driver.openSession("lock", sessionOptions(members, 0, 20_000));
        const second = await driver.openSession("lock", sessionOptions(members, 1, 20_000));
        const held = await first.acquire(1);
        const waiting = second.acquire(1);
        await ensemble.members[0]?.kill();
        await ensemble.members[0]?.restart();
        await first.release(1);
        const next = await waiting;
        assert.ok(next.fencingToken! > held.fencingToken!);

        const short = await driver.openSession("lock", sessionOptions(members, 2, 1_000));
        await short.acquire(2);
        const queued = assert.rejects(short.acquire(1), (error: EtcdError) => error.code === "LEASELOST");
        await ensemble.members[0]?.pause();
        await queued;
        await ensemble.members[0]?.resume();
        await assert.rejects(short.release(2), (error: EtcdError) => error.code === "LEASELOST");
        // A new lease, and so a new place in the queue.
        await short.acquire(2);
        await short.release(2);
        await second.release(1);
      });

      it("gives a lock up when its session is closed", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        const first = await driver.openSession("lock", sessionOptions(members, 0, 30_000));
        const second = await driver.openSession("lock", sessionOptions(members, 1, 30_000));
        const third = await driver.openSession("lock", sessionOptions(members, 2, 30_000));
        await first.acquire(0);
        const abandoned = assert.rejects(second.acquire(0), (error: EtcdError) => error.code === "CANCELLED");
        const waiting = third.acquire(0);
        await second.close();
        await abandoned;
        await first.close();
        await waiting;
      });

      it("shows a watcher every change in order, to many watchers on several members", {
        timeout: TIMEOUT_MS,
      }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 3);
        await driver.populate(ROOT, 10, 100);
        const changer = await driver.openSession("watch", sessionOptions(members, 0));
        const expected = new Map<number, number[]>();
        const seen: [key: number, orders: number[]][] = [];
        let count = 0;
        let enough: () => void = () => {};
        for (let index = 0; index < 6; index++) {
          const session = await driver.openSession("watch", sessionOptions(members, index));
          for (let key = 0; key < 5; key++) {
            const orders: number[] = [];
            seen.push([key, orders]);
            await session.watch(key, (order) => {
              orders.push(order);
              if (++count === 6 * 500) enough();
            });
          }
        }
        const all = new Promise<void>((resolve) => {
          enough = resolve;
        });
        await Promise.all(
          Array.from({ length: 5 }, async (_, key) => {
            const orders: number[] = [];
            expected.set(key, orders);
            for (let change = 0; change < 100; change++) orders.push(await changer.change(key));
          }),
        );
        await all;
        for (const [key, orders] of seen) assert.deepEqual(orders, expected.get(key));
      });

      it("loses no change while its server is away", { timeout: TIMEOUT_MS }, async (context) => {
        const { ensemble, members, driver } = await cluster(context, etcd, 3);
        await driver.populate(ROOT, 2, 100);
        const watcher = await driver.openSession("watch", sessionOptions(members, 1));
        const changer = await driver.openSession("watch", sessionOptions(members, 0));
        const seen: number[] = [];
        let last = Number.POSITIVE_INFINITY;
        let reached: () => void = () => {};
        const all = new Promise<void>((resolve) => {
          reached = resolve;
        });
        await watcher.watch(0, (order) => {
          seen.push(order);
          if (order >= last) reached();
        });
        // The changer's own member stays; a change may still fail while a leader is elected, and is then tried again.
        const changed: number[] = [];
        const change = async (): Promise<void> => {
          for (;;) {
            const order = await changer.change(0).catch(() => undefined);
            if (order !== undefined) {
              changed.push(order);
              return;
            }
            await delay(50);
          }
        };
        for (let count = 0; count < 20; count++) await change();
        const killing = ensemble.members[1]?.kill();
        for (let count = 0; count < 50; count++) await change();
        await killing;
        for (let count = 0; count < 20; count++) await change();
        last = changed.at(-1) as number;
        if ((seen.at(-1) ?? 0) >= last) reached();
        await all;
        // A change that failed may have taken effect all the same; one that was acknowledged must have been seen.
        assert.deepEqual(
          seen,
          [...seen].sort((a, b) => a - b),
        );
        assert.equal(new Set(seen).size, seen.length);
        for (const order of changed) assert.ok(seen.includes(order), `the change at ${order} was not seen`);
      });

      it("closes everything it opened", { timeout: TIMEOUT_MS }, async (context) => {
        const { members, driver } = await cluster(context, etcd, 1);
        await driver.populate(ROOT, 50, 100);
        const recorder = new LoadRecorder();
        const session: LoadSession = await driver.openLoadSession(loadOptions(members, recorder));
        const watcher = await driver.openSession("watch", sessionOptions(members));
        await watcher.watch(0, () => {});
        session.read(recorder.submitted(0), 0);
        await driver.close();
        assert.equal(recorder.busy.size, 0);
        assert.equal(session.connected, false);
        await assert.rejects(driver.populate(ROOT, 1, 1), (error: EtcdError) => error.code === "CONNECTIONLOSS");
        await assert.rejects(watcher.change(0), (error: EtcdError) => error.code === "CONNECTIONLOSS");
      });
    });
  }
});
