import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { randomBelow, SeededRandom } from "../../src/base/random.js";
import type { Zxid } from "../../src/base/zxid.js";
import { connect, type ZooKeeperClient } from "../../src/client/client.js";
import type { Ensemble, Member } from "../../src/targets/target.js";
import { askFourLetterWord } from "../../src/targets/zookeeper/four-letter-words.js";
import { contradictions, verifyFiles } from "./tree-digests.js";

const ROOT = "/load";
const SESSION_TIMEOUT_MS = 10_000;
const DUMP_SESSION_TIMEOUT_MS = 40_000;
const PROGRESS_TIMEOUT_MS = 60_000;
/** Of which one is deleted again. */
const CREATES_AT_ONCE = 4;
const WRITES_PER_ROUND_MIN = 20;

/**
 * For tests that count on the leader they saw until they kill it, which is noticed at once all the same: on a busy machine a
 * server may be silent for longer than is usual.
 */
export const PATIENT_PEERS = { "zabench.peerTimeoutMs": "20000" };

export function addressOf(members: readonly Member[]): string {
  return members.map(({ client }) => `${client.host}:${client.port}`).join(",");
}

/**
 * Each on a session of its own, creating znodes, changing one and deleting some, as fast as they are answered; keeps what
 * was acknowledged.
 */
export class EnsembleLoad {
  /** Paths of the znodes whose create was acknowledged, without those whose deletion was tried; each holds its path. */
  readonly acknowledged = new Set<string>();
  /** Paths whose deletion was acknowledged. */
  readonly deleted = new Set<string>();
  /** By writer: the last value of its counter that was acknowledged, and the last that was tried. */
  readonly counters: { acknowledged: number; tried: number }[] = [];
  readonly lostSessions: string[] = [];
  /** Writes of its own that a session did not see afterwards. */
  readonly unseen: string[] = [];
  private readonly clients: ZooKeeperClient[] = [];
  private readonly ensemble: Ensemble;
  private running = true;
  private loops: Promise<void>[] = [];

  private constructor(ensemble: Ensemble) {
    this.ensemble = ensemble;
  }

  static async start(ensemble: Ensemble, writers: number): Promise<EnsembleLoad> {
    const load = new EnsembleLoad(ensemble);
    const servers = addressOf(ensemble.members);
    const first = await connect({ servers });
    await first.create(ROOT);
    await first.close();
    for (let writer = 0; writer < writers; writer++) {
      const client = await connect({ servers, sessionTimeoutMs: SESSION_TIMEOUT_MS });
      load.clients.push(client);
      client.on("state", (change) => {
        if (change.state === "expired") load.lostSessions.push(`writer ${writer}`);
      });
      await client.create(folderOf(writer));
      await client.create(ephemeralOf(writer), Buffer.from("0"), { mode: "ephemeral" });
      await client.create(counterOf(writer), Buffer.from("0"));
      load.counters.push({ acknowledged: 0, tried: 0 });
    }
    load.loops = load.clients.map((client, writer) => load.write(client, writer));
    return load;
  }

