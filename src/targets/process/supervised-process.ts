import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { assert } from "../../base/assert.js";
import { atProcessExit } from "./at-exit.js";
import { holdLifeline } from "./lifeline.js";

export interface SupervisedCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Working directory. */
  readonly folder: string;
  /** Over this process's own environment; undefined takes a variable away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Receives both output streams; appended to, so that a second start keeps what came before. */
  readonly logPath: string;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export function describeExit(status: ExitStatus): string {
  return status.signal === null ? `exit code ${status.code}` : `signal ${status.signal}`;
}

/**
 * The shell leaves a watcher behind and then becomes the program, so the program has the pid and the exit code that Node
 * sees. The watcher waits for the end of the lifeline (descriptor 3) and kills the process group: the program, what that
 * has started, and itself. Being in the group, it keeps the kernel from giving that number to another process.
 */
const WATCHED_START = '(read -r line <&3; kill -s KILL -- "-$$") </dev/null >/dev/null 2>&1 & exec "$@" 3<&-';
const LIFELINE = 3;

/** A program that ends with this process, however that ends. */
export class SupervisedProcess {
  readonly pid: number;
  /** Resolves when the process is gone. */
  readonly exited: Promise<ExitStatus>;
  #running = true;

  /**
   * The process exists from here on, which is before it serves; a program that cannot be run ends with exit code 126 or
   * 127 and its reason in the log.
   */
  constructor(command: SupervisedCommand) {
    const log = openSync(command.logPath, "a");
    let child: ChildProcess;
    try {
      child = spawn("/bin/sh", ["-c", WATCHED_START, "sh", command.file, ...command.args], {
        cwd: command.folder,
        // A session of its own: Ctrl-C in the terminal reaches this process only, which then ends its own in order.
        detached: true,
        env: { ...process.env, ...command.environment },
        stdio: ["ignore", log, log, "pipe"],
      });
    } finally {
      closeSync(log);
    }
    const pid = child.pid;
    if (pid === undefined) {
      // Why comes as an event, in a later turn: by then nobody could tell whether there is a process to end.
      child.on("error", () => undefined);
      throw new Error(
        `/bin/sh cannot be started in ${command.folder}: not enough processes or memory, or no such folder`,
      );
    }
    this.pid = pid;
    const lifeline = holdLifeline(child, LIFELINE);
    const forget = atProcessExit(() => process.kill(-pid, "SIGKILL"));
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#running = false;
        forget();
        lifeline.release();
        resolve({ code, signal });
      });
    });
  }

  get running(): boolean {
    return this.#running;
  }

  /** SIGKILL, and waits until the process is gone. Nothing to do where it already is. */
  async kill(): Promise<void> {
    if (this.#running) process.kill(-this.pid, "SIGKILL");
    await this.exited;
  }

  pause(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  #signal(name: NodeJS.Signals): void {
    assert(this.#running, `${name} needs a running process`);
    process.kill(this.pid, name);
  }
}
