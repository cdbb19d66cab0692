import type { RandomSource } from "../../base/random.js";
import type { Loop, RatePiece } from "../profile/profile.js";
import { arrivalSource, exponential } from "./streams.js";

type OpenLoop = Extract<Loop, { kind: "open" }>;

/** A stretch of a schedule; the last one has no end. Times in microseconds from the start of the load. */
interface Stretch {
  readonly startMicros: number;
  /** How many operations are due before it begins, over all connections. */
  readonly startCount: number;
  readonly perMicro: number;
  /** By how much the rate grows every microsecond. */
  readonly growth: number;
}

/**
 * When one connection's operations are due, in microseconds from the start of the load; all connections together make the
 * rate asked for, whatever its course. It depends on (seed, connection) and that course alone. Operations are counted, exactly,
 * and every due time is computed from the count and the course: nothing is added up that could drift. Constant arrivals are
 * spread evenly over the connections; Poisson arrivals are those of a process of rate 1, stretched to the course.
 */
export class ArrivalSchedule {
  /** When the next operation is due. */
  due: number;
  private readonly stretches: readonly Stretch[];
  private readonly connections: number;
  private readonly source: RandomSource | undefined;
  private at = 0;
  private taken = 0;
  /** How many operations of all connections are due before this one: a fraction where arrivals are random. */
  private count: number;
  private readonly firstCount: number;

  /** `leadInMicros`: how long the first rate is held before the course begins. */
  constructor(loop: OpenLoop, connections: number, seed: number, connection: number, leadInMicros = 0) {
    this.stretches = stretchesOf(loop, leadInMicros);
    this.connections = connections;
    this.source = loop.arrival === "poisson" ? arrivalSource(seed, connection) : undefined;
    this.firstCount = this.source === undefined ? connection : exponential(this.source) * connections;
    this.count = this.firstCount;
    this.due = this.dueOf(this.count);
  }

  /** Takes the operation that is due and moves on to the next. */
  take(): void {
    this.taken++;
    this.count =
      this.source === undefined
        ? this.firstCount + this.taken * this.connections
        : this.count + exponential(this.source) * this.connections;
    this.due = this.dueOf(this.count);
  }

  /** When so many operations are due; counts only grow from call to call. */
  private dueOf(count: number): number {
    while (this.at + 1 < this.stretches.length && (this.stretches[this.at + 1] as Stretch).startCount <= count)
      this.at++;
    const { startMicros, startCount, perMicro, growth } = this.stretches[this.at] as Stretch;
    const rest = count - startCount;
    // Where the rate grows evenly the count is a quadratic of time: its root, in the form that is exact for no growth too.
    return startMicros + (2 * rest) / (perMicro + Math.sqrt(Math.max(0, perMicro * perMicro + 2 * growth * rest)));
  }
}

function stretchesOf(loop: OpenLoop, leadInMicros: number): Stretch[] {
  const pieces: RatePiece[] = [
    { fromPerSecond: loop.ratePerSecond, toPerSecond: loop.ratePerSecond, durationMicros: leadInMicros },
    ...(loop.pieces ?? []),
  ];
  const last = pieces.at(-1)?.toPerSecond ?? loop.ratePerSecond;
  const stretches: Stretch[] = [];
  let startMicros = 0;
  let startCount = 0;
  for (const { fromPerSecond, toPerSecond, durationMicros } of pieces) {
    if (durationMicros === 0) continue;
    const perMicro = fromPerSecond / 1e6;
    stretches.push({ startMicros, startCount, perMicro, growth: (toPerSecond / 1e6 - perMicro) / durationMicros });
    startMicros += durationMicros;
    startCount += ((fromPerSecond + toPerSecond) / 2e6) * durationMicros;
  }
  stretches.push({ startMicros, startCount, perMicro: last / 1e6, growth: 0 });
  return stretches;
}

/** The highest rate that it comes to, operations per second. */
export function highestRatePerSecond(loop: OpenLoop): number {
  const ends = (loop.pieces ?? []).flatMap((piece) => [piece.fromPerSecond, piece.toPerSecond]);
  return Math.max(loop.ratePerSecond, ...ends);
}

/** The mean rate over so long a time, operations per second. */
export function meanRatePerSecond(loop: OpenLoop, durationMicros: number): number {
  let count = 0;
  let left = durationMicros;
  let rate = loop.ratePerSecond;
  for (const piece of loop.pieces ?? []) {
    const micros = Math.min(left, piece.durationMicros);
    const reached = piece.fromPerSecond + (piece.toPerSecond - piece.fromPerSecond) * (micros / piece.durationMicros);
    count += ((piece.fromPerSecond + reached) / 2) * micros;
    left -= micros;
    rate = piece.toPerSecond;
  }
  return durationMicros === 0 ? rate : (count + rate * left) / durationMicros;
}
