import { USER_ERRORS, UserError } from "../../base/user-error.js";

/** "5000/s" or "5000": operations per second. Throws UserError `badRate`. */
export function parseRatePerSecond(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text.trim());
  if (!match || Number(match[1]) === 0) throw new UserError(USER_ERRORS.badRate, { value: text });
  return Number(match[1]);
}

/** "10%" is 0.1. Throws UserError `badShare`. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (!match || Number(match[1]) > 100) throw new UserError(USER_ERRORS.badShare, { value: text });
  return Number(match[1]) / 100;
}
