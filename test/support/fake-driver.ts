import { nowMicros } from "../../src/bench/load/clock.js";
import type { DriverSource } from "../../src/bench/load/driver-source.js";
import type { Participant } from "../../src/bench/participant.js";
import {
  type LoadSession,
  type LoadSessionOptions,
  openerOf,
  type Recipe,
  type RecipeSessions,
  type SessionOpeners,
  type SessionOptions,
  type TargetDriver,
  type WatchSession,
} from "../../src/targets/driver.js";
import type { Ensemble, Member, ProcessUsage } from "../../src/targets/target.js";
import {
  FAKE_LOCK_WORDS,
  FakeCoarseLockSession,
  FakeLockSession,
  FakeSemaphoreSession,
  FakeSharedLockSession,
  type LockMistake,
} from "./fake-locks.js";

/**
 * A coordination service in shared memory, so that the load workers of one run see the same one. It answers in the next
 * turn of the event loop, and is right unless told to plant a mistake.
 */
export type PlantedMistake =
  | "order-regresses"
  | "writes-reordered"
  | "linearizable-read-stale"
  | LockMistake
  | "listing-short"
  | "transaction-torn"
  | "update-lost"
  | "created-lost"
  | "event-lost"
  | "event-repeated-out-of-order";

export interface FakeOptions {
  readonly memory: SharedArrayBuffer;
  readonly mistake?: PlantedMistake | undefined;
  /** From this many answers of a worker on, for this long, nothing is answered. */
  readonly stall?: { readonly afterAnswers: number; readonly millis: number } | undefined;
  /** Serves one operation after another, this many a second, over all workers: a leaky bucket of known capacity. */
  readonly capacityPerSecond?: number | undefined;
  /** The client itself takes so long for each operation, busy all the while. */
  readonly clientBusyMicros?: number | undefined;
  /** Reads are answered by the history at their send: of operations outstanding together, one may be behind another. */
  readonly readsAsOfSend?: boolean | undefined;
  /** Every n-th operation of a session fails with NONODE. */
  readonly failEvery?: number | undefined;
  /** Operations of each connection that are noted, in the order they were submitted; 0 for none. */
  readonly notedOperations?: number | undefined;
  /** No session can be opened: that is said at once, or never. */
  readonly refuse?: "at once" | "never" | undefined;
}

const CLOCK = 0;
const CHANGE = 2;
const ANSWERS = 4;
const STALLED = 5;
/** When the bucket has served all it was given, microseconds of the monotonic clock: a 64-bit word. */
const SERVED_UNTIL = 4;
const LOCKS = 10;
/** Where the last change of each value stands. */
const VALUES = 16;
const FAKE_VALUES = 64;
const NOTES = VALUES + FAKE_VALUES;

/** Memory of a fake service that notes `operations` of each of `connections`. */
export function fakeMemory(connections = 0, operations = 0): SharedArrayBuffer {
  return new SharedArrayBuffer((NOTES + connections * (operations + 1)) * 4);
}

/** What each connection did: an operation's letter, its key (of a delete the number), and the size of what it wrote. */
export function notesOf(memory: SharedArrayBuffer, connections: number, operations: number): string[] {
  const words = new Int32Array(memory);
  return Array.from({ length: connections }, (_, connection) => {
    const at = NOTES + connection * (operations + 1);
    const count = Math.min(operations, words[at] as number);
    return Array.from(words.subarray(at + 1, at + 1 + count))
      .map(
        (note) => `${LETTERS[note >>> 27]}${(note >>> 13) & 0x3fff}${(note & 0x1fff) === 0 ? "" : `:${note & 0x1fff}`}`,
      )
      .join(" ");
  });
}

export function fakeSource(options: FakeOptions): DriverSource {
  return { module: import.meta.url, factory: "createFakeDriver", parameters: [options] };
}

export function fakeParticipant(label: string, options: FakeOptions, overrides: Partial<Ensemble> = {}): Participant {
  return { label, ensemble: fakeEnsemble(overrides), driver: fakeSource(options) };
}

