import type { Tally } from "../../load/tally.js";
import type { Stage } from "../actor.js";
import { Fencing } from "../contention/fencing.js";
import type { LockWords } from "./lock-words.js";

/**
 * Judges every grant of exclusive locks, over all workers: `mutual-exclusion` (no lock has two holders at a time) and
 * `fencing-tokens` (of one lock, each grant's token is larger than the one's before).
 */
export class LockJudge {
  private readonly contender: number;
  private readonly mutualExclusion: Tally;
  private readonly fencing: Fencing;

  constructor(stage: Stage) {
    this.contender = stage.index;
    this.mutualExclusion = stage.tally("mutual-exclusion");
    this.fencing = new Fencing(stage);
  }

  enter(index: number, lock: LockWords, token: number | undefined): void {
    this.mutualExclusion.observations++;
    const holders = lock.enter();
    if (holders !== 0) {
      this.mutualExclusion.violated(`connection ${this.contender} was granted lock ${index} while ${holders} held it`);
    }
    if (token === undefined) return;
    const before = lock.exchangeToken(token);
    this.fencing.judge(token > before ? undefined : `lock ${index} with token ${token} after token ${before}`);
  }
}
