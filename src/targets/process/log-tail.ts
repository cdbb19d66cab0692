import { open } from "node:fs/promises";

const TAIL_BYTES = 16_384;

/** The last `lines` lines of a log that are not blank, the oldest first; empty where there is no log. */
export async function readLogTail(path: string, lines: number): Promise<string[]> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
      const text = buffer.toString("utf8", 0, bytesRead);
      return text
        .split("\n")
        .filter((line) => line.trim() !== "")
        .slice(-lines);
    } finally {
      await file.close();
    }
  } catch {
    return [];
  }
}