export function fakeMember(usage: () => ProcessUsage | undefined): Member {
  const unsupported = (): Promise<void> => Promise.reject(new Error("a fake member has no process"));
  return {
    id: 1,
    client: { host: "127.0.0.1", port: 1 },
    pid: undefined,
    role: () => Promise.resolve("standalone"),
    usage: () => Promise.resolve(usage()),
    kill: unsupported,
    restart: unsupported,
    pause: unsupported,
    resume: unsupported,
  };
}

/** Its one member uses 1 ms of CPU, 4 KiB and 2 syncs between any two readings. */
export function fakeEnsemble(overrides: Partial<Ensemble> = {}): Ensemble {
  let readings = 0;
  const member = fakeMember(() => {
    readings++;
    return {
      cpuMicros: readings * 1_000,
      writtenBytes: readings * 4_096,
      residentBytes: 1_000_000,
      syncs: readings * 2,
    };
  });
  return {
    target: "zookeeper",
    managed: true,
    version: "0.0.0",
    flags: { fsync: "yes" },
    members: [member],
    folder: undefined,
    leader: () => Promise.resolve(member),
    stop: () => Promise.resolve(),
    ...overrides,
  };
}

export function createFakeDriver(options: FakeOptions): TargetDriver {
  return new FakeDriver(options);
}

class FakeDriver implements TargetDriver {
  readonly target = "zookeeper";
  private readonly options: FakeOptions;
  private readonly words: Int32Array;
  private readonly bucket: Bucket | undefined;
  private readonly openers: SessionOpeners = {
    lock: () => Promise.resolve(this.locks(FakeLockSession)),
    herdLock: () => Promise.resolve(this.locks(FakeLockSession)),
    sharedLock: () => Promise.resolve(this.locks(FakeSharedLockSession)),
    semaphore: () => Promise.resolve(this.locks(FakeSemaphoreSession)),
    coarseLock: () => Promise.resolve(this.locks(FakeCoarseLockSession)),
    watch: ({ index }) => Promise.resolve(new FakeWatchSession(this.options, this.words, index)),
    configuration: ({ index }) => Promise.resolve(new FakeWatchSession(this.options, this.words, index)),
  };

  constructor(options: FakeOptions) {
    this.options = options;
    this.words = new Int32Array(options.memory);
    const { memory, capacityPerSecond } = options;
    this.bucket = capacityPerSecond === undefined ? undefined : new Bucket(memory, capacityPerSecond);
  }

