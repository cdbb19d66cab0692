import { Worker } from "node:worker_threads";
import { assert } from "../base/assert.js";
import { RingBuffer } from "../base/ring.js";
import type { Zxid } from "../base/zxid.js";
import { firstZxidOf } from "../core/log/log-format.js";
import { CONTINUES, LogFile, type LogFileOptions } from "../server/storage/log-file.js";
import {
  CONTROL,
  createLogThreadMemory,
  type LogThreadMessage,
  type LogThreadStart,
  MARK,
  MARK_KIND,
  MARK_WORDS,
  MARKS_MAX,
  RECENT_SYNCS,
  RING_BYTES,
  STATISTIC,
  timedSync,
} from "./log-thread.messages.js";

/**
 * A sync on the calling thread saves two thread switches and costs what the disk takes. It is allowed while nine in ten
 * of the recent syncs were faster than this, and only where the caller has nothing else to do: measured, it is 1.1
 * times as fast with one client that waits for each write, and 0.7 times with two.
 */
const INLINE_SYNC_MICROS_MAX = 500;
const INLINE_SLOW_SYNCS_MAX = Math.floor(RECENT_SYNCS / 10);
/** One sync so many times slower counts like all of these: the caller is not made to wait for the next. */
const STALLED_SYNC_FACTOR = 20;
/** A larger batch is copied to the page cache by the thread. */
const INLINE_BATCH_BYTES_MAX = 262_144;

export interface LogStatistics {
  readonly syncs: number;
  readonly bytes: number;
  /** Summed over all syncs; the longest one. */
  readonly syncMicros: number;
  readonly syncMicrosMax: number;
  /** How many of the syncs ran on the calling thread. */
  readonly inlineSyncs: number;
  /** Bytes handed to `append` that are not durable yet. */
  readonly queuedBytes: number;
}

export interface LogAppender {
  /**
   * Appends one or more whole framed entries; the bytes are copied before it returns. `onSynced` tells when they are
   * durable, and may do so before this returns. Batches become durable in the order they were given, which is why
   * `onSynced` itself may not append. `idleMeanwhile`: the caller expects nothing to do until this is durable.
   */
  append(batch: Buffer, lastZxid: Zxid, idleMeanwhile?: boolean): void;
  /** What is appended from now on goes to a new file, named after its first zxid. */
  roll(): void;
  /** Everything up to here is durable, and `onSynced` has said so. */
  readonly syncedZxid: Zxid;
  readonly statistics: LogStatistics;
  /** Makes everything durable that was appended, and ends the thread. */
  close(): Promise<void>;
}

export interface LogAppenderOptions extends LogFileOptions {
  onSynced(zxid: Zxid): void;
  /**
   * A write or sync has failed: what was not reported as synced may or may not be on disk. Called once; nothing is
   * reported as synced afterwards, and the process has to end.
   */
  onFatal(error: Error): void;
  /** Microseconds a recent sync may take for the caller to do the next one itself; 0 leaves all to the thread. */
  readonly inlineSyncMicrosMax?: number;
}

export function openLogAppender(options: LogAppenderOptions): LogAppender {
  return new LogThread(options);
}

/** A batch, or the rest of one, that did not fit into the ring. */
interface Waiting {
  readonly kind: (typeof MARK_KIND)[keyof typeof MARK_KIND];
  readonly bytes: Buffer;
  readonly firstZxid: Zxid;
  readonly lastZxid: Zxid;
  offset: number;
}

const NO_BYTES = Buffer.alloc(0);

class LogThread implements LogAppender {
  syncedZxid: Zxid = 0;

  private readonly options: LogAppenderOptions;
  private readonly inlineSyncMicrosMax: number;
  private readonly memory = createLogThreadMemory();
  private readonly file: LogFile;
  private readonly worker: Worker;
  /** Marks handed over, and marks that are known to be completed; both modulo 2^32. */
  private submitted = 0;
  private completed = 0;
  /** Where in the ring the next byte goes, and how many are in it. */
  private ringAt = 0;
  private ringBytes = 0;
  private readonly waiting = new RingBuffer<Waiting>();
  private waitingBytes = 0;
  private inlineSyncs = 0;
  private reporting = false;
  private status: "open" | "closing" | "ended" = "open";
  private readonly ended: Promise<void>;

