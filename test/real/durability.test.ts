import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openStorageFolders } from "../../src/server/storage/folders.js";
import { recover } from "../../src/server/storage/recovery.js";
import { checkDurability, type DurabilityResult } from "../support/durability.js";
import { freePort } from "../support/ports.js";
import { haveReal } from "../support/real.js";
import { temporaryFolder } from "../support/temporary.js";

const CORE = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const NO_FDATASYNC = new URL("../support/no-fdatasync.js", import.meta.url).href;
const ROUNDS = 20;
const LIMIT = { timeout: 240_000 };

function found(command: string): boolean {
  return spawnSync(command, ["--version"]).error === undefined;
}

interface Prepared {
  readonly dataFolder: string;
  check(command: (configurationFile: string) => readonly string[], rounds: number): Promise<DurabilityResult>;
}

async function prepare(context: TestContext, configuration: readonly string[]): Promise<Prepared | undefined> {
  if (!haveReal(context, found("strace"), "strace", "install strace")) return undefined;
  const workFolder = temporaryFolder(context);
  const dataFolder = join(workFolder, "data");
  mkdirSync(dataFolder);
  const port = await freePort();
  const file = join(workFolder, "zoo.cfg");
  const lines = [`dataDir=${dataFolder}`, `clientPort=${port}`, "tickTime=2000", ...configuration];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const seed = Number(process.env["SEED"] ?? Date.now() % 1e9);
  context.diagnostic(`SEED=${seed}`);
  return {
    dataFolder,
    check: async (command, rounds) => {
      const result = await checkDurability({ command: command(file), port, dataFolder, workFolder, rounds, seed });
      const { acknowledged, syncs, cuts } = result;
      context.diagnostic(
        `${result.rounds} rounds, ${acknowledged} writes acknowledged, ${syncs} syncs, ${cuts.flat().length} cuts`,
      );
      return result;
    },
  };
}

test(
  "the core loses no acknowledged write in 20 kills, each with everything unsynced taken away",
  LIMIT,
  async (context) => {
    const prepared = await prepare(context, []);
    const result = await prepared?.check((file) => [process.execPath, CORE, "serve", file], ROUNDS);
    if (result === undefined) return;
    assert.deepEqual(result.lost, []);
    assert.equal(result.rounds, ROUNDS);
    assert.ok(result.acknowledged >= ROUNDS * 300);
  },
);

test("a core that skips fdatasync is found out by the same check", LIMIT, async (context) => {
  const prepared = await prepare(context, []);
  const command = (file: string) => [process.execPath, "--import", NO_FDATASYNC, CORE, "serve", file];
  const result = await prepared?.check(command, ROUNDS);
  if (result === undefined) return;
  assert.notDeepEqual(result.lost, []);
});

const JAVA_FOLDER = "/usr/share/java";
const JARS =
  /^(zookeeper(-jute)?|slf4j-(api|log4j12)|log4j-1\.2|netty-.*|commons-(cli|io)|metrics-.*|snappy-java)\.jar$/;

/** Debian's package; its snapshots at start are not synced, so without them its logs have to be trusted. */
function apacheCommand(file: string): readonly string[] {
  const jars = readdirSync(JAVA_FOLDER).filter((name) => JARS.test(name));
  const classPath = jars.map((name) => join(JAVA_FOLDER, name)).join(":");
  return [
    "java",
    "-Xmx256m",
    "-Dzookeeper.snapshot.trust.empty=true",
    "-Dzookeeper.admin.enableServer=false",
    ...["-cp", classPath],
    "org.apache.zookeeper.server.quorum.QuorumPeerMain",
    file,
  ];
}

for (const [forceSync, rounds] of [
  ["yes", 4],
  ["no", 4],
] as const) {
  test(`Apache ZooKeeper with forceSync=${forceSync} passes or fails as it should`, LIMIT, async (context) => {
    const installed = existsSync(join(JAVA_FOLDER, "zookeeper.jar")) && found("java");
    if (!haveReal(context, installed, "Debian's ZooKeeper", "apt-get install zookeeper")) return;
    const prepared = await prepare(context, [`forceSync=${forceSync}`, "maxClientCnxns=0"]);
    const result = await prepared?.check(apacheCommand, rounds);
    if (result === undefined || prepared === undefined) return;
    if (forceSync === "no") {
      assert.notDeepEqual(result.lost, []);
      return;
    }
    assert.deepEqual(result.lost, []);
    assert.equal(result.rounds, rounds);
    // What is left of its files, torn tails and all, is also what our own recovery makes of them.
    const ignore = (): void => undefined;
    let applied = 0;
    const { lastZxid } = recover(
      openStorageFolders(prepared.dataFolder),
      { clear: ignore, session: ignore, acl: ignore, load: ignore, apply: () => applied++ },
      { trustEmptySnapshot: true, notice: (text) => context.diagnostic(text) },
    );
    assert.ok(lastZxid >= result.acknowledged, `${lastZxid}`);
    context.diagnostic(`recovered to zxid ${lastZxid}, ${applied} of them from logs`);
  });
}
