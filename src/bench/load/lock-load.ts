import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { assert } from "../../base/assert.js";
import { type RandomSource, randomBelow } from "../../base/random.js";
import type { LockSession, TargetDriver } from "../../targets/driver.js";
import { LoadShared, type LockWords, type WorkerCounters } from "../../workers/load-shared.js";
import type { LockWorkload } from "../profile/profile.js";
import { nowMicros } from "./clock.js";
import { failureName } from "./failure.js";
import type { Load, LoadJob, LoadReport, LoadWindow } from "./load.js";
import { openAll, ownConnections, sleepUntil } from "./opening.js";
import { SessionWindow } from "./session-window.js";
import { operationSource } from "./streams.js";
import { Tally } from "./tally.js";

const ACQUIRE = 0;
const HAND_OVER = 1;
const RELEASE = 2;
const OPERATIONS = ["acquire", "hand-over", "release"] as const;

/** Between a failed attempt and the next. */
const RETRY_MS = 20;

interface Contender {
  readonly index: number;
  readonly session: LockSession;
  readonly source: RandomSource;
  acquisitions: number;
  /** When the attempt that is under way began; 0 where none is. */
  waitingSinceMicros: number;
}

/**
 * Contenders for exclusive locks. Every grant is checked, over all workers: `mutual-exclusion` (no lock has two holders at
 * a time) and `fencing-tokens` (of one lock, each grant's token is larger than the one's before).
 */
export class LockLoad implements Load {
  private readonly job: LoadJob;
  private readonly workload: LockWorkload;
  private readonly driver: TargetDriver;
  private readonly worker: number;
  private readonly counters: WorkerCounters;
  private readonly locks: readonly LockWords[];
  private readonly contenders: Contender[] = [];
  private readonly mutualExclusion = new Tally("mutual-exclusion");
  private readonly fencingTokens = new Tally("fencing-tokens");
  private window: SessionWindow | undefined;

  constructor(job: LoadJob, driver: TargetDriver, worker: number) {
    assert(job.workload.kind === "lock", "a lock load needs a lock workload");
    this.job = job;
    this.workload = job.workload;
    this.driver = driver;
    this.worker = worker;
    const shared = new LoadShared(job.workers, job.workload.locks, job.shared);
    this.counters = shared.counters(worker);
    this.locks = Array.from({ length: job.workload.locks }, (_, index) => shared.lock(index));
  }

  async open(): Promise<void> {
    const { members, root, sessionTimeoutMs, seed } = this.job;
    await openAll(ownConnections(this.job, this.worker), async (index) => {
      const session = await this.driver.openLockSession({ members, index, root, sessionTimeoutMs });
      this.counters.addConnected(1);
      const source = operationSource(seed, index);
      this.contenders.push({ index, session, source, acquisitions: 0, waitingSinceMicros: 0 });
    });
    this.contenders.sort((a, b) => a.index - b.index);
  }

  async run(range: LoadWindow): Promise<LoadReport> {
    const window = new SessionWindow(OPERATIONS, range);
    this.window = window;
    await sleepUntil(range.startMicros);
    const all = Promise.all(this.contenders.map((contender) => this.contend(contender, window)));
    const used = await window.drained(all.then(() => undefined));
    const now = nowMicros();
    for (const contender of this.contenders) {
      if (contender.waitingSinceMicros === 0) continue;
      window.recorder.failed(ACQUIRE, "UNANSWERED", contender.waitingSinceMicros, now);
    }
    this.window = undefined;
    return {
      operations: window.finish(),
      sendLag: undefined,
      ...used,
      checks: [this.mutualExclusion.report(), this.fencingTokens.report()],
      acquisitions: this.contenders.map((contender) => contender.acquisitions),
      gaps: [],
      disconnects: 0,
      sessionsLost: 0,
    };
  }

  endNow(drainMs: number): void {
    this.window?.endNow(drainMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.contenders.map((contender) => contender.session.close()));
  }

  private async contend(contender: Contender, window: SessionWindow): Promise<void> {
    while (!window.over) {
      const index = randomBelow(contender.source, this.workload.locks);
      const lock = this.locks[index] as LockWords;
      const askedMicros = nowMicros();
      contender.waitingSinceMicros = askedMicros;
      lock.addWaiter(1);
      let token: number;
      try {
        token = (await contender.session.acquire(index)).fencingToken;
      } catch (error) {
        if (this.window !== window) return;
        this.counters.fail();
        window.recorder.failed(ACQUIRE, failureName(error), askedMicros, nowMicros());
        contender.waitingSinceMicros = 0;
        lock.addWaiter(-1);
        await sleep(RETRY_MS);
        continue;
      }
      const grantedMicros = nowMicros();
      // Granted after the window was given up: closing the session releases it.
      if (this.window !== window) return;
      contender.waitingSinceMicros = 0;
      lock.addWaiter(-1);
      this.checkGrant(contender.index, index, lock, token);
      this.counters.complete(grantedMicros - askedMicros);
      if (askedMicros >= window.recordMicros) contender.acquisitions++;
      window.recorder.succeeded(ACQUIRE, askedMicros, askedMicros, grantedMicros);
      const handedOverMicros = lock.exchangeReleasedAt(0);
      if (handedOverMicros > 0) {
        window.recorder.succeeded(HAND_OVER, handedOverMicros, handedOverMicros, grantedMicros);
      }
      // Held for a turn of the event loop at the least: a second holder must find it held.
      if (this.workload.holdMicros > 0) await sleep(this.workload.holdMicros / 1_000);
      else await turn();
      await this.release(contender, index, lock, window);
    }
  }

  private async release(contender: Contender, index: number, lock: LockWords, window: SessionWindow): Promise<void> {
    const releasedMicros = nowMicros();
    lock.exchangeReleasedAt(lock.waiters > 0 ? releasedMicros : 0);
    lock.leave();
    try {
      await contender.session.release(index);
    } catch (error) {
      if (this.window !== window) return;
      this.counters.fail();
      window.recorder.failed(RELEASE, failureName(error), releasedMicros, nowMicros());
      return;
    }
    if (this.window === window) window.recorder.succeeded(RELEASE, releasedMicros, releasedMicros, nowMicros());
  }

  private checkGrant(contender: number, index: number, lock: LockWords, token: number): void {
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
