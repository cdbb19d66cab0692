import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT } from "../../src/base/user-error.js";
import { connect } from "../../src/client/client.js";
import { readResult } from "../../src/report/files.js";
import { core } from "../../src/targets/core/kind.js";
import { startLyingProxy } from "../support/lying-proxy.js";
import { Zabench } from "../support/zabench.js";

const folder = mkdtempSync(join(tmpdir(), "zabench-cli-"));
const zabench = new Zabench(folder);
after(() => rmSync(folder, { recursive: true, force: true }));

function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const own = tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").split(" ").filter(Boolean).map(Number),
  );
  return own.flatMap((child) => [child, ...childrenOf(child)]);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Of processes that are no children of this one, only looking tells; what ends a server may outlive it for a moment. */
async function allGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (pids.some(isRunning) && performance.now() < deadline) await sleep(20);
  assert.deepEqual(pids.filter(isRunning), []);
}

/** A server, and before it whatever ends it with its starter. */
function serversOf(pid: number): number[] {
  return childrenOf(pid).filter((child) => /\0serve\0/.test(readFileSync(`/proc/${child}/cmdline`, "latin1")));
}

const SHORT = ["--duration", "300ms", "--warm-up", "0s", "--rounds", "1", "--connections", "5"];

test("run on the core: a table for people, one JSON value for machines, and every report", async () => {
  const { code, stdout, stderr } = await zabench.run("run", "read-heavy", "--target", "core", ...SHORT, "--json");
  assert.equal(code, EXIT.ok, stderr);
  const summary = JSON.parse(stdout) as {
    exitCode: number;
    report: string;
    targets: { operations: { ok: number }[] }[];
  };
  assert.equal(summary.exitCode, EXIT.ok);
  assert.ok(summary.targets[0]!.operations.every((operation) => operation.ok > 0));
  assert.match(stderr, /^operation +target +ops\/s/m);
  assert.match(stderr, /^report: reports\/read-heavy\/.*\/report\.html$/m);
  assert.ok(!stderr.includes("\x1b"), "no escape codes without a terminal");
  const result = await readResult(join(folder, summary.report, "..", "result.json"));
  assert.equal(result.targets[0]!.label, "core");
  assert.deepEqual(
    result.targets[0]!.checks.map((check) => check.verdict),
    ["valid", "valid"],
  );
});

test("the lock and watch workloads on the core, with two workers", async () => {
  for (const profile of ["lock-exclusive", "watch-fanout"]) {
    const { code, stdout, stderr } = await zabench.run("run", profile, ...SHORT, "--workers", "2", "--json");
    const summary = JSON.parse(stdout) as { targets: { checks: { verdict: string }[] }[] };
    assert.deepEqual(
      summary.targets[0]!.checks.map((check) => check.verdict),
      ["valid", "valid"],
      stderr,
    );
    assert.ok(code === EXIT.ok || code === EXIT.regression, `${profile} exits ${code}`);
  }
});

const REFUSED: readonly (readonly [readonly string[], RegExp])[] = [
  [["run", "no-such-profile"], /^zabench: there is no profile 'no-such-profile'/],
  [["run", "read-heavy", "--target", "consul"], /^zabench: 'consul' names no target/],
  [["run", "read-heavy", "--target", "redis"], /^zabench: profile read-heavy does not run on redis; it runs on core, /],
  [
    ["scenario", "leader-kill", "--target", "redis"],
    /^zabench: scenario leader-kill does not run on redis; it runs on core, zookeeper, etcd/,
  ],
  [["run", "read-heavy", "--duration", "5"], /^zabench: --duration: '5' is not a duration/],
  [["run", "read-heavy", "--workers", "0"], /^zabench: --workers: '0' is not a whole number/],
  [
    ["run", "read-heavy", "--out", "/proc/reports"],
    /^zabench: \/proc\/reports: reports cannot be written there \(ENOENT\)/,
  ],
  [
    ["scenario", "latency-link", "--target", "core", "--out", "/dev/null"],
    /reports cannot be written there \(EEXIST\)/,
  ],
  [["run"], /missing required argument/],
  [["run", "read-heavy", "--fast"], /unknown option '--fast'/],
  [["fly"], /unknown command 'fly'/],
];

