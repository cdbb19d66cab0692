import type { EventQueue } from "./event-queue.js";

/** A server's own clock, which may run fast or slow, and never backwards. */
export class SimulatedClock {
  private readonly events: EventQueue;
  private currentRate = 1;
  private offsetMs = 0;
  private readMs = 0;

  constructor(events: EventQueue) {
    this.events = events;
  }

  get nowMs(): number {
    // Rounding must not make it run backwards where its rate changes.
    this.readMs = Math.max(this.readMs, this.events.nowMs * this.currentRate + this.offsetMs);
    return this.readMs;
  }

  get rate(): number {
    return this.currentRate;
  }

  /** From now on it runs at another rate, without a jump. */
  set rate(rate: number) {
    const now = this.nowMs;
    this.currentRate = rate;
    this.offsetMs = now - this.events.nowMs * rate;
  }
}
