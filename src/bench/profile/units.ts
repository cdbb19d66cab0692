import { USER_ERRORS, UserError } from "../../base/user-error.js";

/** Every operation that was due and not sent is counted one by one: no run may end in a count without end. */
const RATE_PER_SECOND_MAX = 10_000_000;

/** "5000/s" or "5000": operations per second. Throws UserError `badRate`. */
export function parseRatePerSecond(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text.trim());
  const rate = match ? Number(match[1]) : 0;
  if (rate === 0 || rate > RATE_PER_SECOND_MAX) throw new UserError(USER_ERRORS.badRate, { value: text });
  return rate;
}

/** "10%" is 0.1. Throws UserError `badShare`. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (!match || Number(match[1]) > 100) throw new UserError(USER_ERRORS.badShare, { value: text });
  return Number(match[1]) / 100;
}
