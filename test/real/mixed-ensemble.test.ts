import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ByteWriter } from "../../src/base/bytes.js";
import { connect } from "../../src/client/client.js";
import { treeSource } from "../../src/core/database.js";
import { writeLogHeader } from "../../src/core/log/log-format.js";
import { readServerConfiguration } from "../../src/server/configuration/zoo-cfg.js";
import { loadDatabase } from "../../src/server/database.js";
import { createLogger } from "../../src/server/log.js";
import { listSnapshots, openStorageFolders } from "../../src/server/storage/folders.js";
import { SNAPSHOT_CHUNK_BYTES, writeSnapshot } from "../../src/server/storage/snapshot-file.js";
import { encodeHere } from "../../src/server/tree-source.js";
import { planCore } from "../../src/targets/core/kind.js";
import { placesHere } from "../../src/targets/places.js";
import { startEnsemble } from "../../src/targets/process/managed-ensemble.js";
import type { Ensemble, Member } from "../../src/targets/target.js";
import { findZookeeper } from "../../src/targets/zookeeper/find.js";
import { askFourLetterWord } from "../../src/targets/zookeeper/four-letter-words.js";
import { planZookeeper } from "../../src/targets/zookeeper/kind.js";
import { addressOf, dumpOf } from "../support/ensemble-load.js";
import { framedEntries, range } from "../support/log-entries.js";
import { haveReal } from "../support/real.js";

type Kind = "core" | "zookeeper";

/** One ensemble of servers of both kinds, with the same configuration. */
async function startMixed(context: TestContext, kinds: readonly Kind[]): Promise<Ensemble | undefined> {
  const [installation] = findZookeeper(placesHere());
  if (!haveReal(context, installation !== undefined, "Apache ZooKeeper", "zabench targets install zookeeper")) return;
  const options = { servers: kinds.length };
  const apache = planZookeeper(installation!, options);
  const core = planCore(options);
  const ensemble = await startEnsemble(
    {
      ...apache,
      prepare: async (folder, ports) => {
        const plans = { zookeeper: await apache.prepare(folder, ports), core: await core.prepare(folder, ports) };
        return kinds.map((kind, index) => plans[kind][index]!);
      },
    },
    options,
  );
  context.after(() => ensemble.stop());
  return ensemble;
}

async function writeThrough(member: Member, name: string): Promise<void> {
  const client = await connect({ servers: addressOf([member]), connectTimeoutMs: 30_000 });
  await client.create(`/${name}`, Buffer.from(name));
  await client.setData(`/${name}`, Buffer.from(`${name} again`));
  await client.create(`/${name}/child`);
  const session = await client.create(`/${name}-ephemeral`, null, { mode: "ephemeral" });
  assert.equal(session.path, `/${name}-ephemeral`);
  await client.close();
}

/** What is replicated of each znode; without the service's own, which Apache's servers make for themselves. */
async function replicatedOf(member: Member): Promise<ReadonlyMap<string, string>> {
  const dump = await dumpOf(member);
  return new Map([...dump].filter(([path]) => !path.startsWith("/zookeeper") && path !== "/").sort());
}

async function checkEqual(ensemble: Ensemble): Promise<ReadonlyMap<string, string>> {
  const [first, ...others] = await Promise.all(ensemble.members.map(replicatedOf));
  for (const other of others) assert.deepEqual(other, first);
  return first!;
}

async function waitForLeader(ensemble: Ensemble): Promise<Member> {
  for (let tries = 0; tries < 600; tries++) {
    const leader = await ensemble.leader();
    if (leader !== undefined) return leader;
    await sleep(100);
  }
  throw new Error("no leader within a minute");
}

/**
 * What a member has on disk that was killed as the leader of writes that nobody else got, and has started twice since with
 * nobody around: a tail in its log, and a snapshot that shows it. `alone`: the older snapshots are gone.
 */
async function addUncommittedTail(folder: string, alone: boolean): Promise<void> {
  const configuration = readServerConfiguration(join(folder, "zoo.cfg"));
  const folders = openStorageFolders(configuration.dataDir, configuration.dataLogDir);
  const log = createLogger("silent");
  const { lastZxid } = loadDatabase(configuration, folders, log, 0);
  const header = new ByteWriter();
  writeLogHeader(header);
  const tail = Buffer.concat([header.view(), framedEntries(range(lastZxid + 1, lastZxid + 3))]);
  writeFileSync(join(folders.logs, `log.${(lastZxid + 1).toString(16)}`), tail);
  const { store, sessions, lastZxid: shown } = loadDatabase(configuration, folders, log, 0);
  assert.equal(shown, lastZxid + 3);
  const older = listSnapshots(folders.snapshots);
  const source = treeSource(store, sessions, () => shown);
  await writeSnapshot(folders.snapshots, shown, encodeHere(source, "snapshot", SNAPSHOT_CHUNK_BYTES));
  if (alone) for (const { path } of older) rmSync(path);
}