for (const [args, message] of REFUSED) {
  test(`exit 2: zabench ${args.join(" ")}`, async () => {
    const { code, stderr } = await zabench.run(...args);
    assert.equal(code, EXIT.usage, stderr);
    assert.match(stderr, message);
    assert.ok(!stderr.includes("    at "), "no stack");
  });
}

test("exit 2: a bad profile is one message with file, line and key", async () => {
  writeFileSync(join(folder, "bad.yaml"), "name: bad\nworkload: {kind: lock}\nconections: 3\nduration: 1s\n");
  const { code, stderr } = await zabench.run("run", "bad.yaml");
  assert.equal(code, EXIT.usage);
  assert.equal(
    stderr,
    "zabench: bad.yaml: not a valid profile; put this right:\n" +
      "  bad.yaml:3:1: key 'conections' is not known; did you mean 'connections'?\n",
  );
});

test("exit 2: a target that is not there", async () => {
  const { code, stderr } = await zabench.run("run", "read-heavy", "--target", "zookeeper://127.0.0.1:1", ...SHORT);
  assert.equal(code, EXIT.usage);
  assert.match(stderr, /^zabench: .*127\.0\.0\.1:1/m);
});

test("exit 3: a missed threshold", async () => {
  const profile =
    "name: strict\nworkload: {kind: mix, operations: {read: 1}}\nconnections: 2\nduration: 200ms\nrounds: 1\n";
  writeFileSync(
    join(folder, "strict.yaml"),
    `${profile}warmUp: {min: 0s, max: 0s}\nthresholds: {read: ["p(50)<1us"]}\n`,
  );
  const { code, stdout } = await zabench.run("run", "strict.yaml");
  assert.equal(code, EXIT.regression, stdout);
  assert.match(stdout, /threshold: core, read p\(50\)<1us: observed \d+(\.\d+)? (us|ms|s)\b/);
});

test("exit 4: a server whose history goes back, in the load or before it", async () => {
  const ensemble = await core.start({ servers: 1 });
  const profile =
    "name: lied-to\nworkload: {kind: mix, operations: {read: 1}}\nkeys: 1\nconnections: 2\nduration: 1s\n";
  writeFileSync(join(folder, "lied-to.yaml"), `${profile}rounds: 1\nwarmUp: {min: 0s, max: 0s}\n`);
  for (const [every, said] of [
    [100, /^inconsistent: zookeeper-attached, session-order: \d+ violations, the first: connection \d/m],
    [3, /^inconsistent: zookeeper-attached, protocol: .* answered session 0x\w+ at zxid/m],
  ] as const) {
    const proxy = await startLyingProxy(ensemble.members[0]!.client, every);
    try {
      const target = `zookeeper://127.0.0.1:${proxy.port}`;
      const { code, stdout, stderr } = await zabench.run("run", "lied-to.yaml", "-t", target);
      assert.equal(code, EXIT.inconsistent, stdout + stderr);
      assert.match(stdout, said);
    } finally {
      await proxy.close();
    }
  }
  await ensemble.stop();
});

test("exit 4: a server that sends replies twice, in a mix, in a recipe, and before the load", async () => {
  const ensemble = await core.start({ servers: 1 });
  const rest = "keys: 1\nconnections: 2\nduration: 1s\nrounds: 1\nwarmUp: {min: 0s, max: 0s}\nerrorsMax: 100%\n";
  writeFileSync(join(folder, "mix.yaml"), `name: mix\nworkload: {kind: mix, operations: {read: 1}}\n${rest}`);
  writeFileSync(join(folder, "lock.yaml"), `name: lock\nworkload: {kind: lock}\n${rest.replace("keys: 1\n", "")}`);
  const twice = String.raw`127\.0\.0\.1:\d+ broke the protocol in session 0x\w+: a reply to request \d+ came where`;
  for (const [profile, every, said] of [
    ["mix.yaml", 100, String.raw`protocol: \d+ violations, the first: connection \d: ${twice}`],
    ["lock.yaml", 100, `protocol: ${twice}`],
    ["mix.yaml", 3, `protocol: ${twice}`],
  ] as const) {
    const proxy = await startLyingProxy(ensemble.members[0]!.client, every, "twice");
    try {
      const target = `zookeeper://127.0.0.1:${proxy.port}`;
      const { code, stdout, stderr } = await zabench.run("run", profile, "-t", target);
      assert.equal(code, EXIT.inconsistent, stdout + stderr);
      assert.match(stdout, new RegExp(`^inconsistent: zookeeper-attached, ${said}`, "m"));
    } finally {
      await proxy.close();
    }
  }
  await ensemble.stop();
});

