/** Time is cut into buckets of this length; of each, the longest silence that ended in it is kept. */
export const BUCKET_MICROS = 100_000;
/** Throughput counts as back once this many buckets together reach the share below of what it was. */
const RECOVERED_BUCKETS = 5;
const RECOVERED_SHARE = 0.9;
/** Throughput before a fault is taken over at most so many buckets. */
const BEFORE_BUCKETS_MAX = 30;

/**
 * When one client, or all of them together, had writes acknowledged: bounded in memory whatever the rate, and exact in
 * what an outage is made of. Times are microseconds from the start of the round.
 */
export class AcknowledgementTrace {
  private readonly counts: Uint32Array;
  private readonly longestSilence: Float64Array;
  private last = 0;
  private any = false;

  constructor(durationMicros: number) {
    const buckets = Math.ceil(durationMicros / BUCKET_MICROS) + 1;
    this.counts = new Uint32Array(buckets);
    this.longestSilence = new Float64Array(buckets);
  }

  acknowledged(atMicros: number): void {
    const bucket = Math.min(this.counts.length - 1, Math.max(0, Math.floor(atMicros / BUCKET_MICROS)));
    this.counts[bucket] = this.counts[bucket]! + 1;
    const silence = atMicros - this.last;
    if (silence > this.longestSilence[bucket]!) this.longestSilence[bucket] = silence;
    this.last = atMicros;
    this.any = true;
  }

  /**
   * The longest silence that ended after `faultMicros`: from the last acknowledgement before it to the first after. Null
   * where nothing was acknowledged after the fault.
   */
  silenceAfter(faultMicros: number): number | null {
    if (!this.any || this.last < faultMicros) return null;
    let longest = 0;
    for (let bucket = Math.floor(faultMicros / BUCKET_MICROS); bucket < this.counts.length; bucket++) {
      longest = Math.max(longest, this.longestSilence[bucket]!);
    }
    return longest;
  }

  /** From the fault until throughput is back at 90% of what it was for good measure of half a second; null if never. */
  recoveryAfter(faultMicros: number): number | null {
    const fault = Math.floor(faultMicros / BUCKET_MICROS);
    const from = Math.max(0, fault - BEFORE_BUCKETS_MAX);
    const before = this.mean(from, fault);
    if (before === 0) return null;
    const lastBucket = Math.floor(this.last / BUCKET_MICROS);
    for (let bucket = fault + 1; bucket + RECOVERED_BUCKETS <= lastBucket; bucket++) {
      if (this.counts[bucket] === 0) continue;
      if (this.mean(bucket, bucket + RECOVERED_BUCKETS) < RECOVERED_SHARE * before) continue;
      return Math.max(0, bucket * BUCKET_MICROS - faultMicros);
    }
    return null;
  }

  private mean(from: number, to: number): number {
    let sum = 0;
    for (let bucket = from; bucket < to; bucket++) sum += this.counts[bucket] ?? 0;
    return to > from ? sum / (to - from) : 0;
  }
}
