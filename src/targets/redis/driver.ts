import { AssertionError } from "../../base/assert.js";
import {
  type LoadSession,
  openerOf,
  type Recipe,
  type RecipeSessions,
  type SessionOpeners,
  type SessionOptions,
  type TargetDriver,
} from "../driver.js";
import { OpenSessions, openDriver } from "../opening.js";
import type { Address } from "../target.js";
import { RedisError } from "./errors.js";
import { below, valueKey } from "./keys.js";
import { RedisLockSession } from "./lock-session.js";
import { PrimaryLink } from "./primary-link.js";

const CONNECT_TIMEOUT_MS = 10_000;
const SCAN_COUNT = 1_000;
const SETS_AT_ONCE = 1_000;

/** For the lock workloads, which are all that runs on Redis. */
class RedisDriver implements TargetDriver {
  readonly target = "redis";
  private readonly link: PrimaryLink;
  private readonly sessions = new OpenSessions();
  private readonly openers: SessionOpeners = { lock: (options) => this.sessions.open(new RedisLockSession(options)) };

  constructor(members: readonly Address[]) {
    this.link = new PrimaryLink({ members, answerTimeoutMs: CONNECT_TIMEOUT_MS });
  }

  open(): Promise<void> {
    return this.link.open();
  }

  async populate(root: string, keys: number, valueBytes: number): Promise<void> {
    const value = "zabench ".repeat(Math.ceil(valueBytes / 8)).slice(0, valueBytes);
    await this.link.use(async (connection) => {
      await connection.call("SET", root, "");
      for (let first = 0; first < keys; first += SETS_AT_ONCE) {
        const some = Array.from({ length: Math.min(SETS_AT_ONCE, keys - first) }, (_, offset) => first + offset);
        await Promise.all(some.map((key) => connection.call("SET", valueKey(root, key), value)));
      }
    });
  }

  async remove(root: string): Promise<void> {
    await this.link.use(async (connection) => {
      let cursor = "0";
      do {
        const page = await connection.call("SCAN", cursor, "MATCH", below(root), "COUNT", SCAN_COUNT);
        const [next, keys] = page as readonly [string, readonly string[]];
        if (keys.length > 0) await connection.call("DEL", ...keys);
        cursor = next;
      } while (cursor !== "0");
      await connection.call("DEL", root);
    });
  }

  createdOrders(): Promise<ReadonlySet<number>> {
    throw new AssertionError("Redis has no positions in a history");
  }

  openLoadSession(): Promise<LoadSession> {
    throw new AssertionError("only lock workloads run on Redis");
  }

  openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> {
    return openerOf(this.openers, recipe, this.target)(options);
  }

  async close(): Promise<void> {
    await this.sessions.close();
    this.link.close();
  }
}

/**
 * Connects to the primary; throws UserError `targetUnreachable` where none answers within ten seconds, `targetRefuses` where
 * it asks for a password.
 */
export async function createRedisDriver(members: readonly Address[]): Promise<TargetDriver> {
  return await openDriver(new RedisDriver(members), members, RedisError);
}
