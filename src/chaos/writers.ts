import { createHistogram, type Histogram, summarize } from "../bench/histogram.js";
import { nowMicros } from "../bench/load/clock.js";
import type { OperationReport } from "../bench/load/load.js";
import { Recorder } from "../bench/load/recorder.js";
import { SecondMerger } from "../bench/merge.js";
import type { LatencySummary, SecondRow } from "../bench/result.js";
import type { LoadListener, LoadSession, TargetDriver } from "../targets/driver.js";
import type { Address } from "../targets/target.js";
import { AcknowledgementTrace } from "./outage.js";

/** After an error with the connection in place; going on at once would only spin. */
const RETRY_MS = 5;
const ACKNOWLEDGED_INITIAL = 4_096;

export interface WritersOptions {
  readonly driver: TargetDriver;
  readonly members: readonly Address[];
  readonly root: string;
  readonly clients: number;
  readonly valueBytes: number;
  readonly sessionTimeoutMs: number;
  readonly durationMicros: number;
}

export type Phase = "before" | "during" | "after";

/** Numbers in the order they came, eight bytes each. */
class NumberList {
  private values = new Float64Array(ACKNOWLEDGED_INITIAL);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const grown = new Float64Array(this.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.length++] = value;
  }

  view(): Float64Array {
    return this.values.subarray(0, this.length);
  }
}

/** One session that creates one key after the other. */
class Writer implements LoadListener {
  readonly trace: AcknowledgementTrace;
  session: LoadSession | undefined;
  private readonly owner: Writers;
  private sentMicros = 0;
  private floor = 0;
  private lastOrder = 0;
  private busy = false;

  constructor(owner: Writers, durationMicros: number) {
    this.owner = owner;
    this.trace = new AcknowledgementTrace(durationMicros);
  }

  next(): void {
    if (this.busy || !this.owner.running || this.session?.connected !== true) return;
    this.busy = true;
    this.sentMicros = nowMicros();
    this.floor = this.owner.highestWritten;
    this.session.create(0);
  }

  ended(_slot: number, error: string, order: number, written: number): void {
    const now = nowMicros();
    this.busy = false;
    if (error !== "") {
      this.owner.failed(error, this.sentMicros, now);
      setTimeout(() => this.next(), RETRY_MS);
      return;
    }
    if (order < this.lastOrder) this.owner.sessionRegressed(this.lastOrder, order);
    this.lastOrder = Math.max(this.lastOrder, order);
    this.owner.acknowledged(this.sentMicros, now, this.floor, written);
    this.trace.acknowledged(now - this.owner.startMicros);
    // Not from within the session's own call: it may not have freed the slot yet.
    setImmediate(() => this.next());
  }

  brokeProtocol(detail: string): void {
    this.owner.broken ||= detail;
  }

  disconnected(): void {
    this.owner.disconnects++;
  }

  reconnected(renewed: boolean): void {
    if (renewed) {
      this.owner.sessionsLost++;
      this.lastOrder = 0;
    }
    this.next();
  }
}

/**
 * The clients of a scenario: a closed loop of creates, everything they were told kept, so that an outage can be read from
 * it and every acknowledged write be looked for afterwards.
 */
export class Writers {
  readonly overall: AcknowledgementTrace;
  running = false;
  startMicros = 0;
  highestWritten = 0;
  disconnects = 0;
  sessionsLost = 0;
  /** What ended without an answer: it may have been done or not. */
  indeterminate = 0;
  regression = "";
  disorder = "";
  /** How a server broke its protocol. */
  broken = "";
  phase: Phase = "before";
  private readonly options: WritersOptions;
  private readonly writers: Writer[] = [];
  private readonly written = new NumberList();
  private readonly phases: Readonly<Record<Phase, Histogram>>;
  private readonly errorCounts: Record<string, number> = {};
  private readonly secondMerger = new SecondMerger(1);
  private recorder: Recorder | undefined;

  constructor(options: WritersOptions) {
    this.options = options;
    this.overall = new AcknowledgementTrace(options.durationMicros);
    this.phases = { before: createHistogram(), during: createHistogram(), after: createHistogram() };
  }

  async open(): Promise<void> {
    const { driver, members, root, clients, valueBytes, sessionTimeoutMs, durationMicros } = this.options;
    for (let index = 0; index < clients; index++) {
      const writer = new Writer(this, durationMicros);
      this.writers.push(writer);
      const session = { members, index, root, sessionTimeoutMs, depth: 1, keys: 1, valueBytes, listener: writer };
      writer.session = await driver.openLoadSession(session);
    }
  }

  start(): void {
    this.startMicros = nowMicros();
    const window = { recordMicros: this.startMicros, endMicros: this.startMicros + this.options.durationMicros };
    this.recorder = new Recorder(["create"], false, window, (batch) => this.secondMerger.add(0, batch));
    this.running = true;
    for (const writer of this.writers) writer.next();
  }

  /** No further write is begun. Returns what was measured, as a whole and by seconds. */
  stop(): { readonly operations: readonly OperationReport[]; readonly seconds: readonly SecondRow[] } {
    this.running = false;
    const operations = this.recorder?.finish() ?? [];
    this.recorder = undefined;
    return { operations, seconds: this.secondMerger.finish() };
  }

  async close(): Promise<void> {
    this.running = false;
    await Promise.allSettled(this.writers.map((writer) => writer.session?.close()));
    for (const histogram of Object.values(this.phases)) histogram.destroy();
  }

  get clientTraces(): readonly AcknowledgementTrace[] {
    return this.writers.map((writer) => writer.trace);
  }

  /** Where the acknowledged writes stand in the server's history. */
  get acknowledgedOrders(): Float64Array {
    return this.written.view();
  }

  get errors(): Readonly<Record<string, number>> {
    return { ...this.errorCounts };
  }

  phaseLatency(phase: Phase): LatencySummary | null {
    return summarize(this.phases[phase]);
  }

  acknowledged(sentMicros: number, now: number, floor: number, written: number): void {
    if (written <= floor)
      this.disorder ||= `a write was put at ${written}, though one at ${floor} had ended before it began`;
    this.highestWritten = Math.max(this.highestWritten, written);
    this.written.push(written);
    this.overall.acknowledged(now - this.startMicros);
    this.phases[this.phase].recordValue(Math.max(1, Math.round(now - sentMicros)));
    this.recorder?.succeeded(0, sentMicros, sentMicros, now);
  }

  failed(error: string, sentMicros: number, now: number): void {
    this.errorCounts[error] = (this.errorCounts[error] ?? 0) + 1;
    this.indeterminate++;
    this.recorder?.failed(0, error, sentMicros, now);
  }

  sessionRegressed(from: number, to: number): void {
    this.regression ||= `a session was shown ${to} after ${from}`;
  }
}
