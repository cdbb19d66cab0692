import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { randomBelow, SeededRandom } from "../../src/base/random.js";
import { connect, type ZooKeeperClient } from "../../src/client/client.js";
import type { Ensemble, Member } from "../../src/targets/target.js";

const ROOT = "/load";
const SESSION_TIMEOUT_MS = 10_000;

export function addressOf(members: readonly Member[]): string {
  return members.map(({ client }) => `${client.host}:${client.port}`).join(",");
}

/** Each on a session of its own, creating znodes and changing one, as fast as they are answered; keeps what was acknowledged. */
export class EnsembleLoad {
  /** Path to data of every create that was acknowledged. */
  readonly acknowledged = new Map<string, string>();
  /** By writer: the last value of its counter that was acknowledged, and the last that was tried. */
  readonly counters: { acknowledged: number; tried: number }[] = [];
  readonly lostSessions: string[] = [];
  private readonly clients: ZooKeeperClient[] = [];
  private running = true;
  private loops: Promise<void>[] = [];

  static async start({ members }: Ensemble, writers: number): Promise<EnsembleLoad> {
    const load = new EnsembleLoad();
    const first = await connect({ servers: addressOf(members) });
    await first.create(ROOT);
    await first.close();
    for (let writer = 0; writer < writers; writer++) {
      const client = await connect({ servers: addressOf(members), sessionTimeoutMs: SESSION_TIMEOUT_MS });
      client.on("state", (change) => {
        if (change.state === "expired") load.lostSessions.push(`writer ${writer}`);
      });
      await client.create(`${ROOT}/mine-${writer}`, Buffer.from("0"), { mode: "ephemeral" });
      await client.create(`${ROOT}/counter-${writer}`, Buffer.from("0"));
      load.clients.push(client);
      load.counters.push({ acknowledged: 0, tried: 0 });
    }
    load.loops = load.clients.map((client, writer) => load.write(client, writer));
    return load;
  }

  /** Ends the load; every writer still has its session and its ephemeral, unless its session is said to be lost. */
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.loops);
    for (const [writer, client] of this.clients.entries()) {
      await client.whenConnected(30_000);
      await client.sync("/");
      assert.ok(await client.exists(`${ROOT}/mine-${writer}`), `writer ${writer} still has its ephemeral`);
    }
  }

  async close(): Promise<void> {
    this.running = false;
    await Promise.all(this.clients.map((client) => client.close()));
  }

  private async write(client: ZooKeeperClient, writer: number): Promise<void> {
    const counter = this.counters[writer]!;
    for (let index = 1; this.running; index++) {
      const path = `${ROOT}/w${writer}-${index}`;
      const data = `${writer}:${index}`;
      try {
        await client.create(path, Buffer.from(data));
        this.acknowledged.set(path, data);
        counter.tried = index;
        await client.setData(`${ROOT}/counter-${writer}`, Buffer.from(String(index)));
        counter.acknowledged = index;
        // Its own write is what it reads, on whichever server it is by now.
        const { data: seen } = await client.getData(`${ROOT}/counter-${writer}`);
        assert.ok(Number(String(seen)) >= index, `writer ${writer} wrote ${index} and read ${String(seen)}`);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        await sleep(20);
      }
    }
  }
}

/** Every znode of one server, with its data and Stat, as text. */
export async function dumpOf(member: Member): Promise<Map<string, string>> {
  const client = await connect({ servers: addressOf([member]), connectTimeoutMs: 30_000 });
  try {
    await client.sync("/");
    const dump = new Map<string, string>();
    const visit = async (path: string): Promise<void> => {
      const [{ data, stat }, { children }] = await Promise.all([client.getData(path), client.getChildren(path)]);
      const fields = Object.values(stat).map(String).join(" ");
      dump.set(path, `${data === null ? "null" : data.toString("latin1")} ${fields}`);
      await Promise.all(children.map((name) => visit(path === "/" ? `/${name}` : `${path}/${name}`)));
    };
    await visit("/");
    return dump;
  } finally {
    await client.close();
  }
}

/** Nothing acknowledged is lost on any server, and all servers hold the same. */
export async function checkReplicas(ensemble: Ensemble, load: EnsembleLoad): Promise<void> {
  const dumps = await Promise.all(ensemble.members.map(dumpOf));
  for (const [index, dump] of dumps.entries()) {
    for (const [path, data] of load.acknowledged) {
      assert.ok(
        dump.get(path)?.startsWith(`${data} `),
        `server ${index + 1} holds acknowledged ${path}: ${dump.get(path)}`,
      );
    }
    for (const [writer, { acknowledged, tried }] of load.counters.entries()) {
      const value = Number(dump.get(`${ROOT}/counter-${writer}`)?.split(" ")[0]);
      assert.ok(
        value >= acknowledged && value <= Math.max(tried, acknowledged),
        `counter ${writer} on server ${index + 1}: ${value}`,
      );
    }
    assert.equal(dump.size, dumps[0]!.size, `server ${index + 1} holds as many znodes as server 1`);
    for (const [path, text] of dumps[0]!) assert.equal(dump.get(path), text, `${path} on server ${index + 1}`);
  }
}

/** Waits for one. */
export async function leaderOf(ensemble: Ensemble): Promise<Member> {
  for (let tries = 0; tries < 600; tries++) {
    const leader = await ensemble.leader();
    if (leader !== undefined) return leader;
    await sleep(50);
  }
  throw new Error("no leader within 30 s");
}

/**
 * Kills and restarts, or pauses and resumes, one server after the other under six writing sessions; then nothing
 * acknowledged may be lost, no session, and all servers hold the same.
 */
export async function killAndPause(
  context: TestContext,
  ensemble: Ensemble,
  { rounds, seed }: { readonly rounds: number; readonly seed: number },
): Promise<void> {
  const { members } = ensemble;
  const random = new SeededRandom(seed, members.length);
  const load = await EnsembleLoad.start(ensemble, 6);
  context.after(() => load.close());
  for (let round = 0; round < rounds; round++) {
    const leader = await leaderOf(ensemble);
    const others = members.filter((member) => member !== leader);
    const victim = randomBelow(random, 2) === 0 ? leader : others[randomBelow(random, others.length)]!;
    const awayMs = 100 + randomBelow(random, 1_500);
    const kills = randomBelow(random, 3) > 0;
    context.diagnostic(`round ${round}: ${kills ? "kill" : "pause"} ${victim.id} for ${awayMs} ms`);
    await (kills ? victim.kill() : victim.pause());
    await sleep(awayMs);
    await (kills ? victim.restart() : victim.resume());
    await sleep(randomBelow(random, 800));
  }
  await leaderOf(ensemble);
  await load.stop();
  assert.deepEqual(load.lostSessions, []);
  assert.ok(load.acknowledged.size > 50, `${load.acknowledged.size} writes`);
  await checkReplicas(ensemble, load);
  context.diagnostic(`${load.acknowledged.size} acknowledged creates, all there on ${members.length} servers`);
}
