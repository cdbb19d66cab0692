import { readFile } from "node:fs/promises";
import { setPriority } from "node:os";
import { join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { formatLogLines, readLogTail } from "../process/log-tail.js";
import { describeExit, SupervisedProcess } from "../process/supervised-process.js";

export interface ToolCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
}

const LOG_LINES = 15;

/** An install takes all the cores for minutes: whatever else runs on the machine goes first. */
const NICENESS = 10;

let commandCount = 0;

/**
 * Runs a program to its end and gives everything it wrote, both streams in one. It ends with this process, however that
 * ends. Throws UserError `commandFailed` with its last lines.
 */
export async function runCommand(command: ToolCommand): Promise<string> {
  const logPath = join(command.folder, `command-${++commandCount}.log`);
  const child = new SupervisedProcess({
    file: command.file,
    args: command.args,
    folder: command.folder,
    logPath,
    ...(command.environment === undefined ? {} : { environment: command.environment }),
  });
  try {
    setPriority(child.pid, NICENESS);
  } catch {
    // It has ended already.
  }
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    void child.kill();
  }, command.timeoutMs);
  const status = await child.exited;
  clearTimeout(timer);
  if (status.code === 0) return await readFile(logPath, "utf8");
  const log = formatLogLines(await readLogTail(logPath), LOG_LINES);
  throw new UserError(USER_ERRORS.commandFailed, {
    command: [command.file, ...command.args].join(" "),
    reason: timedOut ? `did not finish within ${command.timeoutMs / 1_000} s` : `ended with ${describeExit(status)}`,
    log,
  });
}
