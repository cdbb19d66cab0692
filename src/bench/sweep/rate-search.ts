import type { SweepOutcome, SweepPoint } from "../result.js";

/** A rate is named only if this many of so many fresh windows hold. */
export const CONFIRMATIONS = 5;
export const CONFIRMATIONS_HELD_MIN = 4;
/** And this many times the rate must fail: else the search goes on upwards. */
export const BEYOND = 1.25;

const BRACKET_FACTOR = 2;
/** Steps down after failed confirmations that keep their size; later ones double. */
const SMALL_STEPS = 4;

export interface ProbeVerdict {
  readonly held: boolean;
  /** It did not hold, and the load generator was the limit. */
  readonly clientLimited: boolean;
}

export type Probe = (ratePerSecond: number, purpose: SweepPoint["purpose"]) => Promise<ProbeVerdict>;

export interface SearchOptions {
  /** Where the search begins. */
  readonly startPerSecond: number;
  /** Below it a probe has too few operations to be judged. */
  readonly minPerSecond: number;
  readonly maxPerSecond: number;
  /** The named rate lies this share or less below the highest that holds. */
  readonly tolerance: number;
  readonly probesMax: number;
}

class ProbesUsedUpError extends Error {
  override readonly name = "ProbesUsedUpError";
}

/**
 * Finds the highest rate that holds by probes whose outcome is noisy near it: brackets it by doubling, bisects (on a
 * logarithmic scale) to half the tolerance, then confirms in fresh windows, stepping down by half the tolerance until they
 * hold. A point that decides is measured until two probes of three agree. Every probe is counted, so the search ends.
 */
export class RateSearch {
  /** The highest rate that is known to hold. */
  low: number | null = null;
  /** The highest rate that passed its confirmations. */
  confirmed: number | null = null;
  private readonly probe: Probe;
  private readonly options: SearchOptions;
  /** The lowest rate that is known not to hold. */
  private high: number | null = null;
  private highIsClients = false;
  private used = 0;

  constructor(probe: Probe, options: SearchOptions) {
    this.probe = probe;
    this.options = options;
  }

  /** Throws what a probe throws; `low` and `confirmed` tell how far it came. */
  async run(): Promise<SweepOutcome> {
    const { startPerSecond, minPerSecond, maxPerSecond } = this.options;
    try {
      let next = Math.min(Math.max(startPerSecond, minPerSecond), maxPerSecond);
      for (;;) {
        if (!(await this.bracket(next))) return this.highIsClients ? "client-saturated" : "none";
        await this.bisect();
        if (!(await this.confirm())) return this.highIsClients ? "client-saturated" : "none";
        const rate = this.confirmed as number;
        if (this.high === null) return "rate-max";
        if (this.highIsClients) return "client-saturated";
        const beyond = Math.min(rate * BEYOND, maxPerSecond);
        if (beyond <= rate) return "rate-max";
        const verdict = await this.decide(beyond, "beyond");
        // A failure of the clients' says nothing of the target's: then nothing is known of what it does beyond.
        if (!verdict.held) return verdict.clientLimited ? "client-saturated" : "found";
        // The failures below were chance, or another's: it goes on from what held.
        this.low = beyond;
        this.high = null;
        if (beyond >= maxPerSecond) continue;
        next = Math.min(beyond * BRACKET_FACTOR, maxPerSecond);
      }
    } catch (error) {
      if (error instanceof ProbesUsedUpError) return "unsettled";
      throw error;
    }
  }

  /** Until something holds, and something above it does not or is too high; false where nothing holds. */
  private async bracket(start: number): Promise<boolean> {
    const { minPerSecond, maxPerSecond } = this.options;
    let rate = start;
    while (this.low === null || (this.high === null && this.low < maxPerSecond)) {
      const first = await this.measure(rate, "bracket");
      // What holds once is tried again by what follows; what does not would cut off all above it.
      const verdict = first.held ? first : await this.decide(rate, "bracket", first);
      if (verdict.held) {
        this.low = rate;
        rate = Math.min(rate * BRACKET_FACTOR, maxPerSecond);
      } else {
        this.failed(rate, verdict);
        if (this.low !== null) break;
        if (rate <= minPerSecond) return false;
        rate = Math.max(rate / BRACKET_FACTOR, minPerSecond);
      }
    }
    return true;
  }

  private async bisect(): Promise<void> {
    while (this.low !== null && this.high !== null && this.high / this.low > 1 + this.options.tolerance / 2) {
      const middle = Math.sqrt(this.low * this.high);
      const verdict = await this.decide(middle, "bisect");
      if (verdict.held) this.low = middle;
      else this.failed(middle, verdict);
    }
  }

  /** False where no rate passes. */
  private async confirm(): Promise<boolean> {
    let step = this.options.tolerance / 2;
    for (let steps = 0; this.low !== null; steps++) {
      const verdict = await this.confirmOnce(this.low);
      if (verdict.held) {
        this.confirmed = this.low;
        return true;
      }
      this.failed(this.low, verdict);
      if (steps >= SMALL_STEPS) step = Math.min(step * 2, 0.5);
      const lower = this.low * (1 - step);
      this.low = lower < this.options.minPerSecond ? null : lower;
    }
    return false;
  }

  private async confirmOnce(rate: number): Promise<ProbeVerdict> {
    let failures = 0;
    let clients = 0;
    for (let window = 0; window < CONFIRMATIONS; window++) {
      const verdict = await this.measure(rate, "confirm");
      if (verdict.held) continue;
      failures++;
      if (verdict.clientLimited) clients++;
      if (failures > CONFIRMATIONS - CONFIRMATIONS_HELD_MIN)
        return { held: false, clientLimited: blamed(clients, failures) };
    }
    return { held: true, clientLimited: false };
  }

  /** Two of three. */
  private async decide(rate: number, purpose: SweepPoint["purpose"], first?: ProbeVerdict): Promise<ProbeVerdict> {
    const verdicts = [first ?? (await this.measure(rate, purpose))];
    const count = (held: boolean): number => verdicts.filter((verdict) => verdict.held === held).length;
    while (count(true) < 2 && count(false) < 2) verdicts.push(await this.measure(rate, purpose));
    const clients = verdicts.filter((verdict) => verdict.clientLimited).length;
    return { held: count(true) >= 2, clientLimited: blamed(clients, count(false)) };
  }

  private failed(rate: number, { clientLimited }: ProbeVerdict): void {
    this.high = rate;
    this.highIsClients = clientLimited;
  }

  private async measure(rate: number, purpose: SweepPoint["purpose"]): Promise<ProbeVerdict> {
    if (this.used >= this.options.probesMax) throw new ProbesUsedUpError("no probe is left");
    this.used++;
    return await this.probe(rate, purpose);
  }
}

/** In doubt it was the client: a rate that is too low must not be named the target's. */
function blamed(clients: number, failures: number): boolean {
  return clients > 0 && clients * 2 >= failures;
}
