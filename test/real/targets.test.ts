import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { connect } from "../../src/client/client.js";
import { formatAddress } from "../../src/targets/address.js";
import { findEtcd } from "../../src/targets/etcd/find.js";
import { planEtcd } from "../../src/targets/etcd/kind.js";
import { askHttp } from "../../src/targets/http.js";
import { targetKind } from "../../src/targets/kinds.js";
import { placesHere } from "../../src/targets/places.js";
import { startEnsemble } from "../../src/targets/process/managed-ensemble.js";
import type { Address, Ensemble, Member, StartOptions } from "../../src/targets/target.js";
import { findToxiproxy, startToxiproxy, TOXIPROXY_REMEDY } from "../../src/targets/toxiproxy.js";
import { findZookeeper } from "../../src/targets/zookeeper/find.js";
import { planZookeeper } from "../../src/targets/zookeeper/kind.js";
import { haveReal } from "../support/real.js";
import { eventually, isAlive } from "../targets/support/alive.js";
import { checkNothingRemains } from "../targets/support/hold.js";

let scratchParent: string;

before(async () => {
  scratchParent = await mkdtemp(join(tmpdir(), "real-targets-"));
});

after(async () => {
  assert.deepEqual(await readdir(scratchParent), [], "no scratch folder remains");
  await rm(scratchParent, { recursive: true });
});

