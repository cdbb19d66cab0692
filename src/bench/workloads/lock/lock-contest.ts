import { assert } from "../../../base/assert.js";
import { randomBelow } from "../../../base/random.js";
import type { LockSession } from "../../../targets/driver.js";
import type { LockWorkload } from "../../profile/profile.js";
import type { ActorTurns, Stage } from "../actor.js";
import { Contender, type Contest } from "../contention/contender.js";
import { WaitingWords, waitingWords } from "../contention/waiting-words.js";
import { LockJudge } from "./lock-judge.js";
import { LOCK_WORDS, LockWords } from "./lock-words.js";

const HOLDERS_MAX = 1;
/** Of one lock. */
export const LOCK_CONTEST_WORDS = LOCK_WORDS + waitingWords(HOLDERS_MAX);

export function lockContender(stage: Stage): Contender {
  const { workload } = stage.job;
  assert(workload.kind === "lock", "a lock contender needs a lock workload");
  return new Contender(stage, new LockContest(stage, workload), workload.holdMicros);
}

/** Exclusive locks, one of which is drawn each time. */
class LockContest implements Contest {
  readonly operation = "acquire";
  private readonly stage: Stage;
  private readonly workload: LockWorkload;
  private readonly judge: LockJudge;
  private readonly locks: readonly { readonly held: LockWords; readonly waiting: WaitingWords }[];
  private session: LockSession | undefined;
  private index = 0;
  private token: number | undefined;

  constructor(stage: Stage, workload: LockWorkload) {
    this.stage = stage;
    this.workload = workload;
    this.judge = new LockJudge(stage);
    this.locks = Array.from({ length: workload.locks }, (_, index) => {
      const at = index * LOCK_CONTEST_WORDS;
      return {
        held: new LockWords(stage.region, at),
        waiting: new WaitingWords(stage.region, at + LOCK_WORDS, HOLDERS_MAX),
      };
    });
  }

  get events(): number {
    return this.session?.events ?? 0;
  }

  get waiting(): WaitingWords {
    return this.lock.waiting;
  }

  async open(): Promise<void> {
    const { job, index, driver } = this.stage;
    const { members, root, sessionTimeoutMs } = job;
    const recipe = this.workload.watching === "all" ? "herdLock" : "lock";
    this.session = await driver.openSession(recipe, { members, index, root, sessionTimeoutMs });
  }

  draw(): void {
    this.index = randomBelow(this.stage.random, this.workload.locks);
  }

  async acquire(): Promise<void> {
    this.token = (await (this.session as LockSession).acquire(this.index)).fencingToken;
  }

  enter(_turns: ActorTurns, _grantedMicros: number): void {
    this.judge.enter(this.index, this.lock.held, this.token);
  }

  leave(): void {
    this.lock.held.leave();
  }

  async release(): Promise<void> {
    await (this.session as LockSession).release(this.index);
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private get lock(): { readonly held: LockWords; readonly waiting: WaitingWords } {
    return this.locks[this.index] as (typeof this.locks)[number];
  }
}
