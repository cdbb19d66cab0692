import { assert } from "../../base/assert.js";

/** A session as the server that decides on its expiry keeps it. */
export interface Session {
  readonly id: bigint;
  /** What its client was told last: a client that comes back may ask for another one. */
  timeoutMs: number;
  /** The end of the bucket it expires with; moved on by `touch`. */
  expiryMs: number;
  /** Set once it is being closed: it takes no further request. */
  closing: boolean;
}

/**
 * Sessions in buckets of one tick, which expire as a whole, so a touch costs a comparison in most cases (upstream:
 * ExpiryQueue). Time is passed in, in milliseconds of any monotonic clock.
 */
export class SessionTracker {
  private readonly sessions = new Map<bigint, Session>();
  private readonly buckets = new Map<number, Set<Session>>();
  private nextExpiryMs: number;
  private readonly tickMs: number;

  constructor(tickMs: number, nowMs: number) {
    assert(tickMs > 0, "a tick takes time");
    this.tickMs = tickMs;
    this.nextExpiryMs = this.bucketEnd(nowMs);
  }

  get count(): number {
    return this.sessions.size;
  }

  get(id: bigint): Session | undefined {
    return this.sessions.get(id);
  }

  all(): Iterable<Session> {
    return this.sessions.values();
  }

  /** Adding what is there already touches it. */
  add(id: bigint, timeoutMs: number, nowMs: number): Session {
    let session = this.sessions.get(id);
    if (session === undefined) {
      session = { id, timeoutMs, expiryMs: -1, closing: false };
      this.sessions.set(id, session);
    }
    this.touch(session, nowMs);
    return session;
  }

  /** Gives it its full time from now on, and that is `timeoutMs` from now on. */
  touch(session: Session, nowMs: number, timeoutMs = session.timeoutMs): void {
    session.timeoutMs = timeoutMs;
    const expiryMs = this.bucketEnd(nowMs + timeoutMs);
    if (expiryMs === session.expiryMs) return;
    this.buckets.get(session.expiryMs)?.delete(session);
    session.expiryMs = expiryMs;
    let bucket = this.buckets.get(expiryMs);
    if (bucket === undefined) {
      bucket = new Set();
      this.buckets.set(expiryMs, bucket);
    }
    bucket.add(session);
  }

  remove(id: bigint): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    this.sessions.delete(id);
    this.buckets.get(session.expiryMs)?.delete(session);
  }

  /** The sessions whose time has run out by `nowMs`; each is named once, and stays until `remove`. */
  takeExpired(nowMs: number): readonly Session[] {
    const expired: Session[] = [];
    while (this.nextExpiryMs <= nowMs) {
      const bucket = this.buckets.get(this.nextExpiryMs);
      if (bucket !== undefined) {
        this.buckets.delete(this.nextExpiryMs);
        for (const session of bucket) if (!session.closing) expired.push(session);
      }
      this.nextExpiryMs += this.tickMs;
    }
    return expired;
  }

  /** Gives every session its full time again, as after a pause in which nobody could be heard (a restart). */
  touchAll(nowMs: number): void {
    for (const session of this.sessions.values()) this.touch(session, nowMs);
  }

  private bucketEnd(timeMs: number): number {
    return (Math.floor(timeMs / this.tickMs) + 1) * this.tickMs;
  }
}
