import type { RandomSource } from "../../base/random.js";
import type { Loop } from "../profile/profile.js";
import { arrivalSource, exponentialMicros } from "./streams.js";

type OpenLoop = Extract<Loop, { kind: "open" }>;

/**
 * When one connection's operations are due, in microseconds from the start of the load; all connections together make the
 * rate asked for. It depends on (seed, connection) alone. Constant arrivals are spread evenly over the connections.
 */
export class ArrivalSchedule {
  /** When the next operation is due. */
  due: number;
  private readonly gapMicros: number;
  private readonly source: RandomSource | undefined;
  private readonly firstMicros: number;
  private taken = 0;

  constructor(loop: OpenLoop, connections: number, seed: number, connection: number) {
    this.gapMicros = (connections / loop.ratePerSecond) * 1e6;
    this.source = loop.arrival === "poisson" ? arrivalSource(seed, connection) : undefined;
    this.firstMicros =
      this.source === undefined
        ? (this.gapMicros / connections) * connection
        : exponentialMicros(this.source, this.gapMicros);
    this.due = this.firstMicros;
  }

  /** Takes the operation that is due and moves on to the next. */
  take(): void {
    this.taken++;
    // Constant: multiplied, not added up, so that rounding does not make the rate drift.
    this.due =
      this.source === undefined
        ? this.firstMicros + this.taken * this.gapMicros
        : this.due + exponentialMicros(this.source, this.gapMicros);
  }
}
