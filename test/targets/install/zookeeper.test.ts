import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { installAll, toolStep } from "../../../src/targets/install/install-all.js";
import { zookeeperTool } from "../../../src/targets/install/zookeeper.js";
import { FakeMachine } from "../support/fake-programs.js";

let machine: FakeMachine;

beforeEach(async () => {
  machine = await FakeMachine.create({ root: false });
  await machine.program("java");
});

afterEach(async () => {
  await machine.remove();
});

/** Resolves versions as Maven would, from the pom in its folder; those in `broken` cannot be had. */
function maven(newest: string, broken: string): string {
  return `for argument in "$@"; do case "$argument" in -DoutputDirectory=*) out="\${argument#*=}";; esac; done
version=$(sed -n 's/.*<artifactId>zookeeper<\\/artifactId><version>\\([^<]*\\)<.*/\\1/p' pom.xml)
echo "$version" >> "$(dirname "$0")/../versions"
case "$version" in '[3.9,3.10-alpha)') version=${newest};; '[3.9,'*) version=3.9.3;; esac
case " ${broken} " in *" $version "*)
  echo "[ERROR] org.apache.zookeeper:zookeeper:jar:$version: Could not find artifact in central"; exit 1;;
esac
mkdir -p "$out"; touch "$out/zookeeper-$version.jar" "$out/zookeeper-jute-$version.jar"`;
}

async function versions(): Promise<string[]> {
  return (await readFile(join(machine.folder, "versions"), "utf8")).trimEnd().split("\n");
}

async function install(): Promise<void> {
  await installAll([toolStep(zookeeperTool)], machine.context);
}

test("the newest 3.9 release comes from Maven, whole or not at all, and once", async () => {
  await machine.program("mvn", maven("3.9.7", ""));
  await install();
  assert.deepEqual(await versions(), ["[3.9,3.10-alpha)"]);
  assert.deepEqual(await readdir(join(machine.places.cache, "zookeeper", "3.9.7")), [
    "zookeeper-3.9.7.jar",
    "zookeeper-jute-3.9.7.jar",
  ]);
  assert.deepEqual(await readdir(machine.places.cache), ["zookeeper"], "nothing temporary stays");
  await install();
  assert.equal((await machine.calls("mvn")).length, 1);
  assert.match(machine.reported.at(-1)!, /^zookeeper: already there: Apache ZooKeeper 3\.9\.7 \(Maven/);
});

test("a release that the registry lists but does not have gives way to the one before", async () => {
  await machine.program("mvn", maven("3.9.7", "3.9.7"));
  await install();
  assert.deepEqual(await versions(), ["[3.9,3.10-alpha)", "[3.9,3.9.7)"]);
  assert.ok(existsSync(join(machine.places.cache, "zookeeper", "3.9.3")));
});

test("where releases cannot be resolved, a known good one is asked for by its number", async () => {
  await machine.program("mvn", maven("3.9.7", "3.9.7 3.9.3"));
  await install();
  assert.match((await versions()).at(-1)!, /^3\.9\.\d+$/);
  assert.equal((await versions()).length, 4);
});

test("a failing Maven is told with its last lines, and leaves nothing", async () => {
  await machine.program("mvn", 'echo "[ERROR] the network is down"; exit 1');
  await assert.rejects(install(), /not installed: zookeeper/);
  assert.match(machine.reported.join("\n"), /mvn.* ended with exit code 1.*the network is down/s);
  assert.deepEqual(await readdir(machine.places.cache), []);
});

test("without Maven and without root the remedy is told", async () => {
  await assert.rejects(install(), /not installed: zookeeper/);
  assert.match(machine.reported.join("\n"), /maven missing, and there is no apt-get; run 'zabench targets install/);
});
