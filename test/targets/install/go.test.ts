import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { etcdTool } from "../../../src/targets/install/etcd.js";
import { newestOfEachMinor } from "../../../src/targets/install/go.js";
import { installAll, toolStep } from "../../../src/targets/install/install-all.js";
import { FakeMachine } from "../support/fake-programs.js";

let machine: FakeMachine;

beforeEach(async () => {
  machine = await FakeMachine.create({ root: false });
});

afterEach(async () => {
  await machine.remove();
});

const MODULE = "go.etcd.io/etcd/server/v3";

/** What a `go` of version `own` answers where the registry lists `versions`, and v3.7 needs Go 1.26. */
function go(own: string, toolchain: string, versions: string, unbuildable = "none"): string {
  return `case "$*" in
  "list -m -versions"*) test -n "${versions}" || exit 1; echo "${MODULE} ${versions}";;
  "list -m -f"*v3.7*) echo "needs 1.26.0";;
  "list -m -f"*) echo "needs 1.19";;
  "env "*) printf 'go${own}\\n${toolchain}\\n';;
  "get "*${unbuildable}*) echo "go: this version is not available"; exit 1;;
  "build "*) while [ "$1" != "-o" ]; do shift; done; printf '#!/bin/sh\\necho etcd Version: 0\\n' > "$2"; chmod +x "$2";;
esac`;
}

async function install(): Promise<void> {
  await installAll([toolStep(etcdTool)], machine.context);
}

async function got(): Promise<string[]> {
  return (await machine.calls("go")).filter((call) => call.startsWith("get ")).map((call) => call.slice(4));
}

test("only the newest stable release of each minor line is a candidate", () => {
  assert.deepEqual(newestOfEachMinor(["v3.5.9", "v3.5.11", "v3.6.0", "v3.8.0-alpha.0", "v3.7.10", "v3.7.9"]), [
    "v3.7.10",
    "v3.6.0",
    "v3.5.11",
  ]);
});

test("the newest release is built in a module of our own, and once", async () => {
  await machine.program("go", go("1.26.8", "local", "v3.6.1 v3.7.3 v3.8.0-alpha.0"));
  await install();
  assert.deepEqual(await got(), [`${MODULE}@v3.7.3`]);
  const calls = await machine.calls("go");
  assert.equal(calls[0], "mod init zabench.invalid/install");
  assert.match(calls.at(-1)!, new RegExp(`^build -trimpath -o \\S+/etcd ${MODULE}$`));
  assert.deepEqual(await readdir(join(machine.places.cache, "etcd", "3.7.3")), ["etcd"]);
  assert.deepEqual(await readdir(machine.places.cache), ["etcd"]);
  await install();
  assert.deepEqual(await machine.calls("go"), calls);
  assert.match(machine.reported.at(-1)!, /^etcd: already there: etcd 3\.7\.3 \(Go module/);
});

test("a Go too old for the newest release builds an older one", async () => {
  await machine.program("go", go("1.19.8", "", "v3.5.11 v3.6.1 v3.7.3"));
  await install();
  assert.deepEqual(await got(), [`${MODULE}@v3.6.1`]);
});

test("a Go that gets newer toolchains by itself builds the newest", async () => {
  await machine.program("go", go("1.22.1", "auto", "v3.6.1 v3.7.3"));
  await install();
  assert.deepEqual(await got(), [`${MODULE}@v3.7.3`]);
});

test("a release that cannot be built gives way to the one before", async () => {
  await machine.program("go", go("1.26.8", "local", "v3.6.1 v3.7.3", "v3.7.3"));
  await install();
  assert.deepEqual(await got(), [`${MODULE}@v3.7.3`, `${MODULE}@v3.6.1`]);
  assert.ok(existsSync(join(machine.places.cache, "etcd", "3.6.1", "etcd")));
});

test("where releases cannot be listed, a known good one is built", async () => {
  await machine.program("go", go("1.26.8", "local", ""));
  await install();
  assert.equal((await got()).length, 1);
  assert.match((await got())[0]!, /@v3\.\d+\.\d+$/);
});

test("a program that does not run is not installed", async () => {
  await machine.program("go", go("1.26.8", "local", "v3.7.3").replace("echo etcd Version: 0", "exit 1"));
  await assert.rejects(install(), /not installed: etcd/);
  assert.deepEqual(await readdir(machine.places.cache), []);
});

test("without Go and without root the remedy is told", async () => {
  await assert.rejects(install(), /not installed: etcd/);
  assert.match(machine.reported.join("\n"), /go is missing, and there is no apt-get; install Go/);
});
