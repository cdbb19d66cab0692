import type { SharedRegion } from "../../../workers/load-shared.js";
import type { WatchReconnectWorkload } from "../../profile/profile.js";
import { SharedLong } from "../longs.js";
import { PHASE_WORDS, PhaseWords } from "../phase-words.js";

/** Longs of one value. */
const STANDING = 0;
const CHANGED_AT = 1;
const VALUE_LONGS = 2;

/** 32-bit words of `ReconnectWords`. */
export function reconnectWords(keys: number): number {
  return PHASE_WORDS + keys * VALUE_LONGS * 2;
}

/** What the leader of the storms and the watchers know together. */
export class ReconnectWords {
  readonly phases: PhaseWords;
  private readonly region: SharedRegion;

  constructor(region: SharedRegion) {
    this.region = region;
    this.phases = new PhaseWords(region);
  }

  /** Where the last change of the value stands in history: 0 before the first, -1 where that is not known. */
  standing(key: number): SharedLong {
    return new SharedLong(this.region, PHASE_WORDS / 2 + key * VALUE_LONGS + STANDING);
  }

  /** When the last change of the value was acknowledged. */
  changedAt(key: number): SharedLong {
    return new SharedLong(this.region, PHASE_WORDS / 2 + key * VALUE_LONGS + CHANGED_AT);
  }
}

/** The two phases of storm number `storm`, from 1: all go; and while they are away, changes have been made. */
export function phasesOf(storm: number): { readonly go: number; readonly changed: number } {
  return { go: storm * 2 - 1, changed: storm * 2 };
}

/** What connection `watcher` watches; see `watchManyPlan`. */
export function ownKeys(watcher: number, keys: number, { watchesPerConnection }: WatchReconnectWorkload): number[] {
  const own = Math.min(watchesPerConnection, keys);
  return Array.from({ length: own }, (_, at) => (watcher * own + at) % keys);
}
