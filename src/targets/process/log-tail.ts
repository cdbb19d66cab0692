import { statSync } from "node:fs";
import { open } from "node:fs/promises";

const TAIL_BYTES = 65_536;

/** Where the next line of a log will stand; 0 where there is none yet. */
export function logEnd(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last lines of a log after `offset` that are not blank, the oldest first; empty where there is no log. */
export async function readLogTail(path: string, offset = 0): Promise<string[]> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.max(0, Math.min(size - offset, TAIL_BYTES)));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
      const text = buffer.toString("utf8", 0, bytesRead);
      return text.split("\n").filter((line) => line.trim() !== "");
    } finally {
      await file.close();
    }
  } catch {
    return [];
  }
}

/** For a message: the last `count` lines, each on its own and indented. The frames of a stack trace only push out its cause. */
export function formatLogLines(lines: readonly string[], count: number): string {
  return lines
    .filter((line) => !/^\s+(at |\.\.\. \d+ )/.test(line))
    .slice(-count)
    .map((line) => `\n    ${line}`)
    .join("");
}
