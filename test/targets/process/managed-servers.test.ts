import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { USER_ERRORS, UserError } from "../../../src/base/user-error.js";
import { askHttp } from "../../../src/targets/http.js";
import { startServers } from "../../../src/targets/process/managed-servers.js";
import { portsInUse, type ReservePorts, reserveLoopbackPorts } from "../../../src/targets/process/ports.js";
import { eventually, isAlive } from "../support/alive.js";
import { fakePlan } from "../support/fake-server.js";

let scratchParent: string;

before(async () => {
  scratchParent = await mkdtemp(join(tmpdir(), "managed-servers-"));
});

after(async () => {
  await rm(scratchParent, { recursive: true, force: true });
});

async function failure(starting: Promise<unknown>): Promise<UserError> {
  const error = await starting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, `a UserError, not ${String(error)}`);
  return error;
}

test("servers start in a folder of their own, serve, and go with all they had", async () => {
  const servers = await startServers(fakePlan(), { servers: 3, scratchParent });
  assert.match(servers.folder, /\/zabench-fake-[0-9a-f]{12}$/);
  assert.equal(new Set(servers.members.map((member) => member.client.port)).size, 3);
  const pids = servers.members.map((member) => member.pid!);
  for (const member of servers.members) {
    assert.equal(await askHttp(member.client, "/"), "ok");
    const usage = await member.usage();
    if (process.platform === "linux") assert.ok(usage !== undefined && usage.residentBytes > 0 && usage.syncs === 7);
  }
  await Promise.all([servers.stop(), servers.stop()]);
  await servers.stop();
  assert.deepEqual(pids.filter(isAlive), []);
  assert.equal(existsSync(servers.folder), false);
  assert.equal(servers.members[0]!.pid, undefined);
  assert.equal(await servers.members[0]!.role(), "unreachable");
  assert.equal(await servers.members[0]!.usage(), undefined);
});

test("a killed server comes back on its ports and data, a paused one goes on", async () => {
  const servers = await startServers(fakePlan(), { servers: 1, scratchParent });
  const member = servers.members[0]!;
  const first = member.pid!;
  await member.kill();
  assert.equal(isAlive(first), false);
  assert.equal(member.pid, undefined);
  assert.equal(await askHttp(member.client, "/"), undefined);
  await member.restart();
  assert.notEqual(member.pid, first);
  assert.equal(await askHttp(member.client, "/"), "ok");
  await member.pause();
  assert.equal(await member.role(), "unreachable");
  await member.resume();
  assert.equal(await member.role(), "leader");
  await member.pause();
  await servers.stop();
  assert.equal(existsSync(servers.folder), false, "a paused server can be stopped");
});

test("a stop during a restart wins", async () => {
  const servers = await startServers(fakePlan(), { servers: 1, scratchParent });
  const member = servers.members[0]!;
  const port = member.client.port;
  const restarting = member.restart().then(
    () => "restarted",
    () => "refused",
  );
  await servers.stop();
  const outcome = await restarting;
  // Else a server that should not be there would keep this file from ending.
  await member.kill();
  assert.equal(outcome, "refused");
  assert.deepEqual(await portsInUse([port]), []);
  assert.equal(existsSync(servers.folder), false);
});

test("a folder that is to be kept is kept, with the log", async () => {
  const servers = await startServers(fakePlan(), { servers: 1, scratchParent, keepFolder: true });
  await servers.stop();
  assert.match(await readFile(join(servers.folder, "member-1", "server.log"), "utf8"), /^serving \d+ \d+\n$/);
  await rm(servers.folder, { recursive: true });
});

test("a server that ends at once is told with its last lines and a log that can be read", async () => {
  const script = 'console.log("the disk is made of cheese"); process.exit(9);';
  const error = await failure(startServers(fakePlan({ script }), { servers: 2, scratchParent }));
  assert.equal(error.kind, USER_ERRORS.targetStartFailed);
  assert.match(error.message, /fake server [12]: .*exit code 9/);
  assert.match(error.message, /made of cheese/);
  const path = /see its log (\S+),/.exec(error.message)?.[1];
  assert.ok(path !== undefined);
  assert.match(await readFile(path, "utf8"), /made of cheese/);
  await rm(path);
  assert.deepEqual(await readdir(scratchParent), [], "nothing else remains");
});

test("a program that does not exist is a start error, not a crash", async () => {
  const plan = fakePlan();
  const missing = {
    ...plan,
    prepare: async (folder: string, ports: readonly (readonly number[])[]) =>
      (await plan.prepare(folder, ports)).map((member) => ({
        ...member,
        command: { ...member.command, file: "/nonexistent/server" },
      })),
  };
  const error = await failure(startServers(missing, { servers: 1, scratchParent, keepFolder: true }));
  assert.match(error.message, /exit code 127/);
  assert.match(error.message, /nonexistent/);
});

test("a server that never serves is given up in time, and ended", async () => {
  const script = "console.log(process.pid); setInterval(() => {}, 1000);";
  const begin = performance.now();
  const starting = startServers(fakePlan({ script, readyTimeoutMs: 1_000 }), {
    servers: 1,
    scratchParent,
    keepFolder: true,
  });
  const error = await failure(starting);
  assert.match(error.message, /did not serve within 1 s/);
  assert.ok(performance.now() - begin < 8_000);
  const pid = Number(/with:\n\s+(\d+)$/.exec(error.message)?.[1]);
  assert.ok(pid > 0);
  assert.equal(isAlive(pid), false);
});

test("a port that someone takes in between is tried again, and named when it does not help", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  assert.ok(typeof address === "object" && address !== null);
  let calls = 0;
  const clashing =
    (clashes: number): ReservePorts =>
    async (count) => {
      const held = await reserveLoopbackPorts(count);
      if (calls++ >= clashes) return held;
      await held[1]!.release();
      return [held[0]!, { port: address.port, release: async () => undefined }, ...held.slice(2)];
    };
  const servers = await startServers(fakePlan(), { servers: 1, scratchParent }, clashing(2));
  assert.equal(calls, 3);
  await servers.stop();
  calls = 0;
  const error = await failure(
    startServers(fakePlan(), { servers: 1, scratchParent }, clashing(Number.POSITIVE_INFINITY)),
  );
  assert.equal(error.kind, USER_ERRORS.portInUse);
  assert.match(error.message, new RegExp(`port ${address.port} is in use`));
  assert.equal(calls, 3);
  other.close();
});

test("a start that is aborted leaves nothing", async () => {
  const parent = await mkdtemp(join(scratchParent, "abort-"));
  const abort = new AbortController();
  const script = "setInterval(() => {}, 1000);";
  const starting = startServers(fakePlan({ script }), { servers: 2, scratchParent: parent, signal: abort.signal });
  const outcome = assert.rejects(starting, /enough/);
  await eventually("the servers are being started", async () => (await readdir(parent)).length > 0);
  abort.abort(new Error("enough"));
  await outcome;
  assert.deepEqual(await readdir(parent), []);
});
