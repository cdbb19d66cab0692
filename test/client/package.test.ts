import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/temporary.js";

const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** Uses every class and the types of their results, as a user would write it. */
const CONSUMER = `
import {
  CoarseLock, ConfigurationCache, connect, Counter, DoubleBarrier, ExclusiveLock, FifoQueue, GroupMembership, HerdLock,
  type HeldLock, isZooKeeperError, LeaderElection, type Member, Naming, PriorityQueue, ReadWriteLock, Semaphore,
  ServiceRegistry, verifySequencer, type Zxid,
} from "zabench/client";

export async function use(): Promise<void> {
  const client = await connect({ servers: "127.0.0.1:2181" });
  const held: HeldLock = await new ExclusiveLock(client, "/a").acquire({ signal: AbortSignal.timeout(1) });
  const token: Zxid = held.fencingToken;
  await new HerdLock(client, "/b").acquire();
  await new ReadWriteLock(client, "/c").acquireRead();
  await new Semaphore(client, "/d", { leases: token }).acquire();
  const coarse = await new CoarseLock(client, "/e").acquire({ mode: "shared" });
  const valid: boolean = await verifySequencer(client, coarse.sequencer);
  const term: Zxid = (await new LeaderElection(client, "/f").campaign()).term;
  const round: number = (await new DoubleBarrier(client, "/g", { parties: 2 }).enter()).round;
  const text: string | undefined = (await new FifoQueue(client, "/h").take()).data?.toString();
  await new PriorityQueue(client, "/i").put(null, { priority: 1 });
  const sum: number = (await new Counter(client, "/j").add()).value + (await new Naming(client, "/k").next());
  await new GroupMembership(client, "/l").watch((members: readonly Member[]) => console.log(members.length));
  const address: string | undefined = (await new ServiceRegistry(client, "/m").discover("s")).pick()?.address;
  const version: number | undefined = new ConfigurationCache(client, "/n").current?.version;
  console.log(valid, term, round, text, sum, address, version, isZooKeeperError(undefined, "NONODE"));
  // @ts-expect-error: the declarations are there, so a wrong option is found
  await new ExclusiveLock(client, "/a").acquire({ timeout: 1 });
}
`;

it("gives users the client and its recipes, with types, as zabench/client", { timeout: 60_000 }, async (context) => {
  const name = "zabench/client";
  const exported = (await import(name)) as Record<string, unknown>;
  for (const recipe of ["ZooKeeperClient", "connect", "ExclusiveLock", "ServiceRegistry", "verifySequencer"]) {
    assert.equal(typeof exported[recipe], "function", recipe);
  }
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, "node_modules", "@types"), { recursive: true });
  symlinkSync(repository, join(folder, "node_modules", "zabench"));
  for (const each of ["node", "../undici-types"]) {
    symlinkSync(join(repository, "node_modules", "@types", each), join(folder, "node_modules", "@types", each));
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "consumer.ts"), CONSUMER);
  const tsc = join(repository, "node_modules", "typescript", "bin", "tsc");
  const options = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--target", "es2023", "--types", "node"];
  const compiled = spawnSync(process.execPath, [tsc, ...options, "--module", "nodenext", join(folder, "consumer.ts")], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(compiled.status, 0, compiled.stdout + compiled.stderr);
});

it("packs declarations of what it exports and of what that is made of, and no others", { timeout: 60_000 }, () => {
  const packed = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: repository,
    encoding: "utf8",
  });
  const [{ files }] = JSON.parse(packed.stdout) as [{ readonly files: readonly { readonly path: string }[] }];
  const paths = new Set(files.map(({ path }) => path));
  for (const path of ["build/src/client/index.js", "build/src/client/index.d.ts", "build/src/cli/main.js"]) {
    assert(paths.has(path), path);
  }
  for (const file of readdirSync(join(repository, "build", "src", "client", "recipes"))) {
    if (!file.endsWith(".map")) assert(paths.has(`build/src/client/recipes/${file}`), file);
  }
  const declared = new Set([...paths].filter((path) => path.endsWith(".d.ts")).map((path) => path.split("/")[2]));
  assert.deepEqual([...declared].sort(), ["base", "client", "jute"]);
  assert(![...paths].some((path) => path.startsWith("build/test")));
});