  constructor(options: LogAppenderOptions) {
    this.options = options;
    this.inlineSyncMicrosMax = options.inlineSyncMicrosMax ?? INLINE_SYNC_MICROS_MAX;
    const { folder, preAllocBytes, sizeLimitBytes, forceSync } = options;
    const fileOptions = { folder, preAllocBytes, sizeLimitBytes, forceSync };
    this.file = new LogFile(fileOptions, this.memory.file);
    const workerData: LogThreadStart = { options: fileOptions, memory: this.memory };
    this.worker = new Worker(new URL("./log-thread.worker.js", import.meta.url), { workerData, name: "log" });
    this.worker.on("message", (message: LogThreadMessage) => {
      if (message === "completed") this.takeCompleted();
      else this.fail(Object.assign(new Error(message.failed), { code: message.code }));
    });
    this.worker.on("error", (error) => this.fail(error as Error));
    this.ended = new Promise((resolve) => {
      this.worker.on("exit", () => {
        if (this.status === "open") this.fail(new Error("the log thread ended by itself"));
        this.status = "ended";
        resolve();
      });
    });
  }

  append(batch: Buffer, lastZxid: Zxid, idleMeanwhile = false): void {
    if (this.hasEnded()) return;
    assert(this.status === "open", "an append to a log that is being closed");
    assert(!this.reporting, "an append from within onSynced, which would overtake the batch being appended");
    const idle = this.isIdle();
    // What had waited for the thread may have failed just now, and nothing may be written after that.
    if (this.hasEnded()) return;
    if (idleMeanwhile && idle && this.mayAppendInline(batch.length)) this.appendInline(batch, lastZxid);
    else this.hand(MARK_KIND.batch, batch, firstZxidOf(batch), lastZxid);
  }

  roll(): void {
    if (this.hasEnded()) return;
    const idle = this.isIdle();
    if (this.hasEnded()) return;
    if (idle) this.file.roll();
    else this.hand(MARK_KIND.roll, NO_BYTES, CONTINUES, 0);
  }

  get statistics(): LogStatistics {
    const { statistics } = this.memory;
    return {
      syncs: statistics[STATISTIC.syncs] as number,
      bytes: statistics[STATISTIC.bytes] as number,
      syncMicros: statistics[STATISTIC.syncMicros] as number,
      syncMicrosMax: statistics[STATISTIC.syncMicrosMax] as number,
      inlineSyncs: this.inlineSyncs,
      queuedBytes: this.ringBytes + this.waitingBytes,
    };
  }

  close(): Promise<void> {
    if (this.status === "open") {
      this.status = "closing";
      this.hand(MARK_KIND.close, NO_BYTES, CONTINUES, 0);
    }
    return this.ended;
  }

  private hasEnded(): boolean {
    return this.status === "ended";
  }

  /** Nothing is handed over that is not completed, so the file and its state are this side's to use. */
  private isIdle(): boolean {
    if (this.submitted === this.completed) return true;
    this.takeCompleted();
    return this.submitted === this.completed;
  }

  private get disk(): "fast" | "slow" {
    if (this.inlineSyncMicrosMax === 0) return "slow";
    const { statistics } = this.memory;
    let slow = 0;
    for (let index = 0; index < RECENT_SYNCS; index++) {
      const micros = statistics[STATISTIC.recent + index] as number;
      if (micros > STALLED_SYNC_FACTOR * this.inlineSyncMicrosMax) return "slow";
      if (micros > this.inlineSyncMicrosMax) slow++;
    }
    return slow > INLINE_SLOW_SYNCS_MAX ? "slow" : "fast";
  }

  /** Only while this side holds the file. */
  private mayAppendInline(bytes: number): boolean {
    return bytes <= INLINE_BATCH_BYTES_MAX && this.disk === "fast" && !this.file.beginsWithNextAppend;
  }