  get writes(): number {
    return this.counters.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** Resolves when so many more writes are acknowledged. Rejects after a minute without them. */
  async progress(count: number): Promise<void> {
    const wanted = this.writes + count;
    for (const deadline = Date.now() + PROGRESS_TIMEOUT_MS; this.writes < wanted; await sleep(10)) {
      if (Date.now() > deadline) throw new Error(`${this.writes} of ${wanted} writes within a minute`);
    }
  }

  /** What was acknowledged before this call and does not hold now, in words. */
  async lost(): Promise<string[]> {
    const [paths, deleted] = [[...this.acknowledged], [...this.deleted]];
    const counters = this.counters.map(({ acknowledged }) => acknowledged);
    const client = await connect({ servers: addressOf(this.ensemble.members), connectTimeoutMs: 30_000 });
    try {
      await client.sync("/");
      const there = new Set<string>();
      const lost: string[] = [...this.unseen];
      for (const [writer, acknowledged] of counters.entries()) {
        const folder = folderOf(writer);
        if ((await client.exists(folder)) === null) {
          lost.push(`${folder}: not there`);
          continue;
        }
        for (const name of (await client.getChildren(folder)).children) there.add(`${folder}/${name}`);
        const value = Number(String((await client.getData(counterOf(writer))).data));
        if (value < acknowledged) lost.push(`counter ${writer}: ${acknowledged} was acknowledged, ${value} is there`);
      }
      for (const path of paths) {
        if (!there.has(path) && this.acknowledged.has(path)) lost.push(`${path}: acknowledged, not there`);
      }
      for (const path of deleted) if (there.has(path)) lost.push(`${path}: its deletion was acknowledged, it is there`);
      return lost;
    } finally {
      await client.close();
    }
  }

  /** Ends the load; every writer still has its session and its ephemeral, unless its session is said to be lost. */
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.loops);
    for (const [writer, client] of this.clients.entries()) {
      await client.whenConnected(30_000);
      await client.sync("/");
      assert.ok(await client.exists(ephemeralOf(writer)), `writer ${writer} still has its ephemeral`);
    }
  }

  async close(): Promise<void> {
    this.running = false;
    await Promise.all(this.clients.map((client) => client.close()));
    await Promise.all(this.loops);
  }

  private async write(client: ZooKeeperClient, writer: number): Promise<void> {
    const counter = this.counters[writer]!;
    for (let index = 1; this.running; index++) {
      try {
        await Promise.all(
          Array.from({ length: CREATES_AT_ONCE }, (_, part) =>
            this.create(client, `${folderOf(writer)}/n${index}-${part}`),
          ),
        );
        counter.tried = index;
        await client.setData(counterOf(writer), Buffer.from(String(index)));
        counter.acknowledged = index;
        // Its own write is what it reads, on whichever server it is by now.
        const { data: seen } = await client.getData(counterOf(writer));
        if (Number(String(seen)) < index) this.unseen.push(`writer ${writer} wrote ${index} and read ${String(seen)}`);
        await this.delete(client, `${folderOf(writer)}/n${index}-0`);
      } catch {
        await sleep(20);
      }
    }
  }

  private async create(client: ZooKeeperClient, path: string): Promise<void> {
    await client.create(path, Buffer.from(path));
    this.acknowledged.add(path);
  }

  private async delete(client: ZooKeeperClient, path: string): Promise<void> {
    // Whether it is there is unknown until the answer.
    if (!this.acknowledged.delete(path)) return;
    await client.delete(path);
    this.deleted.add(path);
  }
}

function folderOf(writer: number): string {
  return `${ROOT}/w${writer}`;
}

function ephemeralOf(writer: number): string {
  return `${ROOT}/mine-${writer}`;
}

function counterOf(writer: number): string {
  return `${ROOT}/counter-${writer}`;
}