  populate(): Promise<void> {
    Atomics.add(this.words, CLOCK, 100);
    return Promise.resolve();
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  /** It remembers nothing that was created. */
  createdOrders(): Promise<ReadonlySet<number>> {
    return Promise.resolve(new Set());
  }

  openLoadSession(options: LoadSessionOptions): Promise<LoadSession> {
    if (this.options.refuse === "never") return new Promise(() => undefined);
    if (this.options.refuse === "at once") {
      return Promise.reject(Object.assign(new Error("nobody there"), { errorName: "CONNECTIONLOSS" }));
    }
    return Promise.resolve(new FakeLoadSession(this.options, this.words, options, this.bucket));
  }

  openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> {
    return openerOf(this.openers, recipe, this.target)(options);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private locks<Session>(Kind: new (words: Int32Array, mistake: PlantedMistake | undefined) => Session): Session {
    return new Kind(this.words.subarray(LOCKS, LOCKS + FAKE_LOCK_WORDS), this.options.mistake);
  }
}

/** What a worker's sessions wait for of the bucket: answered in order, as a timer that is no more than 1 ms late allows. */
class Bucket {
  private readonly servedUntil: BigInt64Array;
  private readonly gapMicros: number;
  private readonly waiting: { readonly atMicros: number; readonly answer: () => void }[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(memory: SharedArrayBuffer, capacityPerSecond: number) {
    this.servedUntil = new BigInt64Array(memory, 0, SERVED_UNTIL + 1);
    this.gapMicros = 1e6 / capacityPerSecond;
  }

  serve(answer: () => void): void {
    let atMicros: number;
    for (;;) {
      const before = Atomics.load(this.servedUntil, SERVED_UNTIL);
      // Kept in 1/1024 of a microsecond: whole ones would make the capacity another than the one asked for.
      atMicros = Math.max(Number(before) / 1_024, nowMicros()) + this.gapMicros;
      const after = BigInt(Math.round(atMicros * 1_024));
      if (Atomics.compareExchange(this.servedUntil, SERVED_UNTIL, before, after) === before) break;
    }
    this.waiting.push({ atMicros, answer });
    this.timer ??= setTimeout(this.answerDue, 1);
  }

  private readonly answerDue = (): void => {
    const now = nowMicros();
    while (this.waiting[0] !== undefined && this.waiting[0].atMicros <= now) this.waiting.shift()?.answer();
    this.timer = this.waiting.length === 0 ? undefined : setTimeout(this.answerDue, 1);
  };
}
/** By operation: its letter in notes. */
const OPERATION = {
  read: 1,
  readLinearizable: 2,
  exists: 3,
  children: 4,
  sync: 5,
  write: 6,
  create: 7,
  setVersioned: 8,
  multi: 9,
  delete: 10,
} as const;
const LETTERS = "?rlekswcvtd";

class FakeLoadSession implements LoadSession {
  readonly connected = true;
  readonly absent = "NONODE";
  private readonly options: FakeOptions;
  private readonly words: Int32Array;
  private readonly session: LoadSessionOptions;
  private readonly results: number[];
  private submitted = 0;
  private answered = 0;
  private created = 0;

  private readonly bucket: Bucket | undefined;

  constructor(options: FakeOptions, words: Int32Array, session: LoadSessionOptions, bucket: Bucket | undefined) {
    this.options = options;
    this.words = words;
    this.session = session;
    this.bucket = bucket;
    this.results = new Array<number>(session.depth).fill(0);
  }

  read(slot: number, key: number): void {
    this.submit(slot, OPERATION.read, key);
  }

  readLinearizable(slot: number, key: number): void {
    this.submit(slot, OPERATION.readLinearizable, key);
  }

  exists(slot: number, key: number): void {
    this.submit(slot, OPERATION.exists, key);
  }

  children(slot: number, key: number): void {
    this.submit(slot, OPERATION.children, key);
  }

  sync(slot: number): void {
    this.submit(slot, OPERATION.sync, 0);
  }

  write(slot: number, key: number, bytes = this.session.valueBytes): void {
    this.submit(slot, OPERATION.write, key, bytes);
  }

  setVersioned(slot: number, key: number, bytes = this.session.valueBytes): void {
    this.submit(slot, OPERATION.setVersioned, key, bytes);
  }

  multi(slot: number, key: number, bytes = this.session.valueBytes): void {
    this.submit(slot, OPERATION.multi, key, bytes);
  }

  create(slot: number, key = 0, bytes = this.session.valueBytes): void {
    this.results[slot] = this.created++;
    this.submit(slot, OPERATION.create, key, bytes);
  }

  delete(slot: number, _key: number, number: number): void {
    this.submit(slot, OPERATION.delete, number);
  }

  resultOf(slot: number): number {
    return this.results[slot] as number;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private submit(slot: number, operation: number, key: number, bytes = 0): void {
    const { clientBusyMicros } = this.options;
    if (clientBusyMicros !== undefined) for (const until = nowMicros() + clientBusyMicros; nowMicros() < until; );
    this.note(operation, key, bytes);
    const number = ++this.submitted;
    const sentAt = Atomics.load(this.words, CLOCK);
    if (this.bucket !== undefined) this.bucket.serve(() => this.answer(slot, operation, number, sentAt));
    else setImmediate(() => this.answerWhenAwake(slot, operation, number, sentAt));
  }

  private answerWhenAwake(slot: number, operation: number, number: number, sentAt: number): void {
    const { stall } = this.options;
    if (stall !== undefined) {
      const answers = Atomics.add(this.words, ANSWERS, 1);
      const stalled = Atomics.load(this.words, STALLED);
      const now = Number(process.hrtime.bigint() / 1_000_000n);
      if (answers >= stall.afterAnswers && stalled === 0) Atomics.store(this.words, STALLED, now);
      const until = Atomics.load(this.words, STALLED) + stall.millis;
      if (answers >= stall.afterAnswers && now < until) {
        setTimeout(() => this.answer(slot, operation, number, sentAt), until - now);
        return;
      }
    }
    this.answer(slot, operation, number, sentAt);
  }

  private answer(slot: number, operation: number, number: number, sentAt: number): void {
    this.answered++;
    const { failEvery, mistake } = this.options;
    if (failEvery !== undefined && number % failEvery === 0) {
      this.session.listener.ended(slot, "NONODE", 0, 0);
      return;
    }
    const planted = this.answered % 50 === 49;
    if (operation === OPERATION.delete && mistake === "created-lost" && planted) {
      this.session.listener.ended(slot, this.absent, 0, 0);
      return;
    }
    if (operation >= OPERATION.write) {
      const written = Atomics.add(this.words, CLOCK, 1) + 1;
      const claimed = mistake === "writes-reordered" && planted ? written - 60 : written;
      if (operation === OPERATION.multi) {
        this.results[slot] = (this.session.multiWrites ?? 1) - (mistake === "transaction-torn" && planted ? 1 : 0);
      }
      // As of one key: whatever was written before it is what it replaces.
      if (operation === OPERATION.setVersioned) this.results[slot] = written - (mistake === "update-lost" ? 60 : 1);
      this.session.listener.ended(slot, "", Math.max(written, claimed), claimed);
      return;
    }
    const order = this.options.readsAsOfSend === true ? sentAt : Atomics.load(this.words, CLOCK);
    if (operation === OPERATION.children) {
      this.results[slot] = this.session.keys - (mistake === "listing-short" && planted ? 1 : 0);
    }
    const back =
      (mistake === "order-regresses" && planted) ||
      (mistake === "linearizable-read-stale" && operation === OPERATION.readLinearizable && planted);
    this.session.listener.ended(slot, "", back ? order - 60 : order, 0);
  }

  private note(operation: number, key: number, bytes: number): void {
    const noted = this.options.notedOperations ?? 0;
    if (noted === 0) return;
    const at = NOTES + this.session.index * (noted + 1);
    const count = (this.words[at] as number)++;
    if (count < noted) this.words[at + 1 + count] = (operation << 27) | (key << 13) | bytes;
  }
}

class FakeWatchSession implements WatchSession {
  private readonly options: FakeOptions;
  private readonly words: Int32Array;
  private readonly index: number;
  private closed = false;
  private changes = 0;

  constructor(options: FakeOptions, words: Int32Array, index: number) {
    this.options = options;
    this.words = words;
    this.index = index;
  }

  watch(key: number, onChange: (order: number) => void): Promise<void> {
    const at = VALUES + (key % FAKE_VALUES);
    let seen = Atomics.load(this.words, at);
    let tellings = 0;
    const poll = (): void => {
      if (this.closed) return;
      const now = Atomics.load(this.words, at);
      if (now !== seen) {
        const { mistake } = this.options;
        const loses = mistake === "event-lost" && this.index === 1 && ++this.changes === 2;
        const goesBack = mistake === "event-repeated-out-of-order" && this.index === 1 && ++tellings === 2;
        if (!loses) onChange(goesBack ? seen - 1 : now);
        seen = now;
      }
      setImmediate(poll);
    };
    setImmediate(poll);
    return Promise.resolve();
  }

  change(key: number, count = 1): Promise<number> {
    const order = Atomics.add(this.words, CHANGE, 1) + 101;
    for (let value = key; value < key + count; value++)
      Atomics.store(this.words, VALUES + (value % FAKE_VALUES), order);
    return Promise.resolve(order);
  }

  /** Every watch looks once in each turn of the event loop. */
  async flush(): Promise<void> {
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}
