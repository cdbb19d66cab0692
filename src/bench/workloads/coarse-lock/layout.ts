import type { SharedRegion } from "../../../workers/load-shared.js";
import { WaitingWords, waitingWords } from "../contention/waiting-words.js";
import { LOCK_WORDS, LockWords } from "../lock/lock-words.js";
import { COARSE_LOCK_WORDS, CoarseLockWords } from "./coarse-words.js";

const HOLDERS_MAX = 1;
/** Of one lock. */
export const COARSE_LOCK_CONTEST_WORDS = LOCK_WORDS + waitingWords(HOLDERS_MAX) + COARSE_LOCK_WORDS;

export interface SharedCoarseLock {
  readonly held: LockWords;
  readonly waiting: WaitingWords;
  readonly shown: CoarseLockWords;
}

export function sharedCoarseLocks(region: SharedRegion, locks: number): SharedCoarseLock[] {
  return Array.from({ length: locks }, (_, index) => {
    const at = index * COARSE_LOCK_CONTEST_WORDS;
    const waitingAt = at + LOCK_WORDS;
    return {
      held: new LockWords(region, at),
      waiting: new WaitingWords(region, waitingAt, HOLDERS_MAX),
      shown: new CoarseLockWords(region, waitingAt + waitingWords(HOLDERS_MAX)),
    };
  });
}

/** How many of the connections are third parties: the last ones. At least one, and never all. */
export function verifierCount(connections: number, share: number): number {
  return Math.min(connections - 1, Math.max(1, Math.round(connections * share)));
}