test("Ctrl-C: exit 130, what was measured is kept, and no server is left", async () => {
  const run = zabench.start("run", "read-heavy", "--duration", "60s", "--warm-up", "0s", "--rounds", "1", "--json");
  await run.said(/round 1 of 1 [1-9]/);
  const servers = serversOf(run.child.pid!);
  assert.ok(servers.length > 0);
  run.child.kill("SIGINT");
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, EXIT.interrupted, stderr);
  const summary = JSON.parse(stdout) as { interrupted: boolean; report: string };
  assert.equal(summary.interrupted, true);
  const result = await readResult(join(folder, summary.report, "..", "result.json"));
  assert.equal(result.interrupted, true);
  assert.ok(result.targets[0]!.operations[0]!.ok > 0);
  await allGone(servers);
});

test("Ctrl-C twice ends at once, and no server is left", async () => {
  const run = zabench.start("run", "read-heavy", "--duration", "60s", "--warm-up", "0s", "--rounds", "1");
  await run.said(/round 1 of 1 \d/);
  const servers = serversOf(run.child.pid!);
  assert.ok(servers.length > 0);
  run.child.kill("SIGINT");
  await run.said(/again to end at once/);
  run.child.kill("SIGINT");
  const { code } = await run.ended;
  assert.equal(code, EXIT.interrupted);
  await allGone(servers);
});

test("Ctrl-C leaves nothing on an ensemble of somebody else", async (context) => {
  const ensemble = await core.start({ servers: 1 });
  context.after(() => ensemble.stop());
  const { host, port } = ensemble.members[0]!.client;
  const client = await connect({ servers: `${host}:${port}` });
  context.after(() => client.close());
  const attached = ["-t", `zookeeper://${host}:${port}`, "--duration", "60s", "--rounds", "1"];
  for (const [profile, warmUp, phase] of [
    ["codis-routing", "60s", /warming up, [1-9]/],
    ["kafka-metadata", "0s", /round 1 of 1 [1-9]/],
  ] as const) {
    const run = zabench.start("run", profile, ...attached, "--warm-up", warmUp);
    await run.said(phase);
    run.child.kill("SIGINT");
    const { code, stderr } = await run.ended;
    assert.equal(code, EXIT.interrupted, stderr);
    assert.deepEqual((await client.getChildren("/zabench")).children, [], `${profile}, ${phase}`);
  }
});

test("a server that dies in the middle: its name, exit 5, and what was measured is kept", async () => {
  const run = zabench.start("run", "read-heavy", "--duration", "60s", "--warm-up", "0s", "--rounds", "1", "--json");
  await run.said(/round 1 of 1 [1-9]/);
  const server = serversOf(run.child.pid!).find(
    (pid) => readlinkSync(`/proc/${pid}/exe`) === realpathSync(process.execPath),
  );
  assert.ok(server !== undefined);
  process.kill(server, "SIGKILL");
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, EXIT.insufficient, stderr);
  assert.match(
    stderr,
    /^zabench: target core at 127\.0\.0\.1:\d+ died: its server 1 has ended; run again with --keep/m,
  );
  const summary = JSON.parse(stdout) as { report: string; targets: { operations: { ok: number }[] }[] };
  assert.ok(summary.targets[0]!.operations[0]!.ok > 0);
  await readResult(join(folder, summary.report, "..", "result.json"));
});

test("every command has help with examples", async () => {
  for (const command of ["run", "quickstart", "self-test"]) {
    const { code, stdout } = await zabench.run(command, "--help");
    assert.equal(code, EXIT.ok);
    assert.match(stdout, /^Examples:\n {2}\S/m);
  }
});
