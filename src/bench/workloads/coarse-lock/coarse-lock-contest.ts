import { randomBelow, randomFraction } from "../../../base/random.js";
import type { CoarseLockSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { CoarseLockWorkload } from "../../profile/profile.js";
import type { ActorTurns, Stage } from "../actor.js";
import type { Contest } from "../contention/contender.js";
import type { WaitingWords } from "../contention/waiting-words.js";
import { LockJudge } from "../lock/lock-judge.js";
import { type SharedCoarseLock, sharedCoarseLocks } from "./layout.js";

/** Before a session that could not be opened is tried again. */
const RETRY_MS = 50;

/**
 * Coarse locks, one of which is drawn each time; a share of the holders is lost: its session ends without a release. Beside
 * what is checked of every exclusive lock: `lock-delay` (after a loss nobody is granted the lock within its delay).
 */
export class CoarseLockContest implements Contest {
  readonly operation = "acquire";
  private readonly stage: Stage;
  private readonly workload: CoarseLockWorkload;
  private readonly judge: LockJudge;
  private readonly lockDelay: Tally | undefined;
  private readonly locks: readonly SharedCoarseLock[];
  private session: CoarseLockSession | undefined;
  private eventsBefore = 0;
  private index = 0;
  private token: number | undefined;
  private sequencer = "";

  constructor(stage: Stage, workload: CoarseLockWorkload) {
    this.stage = stage;
    this.workload = workload;
    this.judge = new LockJudge(stage);
    this.lockDelay = workload.lost > 0 ? stage.tally("lock-delay") : undefined;
    this.locks = sharedCoarseLocks(stage.region, workload.locks);
  }

  get events(): number {
    return this.eventsBefore + (this.session?.events ?? 0);
  }

  get waiting(): WaitingWords {
    return this.lock.waiting;
  }

  async open(): Promise<void> {
    const { job, index, driver } = this.stage;
    const { members, root, sessionTimeoutMs } = job;
    this.session = await driver.openSession("coarseLock", { members, index, root, sessionTimeoutMs });
  }

  draw(): void {
    this.index = randomBelow(this.stage.random, this.workload.locks);
  }

  async acquire(): Promise<void> {
    const session = this.session as CoarseLockSession;
    const grant = await session.acquire(this.index, this.workload.lockDelayMicros / 1_000);
    this.token = grant.fencingToken;
    this.sequencer = grant.sequencer;
  }

  enter(turns: ActorTurns, grantedMicros: number): void {
    this.judge.enter(this.index, this.lock.held, this.token);
    const { atMicros, awaited } = this.lock.shown.takeLoss();
    if (atMicros > 0) this.takenOver(turns, atMicros, awaited, grantedMicros);
    this.lock.shown.show(this.sequencer);
  }

  leave(): void {
    this.lock.shown.withdraw();
    this.lock.held.leave();
  }

  async release(): Promise<void> {
    await (this.session as CoarseLockSession).release(this.index);
  }

  async lose(turns: ActorTurns): Promise<boolean> {
    if (randomFraction(this.stage.random) >= this.workload.lost) return false;
    const session = this.session as CoarseLockSession;
    const { waiting, shown } = this.lock;
    waiting.forget();
    shown.lose(nowMicros(), waiting.waiters > 0);
    this.leave();
    this.eventsBefore += session.events;
    this.session = undefined;
    await session.close();
    turns.add("losses", 1);
    while (this.session === undefined && !turns.over) {
      try {
        await this.open();
      } catch {
        // The servers may be away for a moment; acquisitions that fail tell of it if they are away for long.
        await turns.pause(RETRY_MS);
      }
    }
    return true;
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private get lock(): SharedCoarseLock {
    return this.locks[this.index] as SharedCoarseLock;
  }

  private takenOver(turns: ActorTurns, lostMicros: number, awaited: boolean, grantedMicros: number): void {
    if (awaited) turns.record("take-over", lostMicros, grantedMicros);
    const { lockDelay } = this;
    if (lockDelay === undefined) return;
    lockDelay.observations++;
    const passedMicros = grantedMicros - lostMicros;
    if (passedMicros >= this.workload.lockDelayMicros) return;
    lockDelay.violated(
      `connection ${this.stage.index} was granted lock ${this.index} ${Math.round(passedMicros)} us after its holder was ` +
        `lost, within the lock delay of ${this.workload.lockDelayMicros} us`,
    );
  }
}
