import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const TIMEOUT_MS = 240_000;
const started = new Set<ChildProcess>();
after(() => {
  // Those that a failed test left behind; their own exit handlers end their servers.
  for (const child of started) child.kill("SIGTERM");
});

export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Rejected with what it said where it takes longer than allowed. */
  readonly ended: Promise<Ended>;
  /** Resolves once what it said so far matches; rejected where it ends before. */
  said(text: RegExp): Promise<void>;
}

/** The built command line in a folder. A process that outlives its time, or its test file, is ended. */
export class Zabench {
  private readonly folder: string;
  private readonly timeoutMs: number;

  constructor(folder: string, timeoutMs = TIMEOUT_MS) {
    this.folder = folder;
    this.timeoutMs = timeoutMs;
  }

  run(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  start(...args: readonly string[]): Running {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    started.add(child);
    let stdout = "";
    let stderr = "";
    let look = (): void => undefined;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      look();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      look();
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGTERM");
    }, this.timeoutMs);
    const ended = once(child, "close").then(([code]) => {
      clearTimeout(timer);
      started.delete(child);
      assert.ok(!late, `zabench ${args.join(" ")} took longer than ${this.timeoutMs} ms:\n${stdout}${stderr}`);
      return { code: code as number | null, stdout, stderr };
    });
    const said = (text: RegExp): Promise<void> =>
      Promise.race([
        new Promise<void>((resolve) => {
          look = () => {
            if (text.test(stdout) || text.test(stderr)) resolve();
          };
          look();
        }),
        ended.then(() => assert.fail(`ended before it said ${text}:\n${stdout}${stderr}`)),
      ]);
    return { child, ended, said };
  }
}
