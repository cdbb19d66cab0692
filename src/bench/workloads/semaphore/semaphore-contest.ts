import { assert } from "../../../base/assert.js";
import type { SemaphoreSession } from "../../../targets/driver.js";
import type { Tally } from "../../load/tally.js";
import type { SemaphoreWorkload } from "../../profile/profile.js";
import type { ActorTurns, Stage } from "../actor.js";
import { Contender, type Contest } from "../contention/contender.js";
import { Fencing } from "../contention/fencing.js";
import { WaitingWords, waitingWords } from "../contention/waiting-words.js";
import { SemaphoreWords, semaphoreWords } from "./semaphore-words.js";

export function semaphoreContestWords(leases: number): number {
  return semaphoreWords(leases) + waitingWords(leases);
}

export function semaphoreContender(stage: Stage): Contender {
  const { workload } = stage.job;
  assert(workload.kind === "semaphore", "a semaphore contender needs a semaphore workload");
  return new Contender(stage, new SemaphoreContest(stage, workload), workload.holdMicros);
}

/**
 * The leases of one semaphore. Every grant is checked, over all workers: `semaphore-limit` (never more holders than
 * leases) and `fencing-tokens` (no two holders have the same; leases are granted together, so tokens order nothing).
 */
class SemaphoreContest implements Contest {
  readonly operation = "acquire";
  readonly waiting: WaitingWords;
  private readonly stage: Stage;
  private readonly leases: number;
  private readonly limit: Tally;
  private readonly fencing: Fencing;
  private readonly held: SemaphoreWords;
  private session: SemaphoreSession | undefined;
  private token: number | undefined;

  constructor(stage: Stage, { leases }: SemaphoreWorkload) {
    this.stage = stage;
    this.leases = leases;
    this.limit = stage.tally("semaphore-limit");
    this.fencing = new Fencing(stage);
    this.held = new SemaphoreWords(stage.region, leases);
    this.waiting = new WaitingWords(stage.region, semaphoreWords(leases), leases);
  }

  get events(): number {
    return this.session?.events ?? 0;
  }

  async open(): Promise<void> {
    const { job, index, driver } = this.stage;
    const { members, root, sessionTimeoutMs } = job;
    this.session = await driver.openSession("semaphore", { members, index, root, sessionTimeoutMs });
  }

  draw(): void {}

  async acquire(): Promise<void> {
    this.token = (await (this.session as SemaphoreSession).acquire(this.leases)).fencingToken;
  }

  enter(_turns: ActorTurns, _grantedMicros: number): void {
    const { token, leases } = this;
    this.limit.observations++;
    const holders = this.held.enter();
    if (holders >= leases) {
      this.limit.violated(`connection ${this.stage.index} was granted a lease while ${holders} of ${leases} were held`);
    }
    if (token === undefined) return;
    this.fencing.judge(
      this.held.noteToken(token) ? undefined : `a lease with token ${token}, which another holder has`,
    );
  }

  leave(): void {
    if (this.token !== undefined) this.held.forgetToken(this.token);
    this.held.leave();
  }

  async release(): Promise<void> {
    await (this.session as SemaphoreSession).release();
  }

  async close(): Promise<void> {
    await this.session?.close();
  }
}
