/**
 * Memory that the load workers of one round share. A worker's words have one owner, the worker; what lies behind them is
 * the workload's own. Times are microseconds of the monotonic clock, positions in a target's history plain integers
 * below 2^53.
 */
const WORKER_WORDS = 16;
/** Words of a worker: one cache line, so that owners do not disturb each other. */
const COMPLETED = 0;
const FAILED = 1;
const LATENCY = 2;
const CONNECTED = 3;
const WRITTEN_HIGH = 4;
const WRITTEN_LOW = 5;

/** Of the latency sum: coarse, so that it wraps rarely enough for differences over seconds to be right. */
const LATENCY_UNIT_MICROS = 64;
const WORD = 2 ** 32;

/** What the workers know together of a workload: the same memory twice, all 0 when a round begins. */
export interface SharedRegion {
  readonly words: Int32Array;
  /** Long i lies where words 2i and 2i + 1 do. */
  readonly longs: BigInt64Array;
}

export interface LoadTotals {
  readonly completed: number;
  readonly failed: number;
  readonly latencyMicros: number;
  readonly connected: number;
}

export class LoadShared {
  readonly memory: SharedArrayBuffer;
  readonly workers: number;
  /** The workload's own words. */
  readonly region: SharedRegion;
  private readonly words: Int32Array;

  /** `regionWords`: how many 32-bit words the workload needs. */
  constructor(workers: number, regionWords: number, memory?: SharedArrayBuffer) {
    this.workers = workers;
    const regionAt = workers * WORKER_WORDS * 4;
    this.memory = memory ?? new SharedArrayBuffer(regionAt + Math.ceil(regionWords / 2) * 8);
    this.words = new Int32Array(this.memory);
    this.region = {
      words: new Int32Array(this.memory, regionAt),
      longs: new BigInt64Array(this.memory, regionAt),
    };
  }

  counters(worker: number): WorkerCounters {
    return new WorkerCounters(this.words, worker * WORKER_WORDS);
  }

  /** Sums over all workers since the memory was made; for what happened between two of them see `totalsSince`. */
  totals(): LoadTotals {
    let completed = 0;
    let failed = 0;
    let latency = 0;
    let connected = 0;
    for (let worker = 0; worker < this.workers; worker++) {
      const at = worker * WORKER_WORDS;
      completed += Atomics.load(this.words, at + COMPLETED) >>> 0;
      failed += Atomics.load(this.words, at + FAILED) >>> 0;
      latency += Atomics.load(this.words, at + LATENCY) >>> 0;
      connected += Atomics.load(this.words, at + CONNECTED);
    }
    return { completed, failed, latencyMicros: latency * LATENCY_UNIT_MICROS, connected };
  }

  /**
   * The furthest position that a write of another worker has had when it completed; 0 before the first. The high word is
   * read before the low one and written after it: a reader that falls between the two sees less than the truth, which
   * only makes the check weaker, and never more, which would accuse a server that did nothing wrong.
   */
  othersWritten(worker: number): number {
    let furthest = 0;
    for (let other = 0; other < this.workers; other++) {
      if (other === worker) continue;
      const at = other * WORKER_WORDS;
      const high = Atomics.load(this.words, at + WRITTEN_HIGH) >>> 0;
      const written = high * WORD + (Atomics.load(this.words, at + WRITTEN_LOW) >>> 0);
      if (written > furthest) furthest = written;
    }
    return furthest;
  }
}

/** What happened between two totals: counters wrap at 2^32. */
export function totalsSince(before: LoadTotals, after: LoadTotals): LoadTotals {
  const difference = (from: number, to: number, modulus: number): number => (to - from + modulus) % modulus;
  return {
    completed: difference(before.completed, after.completed, WORD),
    failed: difference(before.failed, after.failed, WORD),
    latencyMicros: difference(before.latencyMicros, after.latencyMicros, WORD * LATENCY_UNIT_MICROS),
    connected: after.connected,
  };
}

/** The words of one worker. It alone writes them. */
export class WorkerCounters {
  private readonly words: Int32Array;
  private readonly at: number;
  private latencyMicros = 0;
  private completed = 0;

  constructor(words: Int32Array, at: number) {
    this.words = words;
    this.at = at;
  }

  complete(latencyMicros: number): void {
    this.latencyMicros += latencyMicros;
    // Plain stores: the words have one writer, and a reader that is a moment late does no harm.
    this.words[this.at + COMPLETED] = ++this.completed;
    this.words[this.at + LATENCY] = this.latencyMicros / LATENCY_UNIT_MICROS;
  }

  fail(): void {
    Atomics.add(this.words, this.at + FAILED, 1);
  }

  addConnected(change: 1 | -1): void {
    Atomics.add(this.words, this.at + CONNECTED, change);
  }

  /** Positions only grow. For the order of the two stores see `LoadShared.othersWritten`. */
  publishWritten(position: number): void {
    const high = Math.floor(position / WORD);
    Atomics.store(this.words, this.at + WRITTEN_LOW, (position - high * WORD) | 0);
    Atomics.store(this.words, this.at + WRITTEN_HIGH, high | 0);
  }
}