/** Each member's answer to srvr, the leader's first, without what differs from run to run. */
async function srvrOf(ensemble: Ensemble): Promise<readonly string[]> {
  const answers = await Promise.all(ensemble.members.map(({ client }) => askFourLetterWord(client, "srvr")));
  const isVolatile = /^(Zookeeper version|Latency|Received|Sent|Connections)/;
  return answers
    .map((answer) =>
      answer!
        .split("\n")
        .filter((line) => !isVolatile.test(line))
        .join("\n")
        // Before the first write a follower stands at the epoch's beginning if it came when others had begun it, else at 0.
        .replace(/^Zxid: 0x(0|100000000)\nMode: follower$/m, "Zxid: none yet\nMode: follower"),
    )
    .sort((a, b) => Number(b.includes("Mode: leader")) - Number(a.includes("Mode: leader")));
}

it("an ensemble of core servers says of itself what one of Apache servers does", async (context) => {
  const seen: unknown[] = [];
  for (const kinds of [
    ["zookeeper", "zookeeper", "zookeeper"],
    ["core", "core", "core"],
  ] as const) {
    const ensemble = await startMixed(context, kinds);
    if (ensemble === undefined) return;
    const leader = await waitForLeader(ensemble);
    const fresh = await srvrOf(ensemble);
    const client = await connect({ servers: addressOf([leader]) });
    await client.create("/first", Buffer.alloc(100));
    await client.create("/second", Buffer.alloc(10));
    await client.close();
    const [written] = await srvrOf(ensemble);
    await askFourLetterWord(leader.client, "srst");
    const [reset] = await srvrOf(ensemble);
    seen.push({ fresh, written, reset });
    await ensemble.stop();
  }
  assert.deepEqual(seen[1], seen[0]);
});

describe("an ensemble of core and Apache servers", () => {
  for (const [title, alone] of [
    ["by an older snapshot and its log", false],
    ["by an image, where no snapshot reaches back", true],
  ] as const) {
    it(`a core server loses a tail that its snapshot shows, as an Apache leader wants it, ${title}`, async (context) => {
      const ensemble = await startMixed(context, ["core", "zookeeper", "zookeeper"]);
      if (ensemble === undefined) return;
      await waitForLeader(ensemble);
      const [core, second] = ensemble.members as [Member, Member, Member];
      await writeThrough(core, "first");
      await core.kill();
      await addUncommittedTail(join(ensemble.folder!, "member-1"), alone);
      await core.restart();
      await writeThrough(core, "again");
      await writeThrough(second, "by-another");
      assert.ok((await checkEqual(ensemble)).has("/again"));
    });
  }

  for (const [title, kinds] of [
    ["an Apache server follows a core leader", ["zookeeper", "core", "core"]],
    ["a core server follows an Apache leader", ["core", "zookeeper", "zookeeper"]],
  ] as const) {
    it(`${title}, through DIFF and SNAP`, async (context) => {
      const ensemble = await startMixed(context, kinds);
      if (ensemble === undefined) return;
      const leader = await waitForLeader(ensemble);
      // Of equal histories the highest id wins, and the odd one has the lowest.
      assert.notEqual(leader.id, 1);
      const [odd, second, third] = ensemble.members as [Member, Member, Member];
      for (const member of ensemble.members) await writeThrough(member, `first-${member.id}`);
      await checkEqual(ensemble);

      await odd.kill();
      await writeThrough(second, "while-away");
      await odd.restart();
      await writeThrough(odd, "after-diff");
      assert.ok((await checkEqual(ensemble)).has("/while-away"));

      await odd.kill();
      await writeThrough(third, "while-empty");
      rmSync(join(ensemble.folder!, `member-${odd.id}`, "data", "version-2"), { recursive: true });
      await odd.restart();
      await writeThrough(odd, "after-snap");
      const all = await checkEqual(ensemble);
      for (const path of ["/first-1", "/first-2", "/first-3", "/while-empty", "/after-snap/child"]) {
        assert.ok(all.has(path), path);
      }
    });
  }
});
