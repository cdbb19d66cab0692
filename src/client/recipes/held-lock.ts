import type { Zxid } from "../../base/zxid.js";

export interface AcquireOptions {
  /** Aborted, it ends the wait, and what was begun is given up; the wait is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface HeldLock {
  /** Grows with every grant of the lock: the czxid of the holder's node. Stores that check it refuse late writers. */
  readonly fencingToken: Zxid;
  /** The holder's node. */
  readonly path: string;
  /**
   * Aborted once the session is over and the lock with it. While the client is disconnected that cannot be known: who
   * must not act beyond the lock passes the fencing token on.
   */
  readonly lost: AbortSignal;
  /** Gives the lock up. Resolves where it is gone already. */
  release(): Promise<void>;
}
