import assert from "node:assert/strict";
import { test } from "node:test";
import { driverSource } from "../../src/bench/drivers.js";
import type { DriverSource } from "../../src/bench/load/driver-source.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import type { RunResult } from "../../src/bench/result.js";
import { runProfile } from "../../src/bench/run-profile.js";
import { core } from "../../src/targets/core/kind.js";
import { RedisConnection } from "../../src/targets/redis/connection.js";
import { createRedisDriver } from "../../src/targets/redis/driver.js";
import { lockKey } from "../../src/targets/redis/keys.js";
import { redis } from "../../src/targets/redis/kind.js";
import type { Address, Ensemble } from "../../src/targets/target.js";
import { pausingSource, WORKERS } from "../support/pausing-driver.js";
import { haveReal } from "../support/real.js";

const limit = { timeout: 120_000 };
/** The shortest that a profile may ask for, so that a pause beyond it is short. */
const LEASE_MS = 1_000;
const PAUSE_MS = 2 * LEASE_MS;

async function contend(ensemble: Ensemble, driver: DriverSource, sessionTimeoutMs = 10_000): Promise<RunResult> {
  const text = `
name: test
workload: {kind: lock, hold: 20ms}
connections: 4
duration: 3s
warmUp: {min: 0s, max: 0s}
rounds: 1
sessionTimeout: ${sessionTimeoutMs}ms`;
  return await runProfile({
    profile: { profile: parseProfile(text, "test.yaml"), text, file: "test.yaml", overrides: {} },
    participants: [{ label: ensemble.target, ensemble, driver }],
    workers: WORKERS,
  });
}

function verdicts(result: RunResult): Readonly<Record<string, string>> {
  return Object.fromEntries(result.targets[0]!.checks.map((check) => [check.name, check.verdict]));
}

function addresses(ensemble: Ensemble): readonly Address[] {
  return ensemble.members.map((member) => member.client);
}

async function withRedis(servers: number, use: (ensemble: Ensemble) => Promise<void>): Promise<void> {
  const ensemble = await redis.start({ servers });
  try {
    await use(ensemble);
  } finally {
    await ensemble.stop();
  }
}

const found = async (): Promise<boolean> => (await redis.find()).length > 0;

test("a holder that is paused beyond its lease is found to hold beside the next one", limit, async (context) => {
  if (!haveReal(context, await found(), "redis", redis.remedy)) return;
  await withRedis(1, async (ensemble) => {
    const members = addresses(ensemble);
    const paused = await contend(ensemble, pausingSource("redis", members, PAUSE_MS), LEASE_MS);
    assert.deepEqual(verdicts(paused), { "mutual-exclusion": "invalid" });
    const caveats = paused.warnings.filter((warning) => warning.code === "weaker-promise");
    assert.ok(caveats.some((caveat) => /paused for longer than its lease/.test(caveat.message)));
    const release = paused.targets[0]!.operations.find((operation) => operation.name === "release");
    assert.equal(release?.errors["LEASELOST"], 1, "and learns of it when it is late");
    assert.deepEqual(verdicts(await contend(ensemble, driverSource("redis", members))), {
      "mutual-exclusion": "valid",
    });
  });
});

test("the same pause on the core: two believe to hold, and fencing tokens tell them apart", limit, async () => {
  const ensemble = await core.start({ servers: 1, configuration: { tickTime: "200" } });
  try {
    const paused = await contend(ensemble, pausingSource("core", addresses(ensemble), PAUSE_MS), LEASE_MS);
    assert.deepEqual(verdicts(paused), { "mutual-exclusion": "invalid", "fencing-tokens": "valid" });
    assert.deepEqual(
      paused.warnings.filter((warning) => warning.code === "weaker-promise"),
      [],
    );
  } finally {
    await ensemble.stop();
  }
});

test("a holder that is gone without a release lets go of the lock when its lease runs out", limit, async (context) => {
  if (!haveReal(context, await found(), "redis", redis.remedy)) return;
  await withRedis(1, async (ensemble) => {
    const members = addresses(ensemble);
    const driver = await createRedisDriver(members);
    const root = "/zabench/redis";
    await driver.populate(root, 10, 100);
    const connection = await RedisConnection.open({ address: members[0]!, answerTimeoutMs: 5_000 });
    assert.equal(await connection.call("DBSIZE"), 11);
    await connection.call("SET", lockKey(root, 0), "somebody", "PX", 300);
    const session = await driver.openSession("lock", { members, index: 0, root, sessionTimeoutMs: LEASE_MS });
    await session.acquire(0);
    assert.notEqual(await connection.call("GET", lockKey(root, 0)), "somebody");
    // Renewed in the middle of the lease: the key outlives what it was set for.
    await new Promise((resolve) => setTimeout(resolve, 2 * LEASE_MS));
    assert.ok(((await connection.call("PTTL", lockKey(root, 0))) as number) > 0);
    await session.release(0);
    assert.equal(await connection.call("GET", lockKey(root, 0)), null);
    await session.acquire(0);
    await connection.call("SET", lockKey(root, 0), "a thief");
    await assert.rejects(session.release(0), /LEASELOST/);
    assert.equal(await connection.call("GET", lockKey(root, 0)), "a thief", "it is not deleted with another's token");
    await driver.remove(root);
    assert.equal(await connection.call("DBSIZE"), 0);
    await driver.close();
    connection.end("done");
  });
});

test("of three servers the lock is the primary's, whichever the client asks first", limit, async (context) => {
  if (!haveReal(context, await found(), "redis", redis.remedy)) return;
  await withRedis(3, async (ensemble) => {
    assert.equal(await ensemble.leader(), ensemble.members[0]);
    const roles = await Promise.all(ensemble.members.map((member) => member.role()));
    assert.deepEqual(roles, ["leader", "follower", "follower"]);
    const members = [...addresses(ensemble)].reverse();
    assert.deepEqual(verdicts(await contend(ensemble, driverSource("redis", members))), {
      "mutual-exclusion": "valid",
    });
    const attached = await redis.attach(members);
    assert.equal(attached.version, ensemble.version);
    assert.equal(await attached.members[2]!.role(), "leader");
  });
});

test("what was granted is on disk: it is there after a kill", limit, async (context) => {
  if (!haveReal(context, await found(), "redis", redis.remedy)) return;
  await withRedis(1, async (ensemble) => {
    assert.equal(ensemble.flags["appendfsync"], "always");
    const [member] = ensemble.members;
    const members = addresses(ensemble);
    const driver = await createRedisDriver(members);
    const session = await driver.openSession("lock", { members, index: 0, root: "/r", sessionTimeoutMs: 60_000 });
    await session.acquire(0);
    await member!.kill();
    await member!.restart();
    const connection = await RedisConnection.open({ address: members[0]!, answerTimeoutMs: 5_000 });
    assert.ok(((await connection.call("PTTL", lockKey("/r", 0))) as number) > 0);
    await session.release(0);
    assert.equal(await connection.call("GET", lockKey("/r", 0)), null, "released over a new connection");
    connection.end("done");
    await driver.close();
  });
});
