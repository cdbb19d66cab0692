import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type {
  CoarseLockSession,
  Grant,
  LockMode,
  LockSession,
  SemaphoreSession,
  SequencedGrant,
  SharedLockSession,
} from "../../src/targets/driver.js";

/** What a fake service may do wrong with locks. */
export type LockMistake =
  | "lock-granted-twice"
  | "token-repeats"
  | "token-shared"
  | "lock-delay-ignored"
  | "sequencer-outlives-holder"
  | "sequencer-dies-early";

/** One lock of each kind, and the tokens of all, in shared memory. */
export const FAKE_LOCK_WORDS = 6;
const HOLDER = 0;
const SHARED = 1;
const LEASES = 2;
const COARSE = 3;
const OPENS_AT = 4;
const GRANTS = 5;

/** In the word of the shared lock: readers below, writers from here up. */
const WRITER = 1 << 16;
/** Of the coarse lock while its delay passes: nobody's generation. */
const OPENING = -1;
/** Of so many grants one is planted; of those that a session asks for, the first is. */
const EVERY = 2;

/** The same in all threads, cut to whole milliseconds. */
function nowMs(): number {
  return Number((process.hrtime.bigint() / 1_000_000n) & 0x7fff_ffffn);
}

/** The locks of one session; `words` are the service's, and the same for all sessions. */
class FakeLocks {
  readonly events = 0;
  protected readonly words: Int32Array;
  protected readonly mistake: string | undefined;
  private asked = 0;

  constructor(words: Int32Array, mistake: string | undefined) {
    this.words = words;
    this.mistake = mistake;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Asks again in every turn of the event loop until `take` succeeds, or the check is skipped. */
  protected async granted(take: () => boolean): Promise<number> {
    const skipped = this.mistake === "lock-granted-twice" && this.asked++ % EVERY === 0;
    while (!take() && !skipped) await turn();
    const token = Atomics.add(this.words, GRANTS, 1) + 1;
    await turn();
    return this.mistake === "token-repeats" && token % EVERY === 0 ? token - 1 : token;
  }
}

export class FakeLockSession extends FakeLocks implements LockSession {
  async acquire(): Promise<Grant> {
    return { fencingToken: await this.granted(() => Atomics.compareExchange(this.words, HOLDER, 0, 1) === 0) };
  }

  async release(): Promise<void> {
    Atomics.store(this.words, HOLDER, 0);
    await turn();
  }
}

export class FakeSharedLockSession extends FakeLocks implements SharedLockSession {
  private mode: LockMode = "read";

  async acquire(_lock: number, mode: LockMode): Promise<Grant> {
    const fencingToken = await this.granted(() => {
      const before = Atomics.load(this.words, SHARED);
      if (mode === "write" ? before !== 0 : before >= WRITER) return false;
      return Atomics.compareExchange(this.words, SHARED, before, before + this.share(mode)) === before;
    });
    this.mode = mode;
    return { fencingToken };
  }

  async release(): Promise<void> {
    Atomics.sub(this.words, SHARED, this.share(this.mode));
    await turn();
  }

  private share(mode: LockMode): number {
    return mode === "write" ? WRITER : 1;
  }
}

export class FakeSemaphoreSession extends FakeLocks implements SemaphoreSession {
  async acquire(leases: number): Promise<Grant> {
    const token = await this.granted(() => {
      const before = Atomics.load(this.words, LEASES);
      return before < leases && Atomics.compareExchange(this.words, LEASES, before, before + 1) === before;
    });
    return { fencingToken: this.mistake === "token-shared" ? 1 : token };
  }

  async release(): Promise<void> {
    Atomics.sub(this.words, LEASES, 1);
    await turn();
  }
}

/** A sequencer is the generation alone, in decimal. */
export class FakeCoarseLockSession extends FakeLocks implements CoarseLockSession {
  private lockDelayMs = 0;
  private holds = false;
  private verifications = 0;

  async acquire(_lock: number, lockDelayMs: number): Promise<SequencedGrant> {
    this.lockDelayMs = lockDelayMs;
    const generation = await this.granted(() => Atomics.compareExchange(this.words, COARSE, 0, OPENING) === 0);
    if (this.mistake !== "lock-delay-ignored") {
      while (nowMs() < Atomics.load(this.words, OPENS_AT)) await sleep(1);
    }
    Atomics.store(this.words, COARSE, generation);
    this.holds = true;
    return { fencingToken: generation, sequencer: String(generation) };
  }

  async release(): Promise<void> {
    this.holds = false;
    Atomics.store(this.words, COARSE, 0);
    await turn();
  }

  async verify(sequencer: string): Promise<boolean> {
    await turn();
    this.verifications++;
    if (this.mistake === "sequencer-outlives-holder") return true;
    if (this.mistake === "sequencer-dies-early" && this.verifications % 2 === 1) return false;
    return Atomics.load(this.words, COARSE) === Number(sequencer);
  }

  override async close(): Promise<void> {
    if (!this.holds) return;
    // One more, as times are cut to whole milliseconds.
    Atomics.store(this.words, OPENS_AT, nowMs() + this.lockDelayMs + 1);
    await this.release();
  }
}