/** Every znode of one server, with its data and Stat, as text. */
export async function dumpOf(member: Member): Promise<Map<string, string>> {
  const client = await connect({
    servers: addressOf([member]),
    connectTimeoutMs: 30_000,
    sessionTimeoutMs: DUMP_SESSION_TIMEOUT_MS,
  });
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

/**
 * Nothing acknowledged is lost on any server, and all servers hold the same. The load has been closed: this process is too
 * busy with what it reads to keep sessions alive, and ephemerals that go meanwhile would look like a difference.
 */
export async function checkReplicas(ensemble: Ensemble, load: EnsembleLoad): Promise<void> {
  const dumps: Map<string, string>[] = [];
  for (const member of ensemble.members) dumps.push(await dumpOf(member));
  const first = dumps[0]!;
  for (const [index, dump] of dumps.entries()) {
    for (const path of load.acknowledged) {
      assert.ok(
        dump.get(path)?.startsWith(`${path} `),
        `server ${index + 1} holds acknowledged ${path}: ${dump.get(path)}`,
      );
    }
    for (const writer of load.counters.keys())
      assert.ok(!dump.has(ephemeralOf(writer)), `ephemeral of writer ${writer}`);
    for (const path of load.deleted) assert.ok(!dump.has(path), `server ${index + 1} holds deleted ${path}`);
    for (const [writer, { acknowledged, tried }] of load.counters.entries()) {
      const value = Number(dump.get(counterOf(writer))?.split(" ")[0]);
      assert.ok(
        value >= acknowledged && value <= Math.max(tried, acknowledged),
        `counter ${writer} on server ${index + 1}: ${value}`,
      );
    }
    const differing = [...new Set([...first.keys(), ...dump.keys()])].filter(
      (path) => dump.get(path) !== first.get(path),
    );
    assert.deepEqual(
      differing.map((path) => `${path}: ${first.get(path)} on server 1, ${dump.get(path)} on server ${index + 1}`),
      [],
    );
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

interface Fault {
  readonly member: Member;
  readonly kills: boolean;
  readonly awayMs: number;
}

export interface Rounds {
  readonly rounds: number;
  readonly seed: number;
  /** Kills every server at once in every round; without it in the first, and in others by chance. */
  readonly killsAll?: boolean;
}

/** Every server is killed at once, or several or one are killed or paused; each is away for a time of its own. */
function drawFaults(random: SeededRandom, members: readonly Member[], leader: Member, killsAll: boolean): Fault[] {
  const kind = killsAll ? 0 : randomBelow(random, 4);
  const shuffled = members.filter((member) => member !== leader);
  for (let index = shuffled.length - 1; index > 0; index--) {
    const other = randomBelow(random, index + 1);
    [shuffled[index], shuffled[other]] = [shuffled[other]!, shuffled[index]!];
  }
  const order = randomBelow(random, 2) === 0 ? [leader, ...shuffled] : [...shuffled, leader];
  const count = kind === 0 ? members.length : kind === 1 ? 2 + randomBelow(random, members.length - 2) : 1;
  return order.slice(0, count).map((member) => ({
    member,
    kills: randomBelow(random, 3) > 0 || kind === 0,
    awayMs: 100 + randomBelow(random, 1_500),
  }));
}

async function carryOut({ member, kills, awayMs }: Fault): Promise<void> {
  await (kills ? member.kill() : member.pause());
  await sleep(awayMs);
  await (kills ? member.restart() : member.resume());
}

/** Kills and restarts, or pauses and resumes servers under the load. Returns what was lost, after the round that lost it. */
export async function runRounds(
  context: TestContext,
  ensemble: Ensemble,
  load: EnsembleLoad,
  { rounds, seed, killsAll = false }: Rounds,
): Promise<readonly string[]> {
  const { members } = ensemble;
  const random = new SeededRandom(seed, members.length);
  for (let round = 0; round < rounds; round++) {
    const leader = await leaderOf(ensemble);
    await load.progress(WRITES_PER_ROUND_MIN);
    await sleep(randomBelow(random, 800));
    const faults = drawFaults(random, members, leader, killsAll || round === 0);
    const told = faults.map(({ member, kills, awayMs }) => `${kills ? "kill" : "pause"} ${member.id} for ${awayMs} ms`);
    context.diagnostic(`round ${round}: ${told.join(", ")}`);
    await Promise.all(faults.map(carryOut));
    await leaderOf(ensemble);
    const lost = await load.lost();
    for (const { id, pid } of members) if (pid === undefined) lost.push(`server ${id} ended by itself`);
    if (lost.length > 0) return [`in round ${round}:`, ...lost];
  }
  return [];
}

/**
 * Kills, restarts, pauses and resumes servers under six writing sessions; then nothing acknowledged may be lost, no
 * session, and all servers hold the same: to clients, and by the digests in their files. All servers are down afterwards.
 */
export async function killAndPause(context: TestContext, ensemble: Ensemble, rounds: Rounds): Promise<void> {
  const load = await EnsembleLoad.start(ensemble, 6);
  context.after(() => load.close());
  assert.deepEqual(await runRounds(context, ensemble, load, rounds), []);
  await leaderOf(ensemble);
  await load.stop();
  assert.deepEqual(load.lostSessions, []);
  await load.close();
  await checkReplicas(ensemble, load);
  await checkDigests(ensemble);
  const { acknowledged, deleted, writes } = load;
  context.diagnostic(
    `${writes} changes, ${acknowledged.size + deleted.size} creates and ${deleted.size} deletions acknowledged, all there on ${ensemble.members.length} servers`,
  );
}

/** Ends every server; what each had shown is durable on a majority, and no two contradict each other. */
async function checkDigests(ensemble: Ensemble): Promise<void> {
  const { members } = ensemble;
  const shown = Math.max(...(await Promise.all(members.map(appliedZxidOf))));
  await Promise.all(members.map((member) => member.kill()));
  const verified = members.map((member) => verifyFiles(join(ensemble.folder!, `member-${member.id}`, "data")));
  assert.deepEqual(
    verified.flatMap(({ faults }) => faults),
    [],
  );
  assert.deepEqual(contradictions(verified), []);
  const holders = verified.filter(({ lastZxid }) => lastZxid >= shown);
  assert.ok(holders.length > members.length / 2, `${holders.length} servers hold ${shown}, which was shown`);
}

async function appliedZxidOf({ id, client }: Member): Promise<Zxid> {
  const zxid = /^Zxid: 0x([0-9a-f]+)$/m.exec((await askFourLetterWord(client, "srvr")) ?? "")?.[1];
  assert.ok(zxid !== undefined, `server ${id} serves`);
  return Number.parseInt(zxid, 16);
}
