import { type Logger, pino } from "pino";

export type { Logger } from "pino";

const LEVEL_NAMES: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" };

/** `12:00:00.000 warn  message key=value`, for people at a terminal. */
function readable(line: string): string {
  const { level, time, msg, pid: _pid, hostname: _hostname, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = new Date(time as number).toISOString().slice(11, 23);
  const fields = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${clock} ${(LEVEL_NAMES[level as number] ?? "?").padEnd(5)} ${String(msg)}${fields.join("")}\n`;
}

/** Logs to standard error: JSON lines, or readable ones where that is a terminal. */
export function createLogger(level: string): Logger {
  const destination = process.stderr.isTTY
    ? { write: (line: string) => void process.stderr.write(readable(line)) }
    : pino.destination({ dest: 2, sync: true });
  return pino({ level, base: null }, destination);
}
