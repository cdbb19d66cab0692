import { assert } from "../../../base/assert.js";
import { randomBelow, randomFraction } from "../../../base/random.js";
import type { LockMode, SharedLockSession } from "../../../targets/driver.js";
import type { Tally } from "../../load/tally.js";
import type { SharedLockWorkload } from "../../profile/profile.js";
import type { ActorTurns, Stage } from "../actor.js";
import { Contender, type Contest } from "../contention/contender.js";
import { Fencing } from "../contention/fencing.js";
import { WaitingWords, waitingWords } from "../contention/waiting-words.js";
import { SHARED_LOCK_WORDS, SharedLockWords } from "./shared-words.js";

/** Of readers that leave, the last one lets the next in: one release is waited for at a time. */
const RELEASES_MAX = 1;
/** Of one lock. */
export const SHARED_LOCK_CONTEST_WORDS = SHARED_LOCK_WORDS + waitingWords(RELEASES_MAX);

const OPERATIONS: Readonly<Record<LockMode, string>> = { read: "acquire-read", write: "acquire-write" };

export function sharedLockContender(stage: Stage): Contender {
  const { workload } = stage.job;
  assert(workload.kind === "shared-lock", "a shared-lock contender needs a shared-lock workload");
  return new Contender(stage, new SharedLockContest(stage, workload), workload.holdMicros);
}

/**
 * Read/write locks, one of which, and whether to read or to write, is drawn each time. Every grant is checked, over all
 * workers: `shared-exclusion` (a writer holds alone, a reader with readers only) and `fencing-tokens`.
 */
class SharedLockContest implements Contest {
  private readonly stage: Stage;
  private readonly workload: SharedLockWorkload;
  private readonly sharedExclusion: Tally;
  private readonly fencing: Fencing;
  private readonly locks: readonly { readonly held: SharedLockWords; readonly waiting: WaitingWords }[];
  private session: SharedLockSession | undefined;
  private index = 0;
  private mode: LockMode = "read";
  private token: number | undefined;

  constructor(stage: Stage, workload: SharedLockWorkload) {
    this.stage = stage;
    this.workload = workload;
    this.sharedExclusion = stage.tally("shared-exclusion");
    this.fencing = new Fencing(stage);
    this.locks = Array.from({ length: workload.locks }, (_, index) => {
      const at = index * SHARED_LOCK_CONTEST_WORDS;
      return {
        held: new SharedLockWords(stage.region, at),
        waiting: new WaitingWords(stage.region, at + SHARED_LOCK_WORDS, RELEASES_MAX),
      };
    });
  }

  get events(): number {
    return this.session?.events ?? 0;
  }

  get operation(): string {
    return OPERATIONS[this.mode];
  }

  get waiting(): WaitingWords {
    return this.lock.waiting;
  }

  async open(): Promise<void> {
    const { job, index, driver } = this.stage;
    const { members, root, sessionTimeoutMs } = job;
    this.session = await driver.openSession("sharedLock", { members, index, root, sessionTimeoutMs });
  }

  draw(): void {
    const { random } = this.stage;
    this.index = randomBelow(random, this.workload.locks);
    this.mode = randomFraction(random) < this.workload.writers ? "write" : "read";
  }

  async acquire(): Promise<void> {
    this.token = (await (this.session as SharedLockSession).acquire(this.index, this.mode)).fencingToken;
  }

  enter(_turns: ActorTurns, _grantedMicros: number): void {
    const { index, mode, token } = this;
    const { held } = this.lock;
    this.sharedExclusion.observations++;
    const { readers, writers } = held.enter(mode);
    if (writers > 0 || (mode === "write" && readers > 0)) {
      this.sharedExclusion.violated(
        `connection ${this.stage.index} was granted lock ${index} to ${mode} while ${readers} readers and ${writers} writers held it`,
      );
    }
    if (token === undefined) return;
    const before = held.noteToken(mode, token);
    this.fencing.judge(
      token > before ? undefined : `lock ${index} to ${mode} with token ${token} after token ${before}`,
    );
  }

  leave(): void {
    this.lock.held.leave(this.mode);
  }

  async release(): Promise<void> {
    await (this.session as SharedLockSession).release(this.index);
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private get lock(): { readonly held: SharedLockWords; readonly waiting: WaitingWords } {
    return this.locks[this.index] as (typeof this.locks)[number];
  }
}
