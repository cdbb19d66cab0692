import type { SharedRegion } from "../../workers/load-shared.js";
import type { ActorTurns } from "./actor.js";

/** 32-bit words of `PhaseWords`: a cache line. */
export const PHASE_WORDS = 16;
const PHASE = 0;
const ARRIVED = 1;
/** Long. */
const STARTED = 1;
const OVER = -1;

/** How often who leads looks whether all have arrived. */
const LOOK_MS = 1;

/** Steps that many connections take at once, whichever load workers they live in, when the one that leads says so. */
export class PhaseWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;

  constructor(region: SharedRegion) {
    this.words = region.words;
    this.longs = region.longs;
  }

  /** By who leads: phase number `phase`, from 1 and each one more than the last, begins for everybody. */
  begin(phase: number, nowMicros: number): void {
    Atomics.store(this.longs, STARTED, BigInt(Math.round(nowMicros)));
    this.announce(phase);
  }

  /** When the phase that was begun last did so. */
  get startedMicros(): number {
    return Number(Atomics.load(this.longs, STARTED));
  }

  /** By who leads: there are no more phases. */
  end(): void {
    this.announce(OVER);
  }

  /** Resolves once the phase has begun; false where it never will. */
  async begun(phase: number): Promise<boolean> {
    for (;;) {
      const now = Atomics.load(this.words, PHASE);
      if (now === OVER) return false;
      if (now >= phase) return true;
      await Atomics.waitAsync(this.words, PHASE, now).value;
    }
  }

  /** By who follows: it has done what was to be done in this phase. */
  arrive(): void {
    Atomics.add(this.words, ARRIVED, 1);
  }

  /** Arrivals since the round began. */
  get arrivals(): number {
    return Atomics.load(this.words, ARRIVED);
  }

  /** By who leads: resolves once there have been `arrivals` of them, however slow; false where the round is given up. */
  async arrived(arrivals: number, turns: Pick<ActorTurns, "givenUp">): Promise<boolean> {
    while (this.arrivals < arrivals) {
      if (turns.givenUp) return false;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return true;
  }

  private announce(phase: number): void {
    Atomics.store(this.words, PHASE, phase);
    Atomics.notify(this.words, PHASE);
  }
}
