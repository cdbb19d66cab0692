/**
 * A few errors end no run early: it fails on them at its end, with all its figures. Fewer than this in a target's rounds, and
 * nothing would be gained by ending it.
 */
const ERRORS_MIN = 100;
/** In a closed loop nobody knows how much will still be done: at the most so many times the fastest pace seen. */
const PACE_FACTOR = 4;

export interface ErrorCount {
  readonly attempts: number;
  readonly errors: number;
}

/**
 * Says when the share of failed operations that a profile allows (`errorsMax`, of all rounds of one target) cannot be kept
 * any more, whatever follows: if every operation that may still come succeeded, the share would be beyond it. A burst of
 * failures that the rest of the run can make up for, such as an election, is thus never a reason, however dense it is.
 */
export class ErrorLimit {
  private readonly errorsMax: number;
  /** Operations per second of an open loop; undefined in a closed one. */
  private readonly ratePerSecond: number | undefined;
  private earlier: ErrorCount = { attempts: 0, errors: 0 };
  private fastestPerSecond = 0;

  constructor(errorsMax: number, ratePerSecond: number | undefined) {
    this.errorsMax = errorsMax;
    this.ratePerSecond = ratePerSecond;
  }

  /** Of any moment of the run, also while warming. */
  notePace(opsPerSecond: number): void {
    this.fastestPerSecond = Math.max(this.fastestPerSecond, opsPerSecond);
  }

  endRound({ attempts, errors }: ErrorCount): void {
    this.earlier = this.soFar({ attempts, errors });
  }

  /** Of all rounds, that under way included. */
  soFar({ attempts, errors }: ErrorCount): ErrorCount {
    return { attempts: this.earlier.attempts + attempts, errors: this.earlier.errors + errors };
  }

  /** `round`: what the round under way has done; `leftMicros`: how long load will still be made, this round and later ones. */
  isExceeded(round: ErrorCount, leftMicros: number): boolean {
    const { attempts, errors } = this.soFar(round);
    if (errors < ERRORS_MIN) return false;
    const pace = this.ratePerSecond ?? this.fastestPerSecond * PACE_FACTOR;
    const attemptsMax = attempts + (pace * leftMicros) / 1e6;
    return errors > this.errorsMax * attemptsMax;
  }
}
