import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { randomBelow, SeededRandom } from "../../src/base/random.js";
import { connect } from "../../src/client/client.js";
import { OP } from "../../src/jute/opcodes.js";
import { ExistsRequest } from "../../src/jute/records.js";
import { targetKind } from "../../src/targets/kinds.js";
import type { Ensemble } from "../../src/targets/target.js";
import { askFourLetterWord } from "../../src/targets/zookeeper/four-letter-words.js";
import { addressOf, dumpOf, leaderOf, PATIENT_PEERS } from "../support/ensemble-load.js";
import { RawSession } from "../support/raw-session.js";
import { eventually } from "../targets/support/alive.js";

async function start(context: TestContext, servers: number, configuration = {}): Promise<Ensemble> {
  const ensemble = await targetKind("core").start({ servers, configuration });
  context.after(() => ensemble.stop());
  return ensemble;
}

/** Resolves once one leads and all others follow: a member may look for a leader again where the machine stalls. */
async function settled(ensemble: Ensemble): Promise<void> {
  await eventually("one leads, all others follow", async () => {
    const roles = await Promise.all(ensemble.members.map((member) => member.role()));
    return roles.sort().join() === ["follower", "follower", "leader"].join();
  });
}

describe("an ensemble of core servers", () => {
  it("is written through every server, and reads the same everywhere", async (context) => {
    const ensemble = await start(context, 3);
    for (const member of ensemble.members) {
      const client = await connect({ servers: addressOf([member]) });
      await client.create(`/by-${member.id}`, Buffer.from(`${member.id}`));
      const { path } = await client.create("/seq-", null, { mode: "persistentSequential" });
      assert.match(path, /^\/seq-\d{10}$/);
      await client.close();
    }
    const dumps = await Promise.all(ensemble.members.map(dumpOf));
    assert.deepEqual([...dumps[0]!.keys()].filter((path) => /^\/(by|seq)/.test(path)).length, 6);
    assert.deepEqual(dumps[1], dumps[0]);
    assert.deepEqual(dumps[2], dumps[0]);
    await settled(ensemble);
  });

  it("answers writes that a client sends right behind its syncs", async (context) => {
    const ensemble = await start(context, 3);
    for (const member of ensemble.members) {
      const client = await connect({ servers: addressOf([member]) });
      context.after(() => client.close());
      await client.create(`/w-${member.id}`);
      for (let turn = 0; turn < 100; turn++) {
        const syncs = Array.from({ length: 3 }, () => client.sync("/"));
        const between = client.setData(`/w-${member.id}`, null);
        const [{ version }] = await Promise.all([
          client.setData(`/w-${member.id}`, null),
          between,
          client.sync("/"),
          ...syncs,
        ]);
        assert.equal(version, turn * 2 + 2);
      }
    }
  });

  it("keeps a session, its ephemerals and its watches when its server dies", async (context) => {
    const ensemble = await start(context, 3);
    const leader = await leaderOf(ensemble);
    const others = ensemble.members.filter((member) => member !== leader);
    const client = await connect({ servers: addressOf([leader, ...others]), hostOrder: "given" });
    context.after(() => client.close());
    await client.create("/mine", null, { mode: "ephemeral" });
    const changed = new Promise<string>((resolve) => {
      void client.exists("/watched", ({ type }) => resolve(type));
    });
    await client.sync("/");
    const session = client.sessionId;
    await leader.kill();
    await client.whenConnected(20_000);
    const other = await connect({ servers: addressOf(others) });
    context.after(() => other.close());
    assert.equal(client.sessionId, session);
    assert.ok(await other.exists("/mine"));
    await other.create("/watched");
    assert.equal(await changed, "nodeCreated");
    await client.close();
    await other.sync("/");
    assert.equal(await other.exists("/mine"), null);
  });

  it("serves nobody without a quorum, and goes on with one", async (context) => {
    const ensemble = await start(context, 3);
    const [first, second, third] = ensemble.members as [
      Ensemble["members"][number],
      Ensemble["members"][number],
      Ensemble["members"][number],
    ];
    await first.kill();
    await second.kill();
    const alone = { servers: addressOf([third]), sessionTimeoutMs: 4_000, connectTimeoutMs: 3_000 };
    await assert.rejects(connect(alone), /CONNECTIONLOSS/);
    await second.restart();
    await leaderOf(ensemble);
    const client = await connect({ servers: addressOf([second, third]) });
    await client.create("/again");
    await client.close();
    await first.restart();
    await leaderOf(ensemble);
    assert.ok((await dumpOf(first)).has("/again"));
  });

  it("is not harmed by what is no peer", async (context) => {
    const ensemble = await start(context, 3, PATIENT_PEERS);
    const pids = ensemble.members.map(({ pid }) => pid);
    const configuration = readFileSync(join(ensemble.folder!, "member-1", "zoo.cfg"), "utf8");
    const ports = [...configuration.matchAll(/^server\.\d=[^:]+:(\d+):(\d+)/gm)].flatMap(([, a, b]) => [
      Number(a),
      Number(b),
    ]);
    assert.equal(ports.length, 6);
    const random = new SeededRandom(7);
    const handshake = Buffer.alloc(28);
    handshake.writeBigInt64BE(-65_535n, 0);
    handshake.writeBigInt64BE(3n, 8);
    handshake.writeInt32BE(8, 16);
    handshake.write("h:1|h:22", 20);
    // Type, zxid, data, no ids: who follows, with nothing behind it; a request out of turn; an unknown type.
    const packets = [11, 1, 99].map((type) => {
      const packet = Buffer.alloc(20);
      packet.writeInt32BE(type, 0);
      packet.writeInt32BE(0, 12);
      packet.writeInt32BE(-1, 16);
      return packet;
    });
    const huge = Buffer.alloc(16, 0x7f);
    const noise = Array.from({ length: 20 }, () =>
      Buffer.from(Array.from({ length: 64 }, () => randomBelow(random, 256))),
    );
    for (const port of ports) {
      for (const bytes of [...packets, huge, handshake, Buffer.concat([handshake, huge]), ...noise]) {
        const socket = connectSocket(port, "127.0.0.1");
        socket.on("error", () => {});
        socket.end(bytes);
        socket.resume();
        await new Promise((resolve) => socket.on("close", resolve));
      }
    }
    await leaderOf(ensemble);
    const client = await connect({ servers: addressOf(ensemble.members) });
    await client.create("/still-here");
    await client.close();
    await settled(ensemble);
    assert.deepEqual(
      ensemble.members.map(({ pid }) => pid),
      pids,
    );
  });

  it("gives an image to a member that has lost its data, and to one that was away for long", async (context) => {
    const ensemble = await start(context, 3);
    const leader = await leaderOf(ensemble);
    const [emptied, away] = ensemble.members.filter((member) => member !== leader) as [
      Ensemble["members"][number],
      Ensemble["members"][number],
    ];
    const client = await connect({ servers: addressOf([leader]) });
    context.after(() => client.close());
    await client.create("/mine", null, { mode: "ephemeral" });
    await away.kill();
    // More than is kept in memory for members that were away, in number and in bytes.
    const large = Buffer.alloc(40_000, "x");
    await Promise.all(Array.from({ length: 600 }, (_, index) => client.create(`/large-${index}`, large)));
    await away.restart();
    await emptied.kill();
    await client.create("/between");
    rmSync(join(ensemble.folder!, `member-${emptied.id}`, "data", "version-2"), { recursive: true });
    await emptied.restart();
    await leaderOf(ensemble);
    const [first, ...others] = await Promise.all(ensemble.members.map(dumpOf));
    for (const dump of others) assert.deepEqual(dump, first);
    assert.ok(first!.has("/large-599") && first!.has("/between") && first!.has("/mine"));
    for (const { id } of [emptied, away]) {
      const log = readFileSync(join(ensemble.folder!, `member-${id}`, "server.log"), "utf8");
      assert.match(log, /image of the leader installed/, `server ${id}`);
    }
  });

  it("cuts what a leader had logged and nobody else", async (context) => {
    const ensemble = await start(context, 3);
    const leader = await leaderOf(ensemble);
    const others = ensemble.members.filter((member) => member !== leader);
    const client = await connect({ servers: addressOf([leader]) });
    await client.create("/agreed");
    const [dead, silent] = others as [Ensemble["members"][number], Ensemble["members"][number]];
    await dead.kill();
    await silent.pause();
    const unacknowledged = client.create("/alone").then(
      () => "acknowledged",
      () => "failed",
    );
    await sleep(300);
    await leader.kill();
    assert.equal(await unacknowledged, "failed");
    await client.close();
    // What it had been sent is lost with the process that never read it.
    await silent.kill();
    await Promise.all([dead.restart(), silent.restart()]);
    await leaderOf(ensemble);
    const next = await connect({ servers: addressOf(others) });
    context.after(() => next.close());
    await next.create("/after");
    await leader.restart();
    await leaderOf(ensemble);
    const [first, ...rest] = await Promise.all(ensemble.members.map(dumpOf));
    for (const dump of rest) assert.deepEqual(dump, first);
    assert.ok(first!.has("/agreed") && first!.has("/after") && !first!.has("/alone"));
    const log = readFileSync(join(ensemble.folder!, `member-${leader.id}`, "server.log"), "utf8");
    assert.match(log, /history cut to the leader's/);
  });

  it("agrees on a transaction that is larger than any request may be", async (context) => {
    // It takes a while to carry out 20,000 parts.
    const ensemble = await start(context, 3, PATIENT_PEERS);
    const leader = await leaderOf(ensemble);
    const client = await connect({ servers: addressOf([leader]) });
    context.after(() => client.close());
    await client.create("/p");
    const parts = Array.from({ length: 19_700 }, () => ({
      op: "create" as const,
      path: "/p/a-",
      data: Buffer.alloc(0),
      mode: "persistentSequential" as const,
    }));
    // As a transaction every part is ten bytes longer, which is more than a packet could be.
    await client.multi(parts);
    const holder = await connect({ servers: addressOf([leader]) });
    const name = "n".repeat(200);
    await holder.create(`/${name}`);
    await Promise.all(
      Array.from({ length: 6_000 }, (_, index) => holder.create(`/${name}/${index}`, null, { mode: "ephemeral" })),
    );
    await holder.close();
    for (const member of ensemble.members) {
      const reader = await connect({ servers: addressOf([member]) });
      await reader.sync("/");
      assert.equal((await reader.getChildren("/p")).children.length, parts.length, `server ${member.id}`);
      assert.equal((await reader.getChildren(`/${name}`)).children.length, 0, `server ${member.id}`);
      await reader.close();
    }
    assert.equal(await leaderOf(ensemble), leader);
  });

  it("takes requests as large as jute.maxbuffer allows, through every server", async (context) => {
    const ensemble = await start(context, 3, { "jute.maxbuffer": String(8 * 2 ** 20) });
    const large = Buffer.alloc(3 * 2 ** 20, "x");
    for (const member of ensemble.members) {
      const client = await connect({ servers: addressOf([member]) });
      await client.create(`/large-${member.id}`, large);
      await client.close();
    }
    const dumps = await Promise.all(ensemble.members.map(dumpOf));
    assert.deepEqual([...dumps[1]!], [...dumps[0]!]);
    assert.deepEqual([...dumps[2]!], [...dumps[0]!]);
  });

  it("gives a session that comes back the timeout that it is told", async (context) => {
    const ensemble = await start(context, 3, { tickTime: "100", initLimit: "100", syncLimit: "50" });
    await leaderOf(ensemble);
    for (const member of ensemble.members) {
      const before = await RawSession.open(member.client.port, { timeOut: 200 });
      const { sessionId, passwd } = before.connectResponse;
      assert.equal(before.connectResponse.timeOut, 200);
      before.destroy();
      const after = await RawSession.open(member.client.port, { timeOut: 2_000, sessionId, passwd });
      context.after(() => after.destroy());
      assert.equal(after.connectResponse.timeOut, 2_000);
      await sleep(1_000);
      const stat = await after.send(OP.exists, ExistsRequest, { path: "/", watch: false });
      assert.equal(stat.err, 0, `server ${member.id}`);
    }
  });

  it("shows its configuration to clients, and its followers to who monitors it", async (context) => {
    const ensemble = await start(context, 3);
    const leader = await leaderOf(ensemble);
    for (const member of ensemble.members) {
      const file = readFileSync(join(ensemble.folder!, `member-${member.id}`, "zoo.cfg"), "utf8");
      const lines = [...file.matchAll(/^server\.\d=[^:]+:\d+:\d+/gm)].map(([line]) => `${line}:participant\n`);
      const client = await connect({ servers: addressOf([member]) });
      const { data } = await client.getData("/zookeeper/config");
      assert.equal(String(data), `${lines.join("")}version=0`);
      await client.close();
      const monitored = (await askFourLetterWord(member.client, "mntr")) ?? "";
      assert.match(monitored, /^zk_quorum_size\t3$/m);
      const followers = /^zk_synced_followers\t(\d+)$/m.exec(monitored)?.[1];
      assert.equal(followers, member === leader ? "2" : undefined);
      assert.match(monitored, /^zk_peer_state\t(leading|following) - broadcast$/m);
      assert.match(
        (await askFourLetterWord(member.client, "conf")) ?? "",
        new RegExp(`^serverId=${member.id}$[^]*${lines[2]}`, "m"),
      );
    }
  });
});
