export const CONNECTION_LOSS = "CONNECTIONLOSS";
/** A lock's lease ran out, so the lock may be another's by now. */
export const LEASE_LOST = "LEASELOST";

/** An operation on Redis failed. `code` is the first word of the server's error, CONNECTIONLOSS, LEASELOST or CANCELLED. */
export class RedisError extends Error {
  override readonly name = "RedisError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}
