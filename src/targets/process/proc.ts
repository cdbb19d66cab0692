import { readFile } from "node:fs/promises";
import type { ProcessUsage } from "../target.js";

/** Linux reports process times to user space in hundredths of a second on every architecture that Node runs on. */
const MICROS_PER_TICK = 10_000;

/** utime + stime of `/proc/PID/stat`: of all threads, those that have ended included. */
export function parseCpuMicros(stat: string): number | undefined {
  // The command's name, in parentheses, may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks * MICROS_PER_TICK : undefined;
}

/** `write_bytes` of `/proc/PID/io`. */
export function parseWrittenBytes(io: string): number | undefined {
  const match = /^write_bytes: (\d+)$/m.exec(io);
  return match === null ? undefined : Number(match[1]);
}

/** `VmRSS` of `/proc/PID/status`. */
export function parseResidentBytes(status: string): number | undefined {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return match === null ? undefined : Number(match[1]) * 1_024;
}

/** Undefined where the process is gone, is another user's, or the system has no /proc. */
export async function readProcessUsage(pid: number): Promise<Omit<ProcessUsage, "syncs"> | undefined> {
  try {
    const [stat, io, status] = await Promise.all(
      ["stat", "io", "status"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8")),
    );
    const cpuMicros = parseCpuMicros(stat ?? "");
    const writtenBytes = parseWrittenBytes(io ?? "");
    const residentBytes = parseResidentBytes(status ?? "");
    if (cpuMicros === undefined || writtenBytes === undefined || residentBytes === undefined) return undefined;
    return { cpuMicros, writtenBytes, residentBytes };
  } catch {
    return undefined;
  }
}
