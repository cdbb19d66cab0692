import { randomUUID } from "node:crypto";
import { assert } from "../../base/assert.js";
import type { Grant, LockSession, SessionOptions } from "../driver.js";
import type { RedisConnection } from "./connection.js";
import { LEASE_LOST, RedisError } from "./errors.js";
import { lockKey, releasedChannel } from "./keys.js";
import { Lease } from "./lease.js";
import { PrimaryLink } from "./primary-link.js";

/** Only who holds the lock may give it up or keep it: the key may have run out and be another's by now. */
const RELEASE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], '')
return 1`;
const RENEW = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** A key that lives for ever is not one of ours: it is looked at again after a lease. */
const PTTL_FOR_EVER = -1;

/** "Granted since", by performance.now(), or how long the key of the holder has still to live. */
type Attempt = { readonly sentAt: number } | { readonly remainingMs: number };

function leaseLost(): RedisError {
  return new RedisError(LEASE_LOST, "the lease ran out, and the lock with it");
}

/**
 * Locks as Redis' documentation makes them ("Distributed Locks with Redis"): a key that is set where there is none, to a
 * random token and for the time of a lease, and deleted by whoever has the token. Who waits is told of a release by a
 * message, as Redisson does it, so that what is measured is not a polling interval; all that wait try again then, and
 * again when the holder's lease would have run out. There is no queue and, the token being random, no fencing token.
 */
export class RedisLockSession implements LockSession {
  events = 0;
  private readonly options: SessionOptions;
  private readonly commands: PrimaryLink;
  private readonly notices: PrimaryLink;
  private readonly held = new Map<number, Lease>();
  /** Channels, and what wakes who waits for a message of each. */
  private readonly wakes = new Map<string, () => void>();

  constructor(options: SessionOptions) {
    this.options = options;
    const { members, sessionTimeoutMs: answerTimeoutMs } = options;
    this.commands = new PrimaryLink({ members, answerTimeoutMs });
    this.notices = new PrimaryLink({
      members,
      answerTimeoutMs,
      onMessage: (channel) => {
        this.events++;
        this.wakes.get(channel)?.();
      },
      welcome: async (connection) => {
        for (const [channel, wake] of this.wakes) {
          await connection.call("SUBSCRIBE", channel);
          // What was published meanwhile was missed.
          wake();
        }
      },
    });
  }

  async open(): Promise<void> {
    await Promise.all([this.commands.open(), this.notices.open()]);
  }

  /** Rejects with RedisError CANCELLED when the session is closed meanwhile. A session takes part in a lock once at a time. */
  async acquire(lock: number): Promise<Grant> {
    assert(!this.held.has(lock), "the session holds the lock already");
    const key = lockKey(this.options.root, lock);
    const channel = releasedChannel(this.options.root, lock);
    const token = randomUUID();
    await this.subscribe(channel);
    for (;;) {
      // Listened for before the attempt, so that a release between the attempt and the wait is not missed.
      const released = new Promise<void>((resolve) => this.wakes.set(channel, resolve));
      const attempt = await this.commands.use((connection, again) => this.attempt(connection, key, token, again));
      if ("sentAt" in attempt) {
        const { sentAt } = attempt;
        this.held.set(lock, new Lease(token, this.leaseMs, sentAt, () => this.renew(key, token)));
        return { fencingToken: undefined };
      }
      await atMost(attempt.remainingMs, released);
    }
  }

  /** Rejects with LEASELOST if the lock was lost before: another may have held it since. */
  async release(lock: number): Promise<void> {
    const lease = this.held.get(lock);
    assert(lease !== undefined, "the session does not hold the lock");
    this.held.delete(lock);
    lease.end();
    if (lease.lost) throw leaseLost();
    const deleted = await this.commands.use(async (connection, again) => {
      const count = await connection.call(...this.releaseOf(lock, lease));
      // A try whose answer was lost may have deleted the key.
      return count === 1 || again;
    });
    if (!deleted) throw leaseLost();
  }

  async close(): Promise<void> {
    const { connection } = this.commands;
    const releases = [...this.held].map(async ([lock, lease]) => {
      lease.end();
      // What cannot be deleted now runs out by itself.
      await connection?.call(...this.releaseOf(lock, lease)).catch(() => undefined);
    });
    this.held.clear();
    await Promise.all(releases);
    this.commands.close();
    this.notices.close();
    for (const wake of this.wakes.values()) wake();
  }

  private get leaseMs(): number {
    return this.options.sessionTimeoutMs;
  }

  private releaseOf(lock: number, { token }: Lease): readonly (string | number)[] {
    const { root } = this.options;
    return ["EVAL", RELEASE, 1, lockKey(root, lock), token, releasedChannel(root, lock)];
  }

  /** For as long as the session lives. */
  private async subscribe(channel: string): Promise<void> {
    if (this.wakes.has(channel)) return;
    this.wakes.set(channel, () => undefined);
    await this.notices.use((connection) => connection.call("SUBSCRIBE", channel));
  }

  private async attempt(connection: RedisConnection, key: string, token: string, again: boolean): Promise<Attempt> {
    const sentAt = performance.now();
    if (again && (await this.renewOn(connection, key, token))) return { sentAt };
    const [set, remaining] = await Promise.all([
      connection.call("SET", key, token, "NX", "PX", this.leaseMs),
      connection.call("PTTL", key),
    ]);
    if (set === "OK") return { sentAt };
    return { remainingMs: remaining === PTTL_FOR_EVER ? this.leaseMs : Math.max(0, Number(remaining)) };
  }

  private renew(key: string, token: string): Promise<number | undefined> {
    return this.commands.use(async (connection) => {
      const sentAt = performance.now();
      return (await this.renewOn(connection, key, token)) ? sentAt : undefined;
    });
  }

  private async renewOn(connection: RedisConnection, key: string, token: string): Promise<boolean> {
    return (await connection.call("EVAL", RENEW, 1, key, token, this.leaseMs)) === 1;
  }
}

async function atMost(millis: number, event: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, millis);
  });
  await Promise.race([event, late]);
  clearTimeout(timer);
}
