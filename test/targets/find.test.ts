import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { findEtcd } from "../../src/targets/etcd/find.js";
import { findEtcdBenchmark } from "../../src/targets/install/etcd-benchmark.js";
import { placesHere } from "../../src/targets/places.js";
import { findRedis } from "../../src/targets/redis/find.js";
import { findToxiproxy } from "../../src/targets/toxiproxy.js";
import { findZookeeper } from "../../src/targets/zookeeper/find.js";
import { FakeMachine } from "./support/fake-programs.js";

let machine: FakeMachine;

beforeEach(async () => {
  machine = await FakeMachine.create({ root: false });
});

afterEach(async () => {
  await machine.remove();
});

test("the cache is where the user wants it, else where caches are", () => {
  assert.equal(placesHere({ ZABENCH_CACHE: "/a", XDG_CACHE_HOME: "/b" }).cache, "/a");
  assert.equal(placesHere({ XDG_CACHE_HOME: "/b" }).cache, "/b/zabench");
  assert.match(placesHere({}).cache, /\.cache\/zabench$/);
});

test("an empty machine has nothing", async () => {
  assert.deepEqual(findZookeeper(machine.places), []);
  assert.deepEqual(await findEtcd(machine.places), []);
  assert.deepEqual(await findRedis(machine.places), []);
  assert.deepEqual(findToxiproxy(machine.places), []);
  assert.deepEqual(findEtcdBenchmark(machine.places), []);
});

test("ZooKeeper is preferred from the cache, newest first, then from its home, then from Debian", async () => {
  await machine.program("java");
  for (const version of ["3.9.9", "3.9.10"]) {
    await machine.file(`cache/zookeeper/${version}/zookeeper-${version}.jar`);
    await machine.file(`cache/zookeeper/${version}/other-1.jar`);
  }
  await machine.file("home/lib/zookeeper-3.7.2.jar");
  await machine.file("jars/zookeeper.jar");
  await machine.file("jars/zookeeper-3.8.0.jar");
  await machine.file("jars/netty-codec.jar");
  await machine.file("jars/unrelated.jar");
  const home = join(machine.folder, "home");
  const environment = { ...machine.places.environment, ZOOKEEPER_HOME: home };
  const found = findZookeeper({ ...machine.places, environment });
  assert.deepEqual(
    found.map(({ version, cached }) => [version, cached]),
    [
      ["3.9.10", true],
      ["3.9.9", true],
      ["3.7.2", false],
      ["3.8.0", false],
    ],
  );
  assert.equal(found[0]!.classPath.length, 2);
  assert.equal(found[2]!.origin, `ZOOKEEPER_HOME ${home}`);
  assert.deepEqual(
    found[3]!.classPath,
    ["zookeeper", "netty-codec"].map((name) => join(machine.places.debianJars, `${name}.jar`)),
  );
});

test("ZooKeeper without Java is not usable", async () => {
  await machine.file("cache/zookeeper/3.9.5/zookeeper-3.9.5.jar");
  assert.deepEqual(findZookeeper(machine.places), []);
  await machine.file("jdk/bin/java");
  const environment = { JAVA_HOME: join(machine.folder, "jdk") };
  assert.equal(findZookeeper({ ...machine.places, environment })[0]!.java, join(machine.folder, "jdk/bin/java"));
});

test("etcd is preferred from the cache; one on the PATH says its own version", async () => {
  await machine.program("etcd", "printf 'etcd Version: 3.4.23\\nGit SHA: x\\n'");
  await machine.file("cache/etcd/3.7.3/etcd");
  await machine.file("cache/etcd/3.6.0/README", "not an etcd");
  const found = await findEtcd(machine.places);
  assert.deepEqual(
    found.map(({ version, file }) => [version, file]),
    [
      ["3.7.3", join(machine.places.cache, "etcd/3.7.3/etcd")],
      ["3.4.23", join(machine.folder, "bin/etcd")],
    ],
  );
  assert.deepEqual(await machine.calls("etcd"), ["--version"]);
});

test("an etcd that does not run here is none", async () => {
  await machine.program("etcd", "exit 126");
  assert.deepEqual(await findEtcd(machine.places), []);
  await chmod(join(machine.folder, "bin/etcd"), 0o644);
  assert.deepEqual(await findEtcd(machine.places), []);
});

test("Redis on the PATH says its own version; one that does not run here is none", async () => {
  await machine.program("redis-server", "printf 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0\\n'");
  const [found] = await findRedis(machine.places);
  assert.deepEqual([found?.version, found?.file], ["7.0.15", join(machine.folder, "bin/redis-server")]);
  assert.deepEqual(await machine.calls("redis-server"), ["--version"]);
  await machine.program("redis-server", "exit 1");
  assert.deepEqual(await findRedis(machine.places), []);
});

test("Toxiproxy is preferred from the cache", async () => {
  await machine.program("toxiproxy-server");
  assert.equal(findToxiproxy(machine.places)[0]!.version, undefined);
  await machine.file("cache/toxiproxy/2.5.0/toxiproxy-server");
  assert.equal(findToxiproxy(machine.places)[0]!.version, "2.5.0");
});
