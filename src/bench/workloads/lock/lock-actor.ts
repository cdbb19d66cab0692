import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { assert } from "../../../base/assert.js";
import { randomBelow } from "../../../base/random.js";
import type { LockSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { LockWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { LockWords } from "./lock-words.js";

/** Between a failed attempt and the next. */
const RETRY_MS = 20;

/**
 * A contender for exclusive locks. Every grant is checked, over all workers: `mutual-exclusion` (no lock has two holders at
 * a time) and `fencing-tokens` (of one lock, each grant's token is larger than the one's before).
 */
export class LockActor implements Actor {
  private readonly stage: Stage;
  private readonly workload: LockWorkload;
  private readonly locks: readonly LockWords[];
  private readonly mutualExclusion: Tally;
  private readonly fencingTokens: Tally;
  private session: LockSession | undefined;

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "lock", "a lock actor needs a lock workload");
    this.stage = stage;
    this.workload = workload;
    this.locks = Array.from({ length: workload.locks }, (_, index) => new LockWords(stage.region, index));
    this.mutualExclusion = stage.tally("mutual-exclusion");
    this.fencingTokens = stage.tally("fencing-tokens");
  }

  async open(): Promise<void> {
    const { job, index, driver } = this.stage;
    const { members, root, sessionTimeoutMs } = job;
    this.session = await driver.openSession("lock", { members, index, root, sessionTimeoutMs });
  }

  async act(turns: ActorTurns): Promise<void> {
    const session = this.session as LockSession;
    while (!turns.over) {
      const index = randomBelow(this.stage.random, this.workload.locks);
      const lock = this.locks[index] as LockWords;
      const attempt = turns.begin("acquire");
      lock.addWaiter(1);
      let token: number;
      try {
        token = (await session.acquire(index)).fencingToken;
      } catch (error) {
        lock.addWaiter(-1);
        turns.failed(attempt, error);
        await turns.pause(RETRY_MS);
        continue;
      }
      const grantedMicros = nowMicros();
      lock.addWaiter(-1);
      // Granted after the round was given up: closing the session releases it.
      if (turns.givenUp) return;
      turns.succeeded(attempt);
      turns.add("acquisitions", 1);
      this.checkGrant(index, lock, token);
      const handedOverMicros = lock.exchangeReleasedAt(0);
      if (handedOverMicros > 0) turns.record("hand-over", handedOverMicros, grantedMicros);
      // Held for a turn of the event loop at the least: a second holder must find it held.
      if (this.workload.holdMicros > 0) await sleep(this.workload.holdMicros / 1_000);
      else await turn();
      await this.release(session, index, lock, turns);
    }
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private async release(session: LockSession, index: number, lock: LockWords, turns: ActorTurns): Promise<void> {
    const attempt = turns.begin("release");
    lock.exchangeReleasedAt(lock.waiters > 0 ? attempt.startedMicros : 0);
    lock.leave();
    try {
      await session.release(index);
      turns.succeeded(attempt);
    } catch (error) {
      turns.failed(attempt, error);
    }
  }

  private checkGrant(index: number, lock: LockWords, token: number): void {
    const contender = this.stage.index;
    this.mutualExclusion.observations++;
    this.fencingTokens.observations++;
    const holders = lock.enter();
    if (holders !== 0) {
      this.mutualExclusion.violated(`connection ${contender} was granted lock ${index} while ${holders} held it`);
    }
    const before = lock.exchangeToken(token);
    if (token <= before) {
      this.fencingTokens.violated(
        `connection ${contender} was granted lock ${index} with token ${token} after token ${before}`,
      );
    }
  }
}
