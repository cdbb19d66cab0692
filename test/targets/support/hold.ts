import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { eventually, isAlive } from "./alive.js";

const HOLDER = fileURLToPath(new URL("holder.js", import.meta.url));

export type End = "SIGKILL" | "SIGTERM" | "SIGINT" | "interrupt" | "exit" | "throw";

/** Has another process start servers and end in the given way, and checks that nothing of them remains. */
export async function checkNothingRemains(what: string, servers: number, end: End): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), "holder-"));
  // A process group of its own, so that a signal can be sent to it as a terminal would.
  const holder = spawn(process.execPath, [HOLDER, what, String(servers), parent, end], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const [line] = (await once(createInterface(holder.stdout), "line")) as [string];
    const { pids } = JSON.parse(line) as { readonly pids: readonly number[] };
    assert.equal(pids.length, servers);
    const waits = end !== "exit" && end !== "throw";
    if (waits) {
      for (const pid of pids) assert.ok(isAlive(pid), `server ${pid} runs`);
      assert.equal((await readdir(parent)).length, 1, "one scratch folder");
      process.kill(-holder.pid!, end === "interrupt" ? "SIGINT" : end);
    }
    if (holder.exitCode === null && holder.signalCode === null) await once(holder, "exit");
    // A process that ends by itself has cleaned up before it is gone; one that is killed has others do it.
    if (end === "exit" || end === "throw" || end === "interrupt") assert.deepEqual(await readdir(parent), []);
    await eventually(`servers ${pids.join(", ")} have ended`, () => !pids.some(isAlive));
    await eventually("the scratch folder is gone", async () => (await readdir(parent)).length === 0);
  } finally {
    if (holder.exitCode === null && holder.signalCode === null) holder.kill("SIGKILL");
    await rm(parent, { recursive: true, force: true });
  }
}
