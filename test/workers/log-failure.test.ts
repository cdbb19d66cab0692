import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { haveReal } from "../support/real.js";
import { temporaryFolder } from "../support/temporary.js";

const WRITER = fileURLToPath(new URL("./log-writer.js", import.meta.url));
const PATHS = { calling: "1e9", log: "0" } as const;

interface Ended {
  readonly code: number | null;
  readonly recovered: number;
  readonly acknowledged: number[];
  readonly stderr: string;
}

function write(
  folder: string,
  count: number,
  dataBytes: number,
  inlineMicros: string,
  wrapper: string[],
  preAllocBytes = 65_536,
): Promise<Ended> {
  const command = [
    ...wrapper,
    process.execPath,
    WRITER,
    folder,
    String(count),
    String(dataBytes),
    inlineMicros,
    String(preAllocBytes),
  ];
  return new Promise((resolve) => {
    const child = execFile(command[0] as string, command.slice(1), { timeout: 30_000 }, (_, stdout, stderr) => {
      const [first = "", ...rest] = stdout.trim().split("\n");
      const recovered = Number(first.replace("recovered ", ""));
      resolve({ code: child.exitCode, recovered, acknowledged: rest.filter(Boolean).map(Number), stderr });
    });
  });
}

function found(command: string): boolean {
  return spawnSync(command, ["--version"]).status === 0;
}

for (const [thread, inlineMicros] of Object.entries(PATHS)) {
  // Without preallocation the limit cuts a write short; with it, growing the file fails before.
  for (const preAllocBytes of [0, 65_536]) {
    test(`no room on the ${thread} thread, ${preAllocBytes} bytes preallocated: no false acknowledgement`, async (context) => {
      if (!haveReal(context, found("prlimit"), "prlimit", "install util-linux")) return;
      const folder = temporaryFolder(context);
      const full = await write(folder, 1_000, 3_000, inlineMicros, ["prlimit", "--fsize=200000"], preAllocBytes);
      assert.equal(full.code, 1, full.stderr);
      assert.match(full.stderr, /fatal: .*(EFBIG|took none)/);
      const last = full.acknowledged.at(-1) as number;
      assert.ok(last > 10 && last < 70, `${last}`);
      const again = await write(folder, 5, 3_000, inlineMicros, []);
      assert.equal(again.code, 0, again.stderr);
      assert.ok(again.recovered >= last, `recovered ${again.recovered}, acknowledged ${last}`);
      assert.equal(again.acknowledged.at(-1), again.recovered + 5);
    });
  }

  test(`a sync that fails once on the ${thread} thread is not tried again`, async (context) => {
    if (!haveReal(context, found("strace"), "strace", "install strace")) return;
    const folder = temporaryFolder(context);
    const inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=20"];
    const failed = await write(folder, 100, 30, inlineMicros, inject);
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stderr, /fatal: EIO/);
    // strace counts by thread, and the first sync of a file is always the log thread's.
    assert.equal(failed.acknowledged.at(-1), thread === "calling" ? 20 : 19);
  });
}

test("a full disk ends the process without a false acknowledgement, and with room again it goes on", async (context) => {
  const folder = temporaryFolder(context);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]).status === 0;
  if (!haveReal(context, mounted, "a mount of a small tmpfs", "run as root")) return;
  try {
    const full = await write(folder, 1_000, 3_000, PATHS.calling, []);
    assert.equal(full.code, 1, full.stderr);
    assert.match(full.stderr, /fatal: ENOSPC/);
    const last = full.acknowledged.at(-1) as number;
    execFileSync("mount", ["-o", "remount,size=2m", folder]);
    const again = await write(folder, 50, 3_000, PATHS.log, []);
    assert.equal(again.code, 0, again.stderr);
    assert.ok(again.recovered >= last);
    assert.equal(again.acknowledged.at(-1), again.recovered + 50);
  } finally {
    execFileSync("umount", [join(folder)]);
  }
});
