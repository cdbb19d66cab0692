import { USER_ERRORS, UserError } from "./user-error.js";

const DURATION_MICROS = { us: 1, ms: 1_000, s: 1_000_000, m: 60_000_000, h: 3_600_000_000 } as const;
/** Beyond 24.8 days a timer fires at once. */
const DURATION_MICROS_MAX = 480 * DURATION_MICROS.h;
const SIZE_BYTES = { b: 1, kb: 1_000, kib: 1_024, mb: 1_000_000, mib: 1_048_576, gb: 1e9, gib: 2 ** 30 } as const;

/** "250us", "5ms", "10s", "2m", "1h"; a bare number is refused, since its unit would be a guess, and more than 480 h. In microseconds. */
export function parseDurationMicros(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(us|ms|s|m|h)$/.exec(text.trim());
  const micros = match ? Math.round(Number(match[1]) * DURATION_MICROS[match[2] as keyof typeof DURATION_MICROS]) : -1;
  if (micros < 0 || micros > DURATION_MICROS_MAX) throw new UserError(USER_ERRORS.badDuration, { value: text });
  return micros;
}

/** "100", "100b", "4KiB", "1MB"; a bare number is bytes. */
export function parseSizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]i?b|b)?$/i.exec(text.trim());
  if (!match) throw new UserError(USER_ERRORS.badSize, { value: text });
  return Math.round(Number(match[1]) * SIZE_BYTES[(match[2] ?? "b").toLowerCase() as keyof typeof SIZE_BYTES]);
}

/** "10%" is 0.1; a bare number is refused, since 0.1 could mean either. */
export function parsePercentage(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (!match) throw new UserError(USER_ERRORS.badPercentage, { value: text });
  return Number(match[1]) / 100;
}

export function formatMicros(micros: number): string {
  if (micros < 1_000) return `${Math.round(micros)} us`;
  if (micros < 100_000) return `${(micros / 1_000).toFixed(micros < 10_000 ? 2 : 1)} ms`;
  if (micros < 1_000_000) return `${Math.round(micros / 1_000)} ms`;
  return `${(micros / 1_000_000).toFixed(2)} s`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(1)} KiB`;
  if (bytes < 2 ** 30) return `${(bytes / 1_048_576).toFixed(1)} MiB`;
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

/** Parses a whole number given to a command line's option. Throws UserError `badNumber`. */
export function parseWholeOption(option: string, text: string, max: number, min?: number): number;
export function parseWholeOption(
  option: string,
  text: string | undefined,
  max: number,
  min?: number,
): number | undefined;
export function parseWholeOption(option: string, text: string | undefined, max: number, min = 1): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UserError(USER_ERRORS.badNumber, { value: text, min, max }, option);
  }
  return value;
}