/** How the tests write to a target and read back, and how to start any copy of it that was found. */
interface Subject {
  readonly name: "zookeeper" | "etcd";
  starters(): Promise<readonly { readonly version: string; start(options: StartOptions): Promise<Ensemble> }[]>;
  write(member: Address, key: string, value: string): Promise<void>;
  read(member: Address, key: string): Promise<string>;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const SUBJECTS: readonly Subject[] = [
  {
    name: "zookeeper",
    starters: async () =>
      findZookeeper(placesHere()).map((copy) => ({
        version: copy.version,
        start: (options) => startEnsemble(planZookeeper(copy, options), options),
      })),
    write: async (member, key, value) => {
      const client = await connect({ servers: formatAddress(member) });
      await client.create(`/${key}`, Buffer.from(value));
      await client.close();
    },
    read: async (member, key) => {
      const client = await connect({ servers: formatAddress(member) });
      await client.sync("/");
      const { data } = await client.getData(`/${key}`);
      await client.close();
      return data?.toString() ?? "";
    },
  },
  {
    name: "etcd",
    starters: async () =>
      (await findEtcd(placesHere())).map((copy) => ({
        version: copy.version,
        start: (options) => startEnsemble(planEtcd(copy, options), options),
      })),
    write: async (member, key, value) => {
      const body = JSON.stringify({ key: base64(key), value: base64(value) });
      await eventually("a put is acknowledged", async () => {
        return (await askHttp(member, "/v3/kv/put", body)) !== undefined;
      });
    },
    read: async (member, key) => {
      const answer = await askHttp(member, "/v3/kv/range", JSON.stringify({ key: base64(key) }));
      const { kvs } = JSON.parse(answer ?? "{}") as { readonly kvs?: readonly { readonly value: string }[] };
      return Buffer.from(kvs?.[0]?.value ?? "", "base64").toString();
    },
  },
];

async function withEnsemble(
  context: TestContext,
  subject: Subject,
  servers: number,
  check: (ensemble: Ensemble) => Promise<void>,
): Promise<void> {
  const starters = await subject.starters();
  if (!haveReal(context, starters.length > 0, subject.name, targetKind(subject.name).remedy)) return;
  for (const { version, start } of starters) {
    context.diagnostic(`${subject.name} ${version}`);
    const ensemble = await start({ servers, scratchParent });
    try {
      assert.equal(ensemble.version, version);
      await check(ensemble);
    } finally {
      await ensemble.stop();
    }
    await ensemble.stop();
    assert.equal(existsSync(ensemble.folder!), false);
  }
}

async function pidsOf(ensemble: Ensemble): Promise<number[]> {
  return ensemble.members.flatMap((member) => member.pid ?? []);
}

for (const subject of SUBJECTS) {
  test(`${subject.name}, one server: serves, counts its costs, keeps its data over a kill`, async (context) => {
    await withEnsemble(context, subject, 1, async (ensemble) => {
      const [member] = ensemble.members as readonly [Member];
      assert.equal(await member.role(), "standalone");
      assert.equal(await ensemble.leader(), member);
      const before = (await member.usage())!;
      for (let index = 0; index < 10; index++) await subject.write(member.client, `key${index}`, `value${index}`);
      const after = (await member.usage())!;
      assert.ok(after.cpuMicros > before.cpuMicros, "processor time");
      assert.ok(after.writtenBytes > before.writtenBytes, "written bytes");
      assert.ok(after.syncs! - before.syncs! >= 10, `${after.syncs! - before.syncs!} syncs for 10 writes`);
      await member.kill();
      assert.equal(await member.role(), "unreachable");
      assert.equal(await member.usage(), undefined);
      await member.restart();
      assert.equal(await subject.read(member.client, "key9"), "value9");
      const attached = await targetKind(subject.name).attach([member.client]);
      assert.equal(attached.version, ensemble.version);
      assert.equal(await attached.members[0]!.role(), "standalone");
      await attached.stop();
      assert.equal(await member.role(), "standalone", "what is attached is not stopped");
    });
  });

  test(`${subject.name}, three servers: survives the leader's kill and pause`, async (context) => {
    await withEnsemble(context, subject, 3, async (ensemble) => {
      const roles = await Promise.all(ensemble.members.map((member) => member.role()));
      assert.deepEqual([...roles].sort(), ["follower", "follower", "leader"]);
      const pids = await pidsOf(ensemble);
      assert.equal(new Set(pids).size, 3);

      const killed = (await ensemble.leader())!;
      await subject.write(killed.client, "before", "1");
      await killed.kill();
      await eventually("another leads", async () => ![undefined, killed].includes(await ensemble.leader()), 30_000);
      const successor = (await ensemble.leader())!;
      await subject.write(successor.client, "between", "2");
      await killed.restart();
      assert.equal(await subject.read(killed.client, "between"), "2", "the restarted member caught up");
      assert.equal(await subject.read(killed.client, "before"), "1");

      await successor.pause();
      assert.equal(await successor.role(), "unreachable");
      await successor.resume();
      await eventually("it serves again", async () => (await successor.role()) !== "unreachable", 30_000);
      await ensemble.stop();
      assert.deepEqual(pids.filter(isAlive), []);
    });
  });

  for (const [how, end] of [
    ["is killed with SIGKILL", "SIGKILL"],
    ["stops on Ctrl-C", "interrupt"],
  ] as const) {
    test(`${subject.name}: nothing remains when its parent ${how}`, async (context) => {
      const found = (await targetKind(subject.name).find()).length > 0;
      if (!haveReal(context, found, subject.name, targetKind(subject.name).remedy)) return;
      await checkNothingRemains(subject.name, 3, end);
    });
  }
}

test("toxiproxy-server: starts, answers, stops", async (context) => {
  if (!haveReal(context, findToxiproxy().length > 0, "toxiproxy-server", TOXIPROXY_REMEDY)) return;
  const server = await startToxiproxy({ scratchParent });
  const pid = server.pid!;
  assert.equal(await askHttp(server.address, "/proxies"), "{}");
  const version = await askHttp(server.address, "/version");
  assert.ok(version!.includes(findToxiproxy()[0]!.version ?? ""), `it says its version: ${version}`);
  await Promise.all([server.stop(), server.stop()]);
  assert.equal(isAlive(pid), false);
  assert.equal(server.pid, undefined);
});

test("toxiproxy-server: nothing remains when its parent is killed with SIGKILL", async (context) => {
  if (!haveReal(context, findToxiproxy().length > 0, "toxiproxy-server", TOXIPROXY_REMEDY)) return;
  await checkNothingRemains("toxiproxy", 1, "SIGKILL");
});
