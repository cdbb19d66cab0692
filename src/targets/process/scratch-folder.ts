import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { atProcessExit } from "./at-exit.js";
import { holdLifeline } from "./lifeline.js";

export interface ScratchOptions {
  /** Part of the folder's name: `zabench-<purpose>-<random>`. */
  readonly purpose: string;
  /** The default is the system's folder for temporary files. */
  readonly parent?: string | undefined;
  /** Left in place whatever happens. */
  readonly keep?: boolean | undefined;
}

/**
 * When this process is gone without having removed the folder, the guard does. The servers are killed at that same moment
 * and may still write while it removes, so it looks again until nothing comes back, ten seconds at most.
 */
const GUARD =
  'read -r line; tries=0; while [ -e "$1" ] && [ "$tries" -lt 50 ]; do rm -rf -- "$1"; sleep 0.2; tries=$((tries + 1)); done';
const LIFELINE = 0;

/** A folder that goes with this process, however that ends. */
export class ScratchFolder {
  readonly path: string;
  readonly #dispose: () => void;
  readonly #keep: boolean;

  private constructor(path: string, keep: boolean, dispose: () => void) {
    this.path = path;
    this.#keep = keep;
    this.#dispose = dispose;
  }

  static async create(options: ScratchOptions): Promise<ScratchFolder> {
    const parent = resolve(options.parent ?? tmpdir());
    const path = join(parent, `zabench-${options.purpose}-${randomBytes(6).toString("hex")}`);
    await mkdir(parent, { recursive: true });
    if (options.keep === true) {
      await mkdir(path, { mode: 0o700 });
      return new ScratchFolder(path, true, () => undefined);
    }
    // The guard first: were the folder there before it, a kill in between would leave the folder behind.
    const guard: ChildProcess = spawn("/bin/sh", ["-c", GUARD, "sh", path], {
      cwd: "/",
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    await once(guard, "spawn");
    guard.unref();
    const lifeline = holdLifeline(guard, LIFELINE);
    await mkdir(path, { mode: 0o700 });
    const forget = atProcessExit(() => rmSync(path, { recursive: true, force: true }));
    return new ScratchFolder(path, false, () => {
      forget();
      lifeline.release();
    });
  }

  /** Idempotent. Every process that writes below the folder must have ended. */
  async remove(): Promise<void> {
    if (!this.#keep) await rm(this.path, { recursive: true, force: true, maxRetries: 5 });
    this.#dispose();
  }
}
