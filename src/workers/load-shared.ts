/**
 * Memory that the load workers of one run share. A worker's words have one owner, the worker; lock and watch words are
 * changed by atomic operations of any worker. Times are microseconds of the monotonic clock, positions in a target's
 * history plain integers below 2^53.
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

const LOCK_WORDS = 16;
const HOLDERS = 0;
const WAITERS = 1;
const RELEASED_AT = 1;
const TOKEN = 2;

const WATCH_WORDS = 16;
const ARRIVED = 0;
const DELIVERED = 1;
const CHANGES = 2;
const UNCERTAIN = 3;
const FINISHED = 8;
const CHANGE_STARTED = 2;
const CHANGE_ORDER = 3;

export interface LoadTotals {
  readonly completed: number;
  readonly failed: number;
  readonly latencyMicros: number;
  readonly connected: number;
}

export class LoadShared {
  readonly memory: SharedArrayBuffer;
  readonly workers: number;
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly watchAt: number;

  constructor(workers: number, locks: number, memory?: SharedArrayBuffer) {
    this.workers = workers;
    this.watchAt = workers * WORKER_WORDS + locks * LOCK_WORDS;
    this.memory = memory ?? new SharedArrayBuffer((this.watchAt + WATCH_WORDS) * 4);
    this.words = new Int32Array(this.memory);
    this.longs = new BigInt64Array(this.memory);
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

  lock(index: number): LockWords {
    const at = this.workers * WORKER_WORDS + index * LOCK_WORDS;
    return new LockWords(this.words, this.longs, at, at / 2);
  }

  watch(): WatchWords {
    return new WatchWords(this.words, this.longs, this.watchAt, this.watchAt / 2);
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

/** What the contenders for one lock know together. */
export class LockWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly at: number;
  private readonly longAt: number;

  constructor(words: Int32Array, longs: BigInt64Array, at: number, longAt: number) {
    this.words = words;
    this.longs = longs;
    this.at = at;
    this.longAt = longAt;
  }

  /** Returns how many waited before. */
  addWaiter(change: 1 | -1): number {
    return Atomics.add(this.words, this.at + WAITERS, change);
  }

  get waiters(): number {
    return Atomics.load(this.words, this.at + WAITERS);
  }

  /** Called after a grant arrived: returns how many held it already, which must be 0. */
  enter(): number {
    return Atomics.add(this.words, this.at + HOLDERS, 1);
  }

  /** Called before the release is sent, so that the next holder cannot be granted the lock while this one still counts. */
  leave(): void {
    Atomics.sub(this.words, this.at + HOLDERS, 1);
  }

  /** Stores the token of this grant and returns the one before it, -1 before the first. */
  exchangeToken(token: number): number {
    return Number(Atomics.exchange(this.longs, this.longAt + TOKEN, BigInt(token) + 1n)) - 1;
  }

  /** Stores when a release began that someone waited for (0: none) and returns what was stored before. */
  exchangeReleasedAt(micros: number): number {
    return Number(Atomics.exchange(this.longs, this.longAt + RELEASED_AT, BigInt(Math.round(micros))));
  }
}

/** What the changer and the watchers of a fan-out know together. The changer alone starts changes. */
export class WatchWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly at: number;
  private readonly longAt: number;

  constructor(words: Int32Array, longs: BigInt64Array, at: number, longAt: number) {
    this.words = words;
    this.longs = longs;
    this.at = at;
    this.longAt = longAt;
  }

  begin(nowMicros: number): void {
    Atomics.store(this.longs, this.longAt + CHANGE_STARTED, BigInt(Math.round(nowMicros)));
    Atomics.store(this.words, this.at + DELIVERED, 0);
    Atomics.store(this.words, this.at + ARRIVED, 0);
  }

  get startedMicros(): number {
    return Number(Atomics.load(this.longs, this.longAt + CHANGE_STARTED));
  }

  /** A watcher was told: returns how many have been, this one included. */
  arrive(): number {
    return Atomics.add(this.words, this.at + ARRIVED, 1) + 1;
  }

  get arrived(): number {
    return Atomics.load(this.words, this.at + ARRIVED);
  }

  /** The last watcher was told: wakes the changer. */
  deliver(): void {
    Atomics.store(this.words, this.at + DELIVERED, 1);
    Atomics.notify(this.words, this.at + DELIVERED);
  }

  /**
   * Waits until all have been told: true; or until `giveUp`: false. Without a timeout of its own: V8 keeps the timer of a
   * wait that ended, and tens of thousands of changes a second would leave as many behind.
   */
  async delivered(): Promise<boolean> {
    await Atomics.waitAsync(this.words, this.at + DELIVERED, 0).value;
    return Atomics.load(this.words, this.at + DELIVERED) === 1;
  }

  /** The changer waits no longer. */
  giveUp(): void {
    Atomics.compareExchange(this.words, this.at + DELIVERED, 0, 2);
    Atomics.notify(this.words, this.at + DELIVERED);
  }

  /** The changer makes no more changes: every watcher has been told of all there were, or never will be. */
  finish(): void {
    Atomics.store(this.words, this.at + FINISHED, 1);
    Atomics.notify(this.words, this.at + FINISHED);
  }

  async finished(): Promise<void> {
    await Atomics.waitAsync(this.words, this.at + FINISHED, 0).value;
  }

  /** A change ended: where it stands in history, or undefined where it is not known whether it happened. */
  conclude(order: number | undefined): void {
    if (order === undefined) {
      Atomics.add(this.words, this.at + UNCERTAIN, 1);
      return;
    }
    Atomics.store(this.longs, this.longAt + CHANGE_ORDER, BigInt(order));
    Atomics.add(this.words, this.at + CHANGES, 1);
  }

  /** Changes that certainly happened, and the position of the last of them. */
  get changes(): { readonly certain: number; readonly uncertain: number; readonly lastOrder: number } {
    return {
      certain: Atomics.load(this.words, this.at + CHANGES),
      uncertain: Atomics.load(this.words, this.at + UNCERTAIN),
      lastOrder: Number(Atomics.load(this.longs, this.longAt + CHANGE_ORDER)),
    };
  }
}
