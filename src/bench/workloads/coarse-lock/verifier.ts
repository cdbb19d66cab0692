import { randomBelow } from "../../../base/random.js";
import type { CoarseLockSession } from "../../../targets/driver.js";
import type { Tally } from "../../load/tally.js";
import type { CoarseLockWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import type { CoarseLockWords, Exhibits } from "./coarse-words.js";
import { sharedCoarseLocks } from "./layout.js";

/**
 * A third party that holds nothing: a store that is handed sequencers with requests, and asks the service about them while
 * the holders change. Checked is `sequencer`: that of a holder that held all the while is valid, and that of a holder
 * which another one has followed is not.
 */
export class Verifier implements Actor {
  private readonly stage: Stage;
  private readonly workload: CoarseLockWorkload;
  private readonly shown: readonly CoarseLockWords[];
  private readonly tally: Tally;
  private session: CoarseLockSession | undefined;

  constructor(stage: Stage, workload: CoarseLockWorkload) {
    this.stage = stage;
    this.workload = workload;
    this.shown = sharedCoarseLocks(stage.region, workload.locks).map((lock) => lock.shown);
    this.tally = stage.tally("sequencer");
  }

  async open(): Promise<void> {
    const { job, index, driver } = this.stage;
    const { members, root, sessionTimeoutMs } = job;
    this.session = await driver.openSession("coarseLock", { members, index, root, sessionTimeoutMs });
  }

  async act(turns: ActorTurns): Promise<void> {
    const { random } = this.stage;
    while (!turns.over) {
      const index = randomBelow(random, this.workload.locks);
      const shown = this.shown[index] as CoarseLockWords;
      const exhibits = shown.look();
      if (exhibits !== undefined) {
        const old = exhibits.ended !== "" && randomBelow(random, 2) === 1;
        await this.verify(turns, index, shown, exhibits, old);
      }
      await turns.pause(this.workload.verifyEveryMicros / 1_000);
    }
  }

  async close(): Promise<void> {
    await this.session?.close();
  }

  private async verify(
    turns: ActorTurns,
    index: number,
    shown: CoarseLockWords,
    { sequence, current, ended }: Exhibits,
    old: boolean,
  ): Promise<void> {
    const attempt = turns.begin("verify");
    let valid: boolean;
    try {
      valid = await (this.session as CoarseLockSession).verify(old ? ended : current);
    } catch (error) {
      turns.failed(attempt, error);
      return;
    }
    turns.succeeded(attempt);
    // Given up or lost meanwhile: either answer is right.
    if (!old && !shown.isStill(sequence)) return;
    this.tally.observations++;
    if (valid === !old) return;
    this.tally.violated(
      old
        ? `the sequencer ${ended} of lock ${index} was found valid after the next holder's, ${current}`
        : `the sequencer ${current} of lock ${index} was found invalid while its holder held the lock`,
    );
  }
}
