import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { formatAddress } from "../address.js";
import type { Address } from "../target.js";

export const CONNECTION_LOSS = "CONNECTIONLOSS";
/** The connection was gone before the command could be sent, so it had no effect. */
export const NOT_SENT = "NOTSENT";
/** A lock's lease ran out, so the lock may be another's by now. */
export const LEASE_LOST = "LEASELOST";

/** An operation on Redis failed. `code` is the first word of the server's error, CONNECTIONLOSS, NOTSENT, LEASELOST or CANCELLED. */
export class RedisError extends Error {
  override readonly name = "RedisError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/** What a server answers to everything until it is given a password, or to whom it does not serve at all. */
const REFUSALS = ["NOAUTH", "NOPERM", "DENIED"];

/** UserError `targetRefuses` where the server serves, but not us, which no later try mends; else undefined. */
export function refusalOf(error: unknown, address: Address): UserError | undefined {
  if (!(error instanceof RedisError) || !REFUSALS.includes(error.code)) return undefined;
  const details = { target: "redis", address: formatAddress(address), reason: error.message };
  return new UserError(USER_ERRORS.targetRefuses, details);
}