  private appendInline(batch: Buffer, lastZxid: Zxid): void {
    const { statistics } = this.memory;
    try {
      this.file.append([batch], firstZxidOf(batch));
      timedSync(this.file, statistics);
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    statistics[STATISTIC.bytes] = (statistics[STATISTIC.bytes] as number) + batch.length;
    this.inlineSyncs++;
    this.report(lastZxid);
  }

  private hand(kind: Waiting["kind"], bytes: Buffer, firstZxid: Zxid, lastZxid: Zxid): void {
    if (this.waiting.length === 0 && this.hasRoom(bytes.length)) {
      this.put(kind, bytes, firstZxid, lastZxid);
      this.wake();
      return;
    }
    this.waiting.push({ kind, bytes: Buffer.from(bytes), firstZxid, lastZxid, offset: 0 });
    this.waitingBytes += bytes.length;
    this.moveWaiting();
  }

  private hasRoom(bytes: number): boolean {
    return bytes <= RING_BYTES - this.ringBytes && ((this.submitted - this.completed) | 0) < MARKS_MAX;
  }

  /** Moves what waits into the ring as far as it fits; a batch may go in parts, so one of any size gets through. */
  private moveWaiting(): void {
    let moved = false;
    for (let next = this.waiting.peek(); next !== undefined; next = this.waiting.peek()) {
      const { kind, bytes, offset, lastZxid } = next;
      const left = bytes.length - offset;
      const count = Math.min(left, RING_BYTES - this.ringBytes);
      if (!this.hasRoom(count) || (count === 0 && left > 0)) break;
      const firstZxid = offset === 0 ? next.firstZxid : CONTINUES;
      this.put(count === left ? kind : MARK_KIND.part, bytes.subarray(offset, offset + count), firstZxid, lastZxid);
      moved = true;
      this.waitingBytes -= count;
      next.offset += count;
      if (count === left) this.waiting.shift();
    }
    if (moved) this.wake();
  }

  private put(kind: Waiting["kind"], bytes: Buffer, firstZxid: Zxid, lastZxid: Zxid): void {
    const { marks, ring } = this.memory;
    const untilEnd = RING_BYTES - this.ringAt;
    if (bytes.length <= untilEnd) {
      ring.set(bytes, this.ringAt);
    } else {
      ring.set(bytes.subarray(0, untilEnd), this.ringAt);
      ring.set(bytes.subarray(untilEnd), 0);
    }
    this.ringAt = (this.ringAt + bytes.length) % RING_BYTES;
    this.ringBytes += bytes.length;
    const at = (this.submitted & (MARKS_MAX - 1)) * MARK_WORDS;
    marks[at + MARK.kind] = kind;
    marks[at + MARK.bytes] = bytes.length;
    marks[at + MARK.firstZxid] = firstZxid;
    marks[at + MARK.lastZxid] = lastZxid;
    this.submitted = (this.submitted + 1) | 0;
  }

  private wake(): void {
    Atomics.store(this.memory.control, CONTROL.submitted, this.submitted);
    Atomics.notify(this.memory.control, CONTROL.submitted);
  }

  private takeCompleted(): void {
    if (this.status === "ended") return;
    const completed = Atomics.load(this.memory.control, CONTROL.completed);
    if (completed === this.completed) return;
    let lastZxid = this.syncedZxid;
    for (let mark = this.completed; mark !== completed; mark = (mark + 1) | 0) {
      const at = (mark & (MARKS_MAX - 1)) * MARK_WORDS;
      this.ringBytes -= this.memory.marks[at + MARK.bytes] as number;
      if (this.memory.marks[at + MARK.kind] === MARK_KIND.batch) {
        lastZxid = this.memory.marks[at + MARK.lastZxid] as number;
      }
    }
    this.completed = completed;
    if (lastZxid !== this.syncedZxid) this.report(lastZxid);
    if (!this.hasEnded()) this.moveWaiting();
  }

  private report(zxid: Zxid): void {
    assert(zxid > this.syncedZxid, `synced 0x${zxid.toString(16)} after 0x${this.syncedZxid.toString(16)}`);
    this.syncedZxid = zxid;
    this.reporting = true;
    this.options.onSynced(zxid);
    this.reporting = false;
  }

  private fail(error: Error): void {
    if (this.status === "ended") return;
    this.status = "ended";
    void this.worker.terminate();
    this.options.onFatal(error);
  }
}
