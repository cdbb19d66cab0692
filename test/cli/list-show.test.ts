import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { loadProfile, profileNames } from "../../src/bench/profile/load.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import { kindOf } from "../../src/bench/workloads/registry.js";
import type { ListedProfile } from "../../src/cli/list.js";
import { Zabench } from "../support/zabench.js";

const zabench = new Zabench(process.cwd());

test("list names every profile with its kind and targets, as a table and as JSON", async () => {
  const listed = JSON.parse((await zabench.run("list", "--json")).stdout) as ListedProfile[];
  assert.deepEqual(
    listed.map(({ name }) => name),
    profileNames(),
  );
  for (const { name, targets, description } of listed) {
    assert.deepEqual(targets, kindOf(loadProfile(name).profile.workload).targets(loadProfile(name).profile.workload));
    assert.ok(targets.includes("core"), `${name} runs on ${targets.join(", ")}`);
    assert.notEqual(description, "", `${name} says what it is`);
  }
  const lines = (await zabench.run("list")).stdout.trimEnd().split("\n");
  assert.equal(lines.length, listed.length + 1);
  assert.ok(lines.some((line) => /^read-heavy +mix +core, zookeeper, etcd +90% reads/.test(line)));
});

test("what show prints is the profile with its comments, and a valid profile itself", async () => {
  // Of each shape a profile can have: a process for each of them all would take a minute.
  for (const name of ["read-heavy", "replica-scaling", "lock-coarse", "http-mixed", "large-values"]) {
    const { code, stdout } = await zabench.run("show", name);
    assert.equal(code, EXIT.ok);
    const { text, profile } = loadProfile(name);
    assert.ok(stdout.startsWith(text.trimEnd()), `the text of ${name}`);
    assert.deepEqual(parseProfile(stdout, name), profile);
    assert.match(stdout, /\n# It reports: /);
  }
});

test("show resolves options over the profile, in words and as JSON", async () => {
  const { stdout } = await zabench.run("show", "read-heavy", "--rate", "5000/s", "--rounds", "7");
  assert.match(stdout, /# Options over it: rate = 5000\/s, rounds = 7/);
  assert.match(stdout, /# loop:\n# {3}kind: open\n# {3}ratePerSecond: 5000/);
  assert.match(stdout, /# duration: 10\.00 s/);
  const shown = JSON.parse((await zabench.run("show", "read-heavy", "--rounds", "7", "--json")).stdout);
  assert.equal(shown.resolved.rounds, 7);
  assert.equal(shown.resolved.durationMicros, 10_000_000);
  assert.deepEqual(shown.resolved.thresholds, { read: ["p(99)<1s"], write: ["p(99)<1s"] });
  assert.deepEqual(
    [shown.operations, shown.counted],
    [
      ["read", "write"],
      ["read", "write"],
    ],
  );
});

test("a profile that is not there and a bad option are told, with exit code 2", async () => {
  for (const args of [
    ["show", "no-such"],
    ["show", "read-heavy", "--rounds", "0"],
    ["sweep", "read-heavy", "--slo", "p99<1ms"],
    ["sweep", "read-heavy"],
    ["sweep", "lock-exclusive", "--slo", "p(99)<1ms"],
    ["sweep", "read-heavy", "--slo", "p(99)<1ms", "--tolerance", "0.1%"],
    ["sweep", "read-heavy", "--slo", "p(99)<1ms", "--probe", "10ms"],
    ["compare", "read-heavy", "--target", "core"],
  ]) {
    const { code, stderr } = await zabench.run(...args);
    assert.equal(code, EXIT.usage, `${args.join(" ")}: ${stderr}`);
    assert.doesNotMatch(stderr, /\bat .*\.js:/, "no stack");
  }
});
