import { assert } from "../../../base/assert.js";
import type { TargetDriver } from "../../../targets/driver.js";
import { LoadShared, type WorkerCounters } from "../../../workers/load-shared.js";
import { createHistogram, type Histogram, packHistogram } from "../../histogram.js";
import { ArrivalSchedule } from "../../load/arrivals.js";
import { nowMicros } from "../../load/clock.js";
import { keyChoice } from "../../load/keys.js";
import type { Load, LoadJob, LoadReport, LoadWindow } from "../../load/load.js";
import { LoadMeter } from "../../load/load-meter.js";
import { openAll, ownConnections, sleepUntil } from "../../load/opening.js";
import { Recorder } from "../../load/recorder.js";
import { type OperationChoice, operationChoice } from "../../load/streams.js";
import { type SizeChoice, sizeChoice } from "../../load/value-sizes.js";
import type { MixWorkload } from "../../profile/profile.js";
import { DueHeap } from "./due-heap.js";
import { MixChecks } from "./mix-checks.js";
import { MixConnection, type MixHost } from "./mix-connection.js";

/** Timers fire on whole milliseconds and up to one late: nearer than this, due times are polled for. */
const POLL_MICROS = 2_000;
const DRAIN_CHECK_MS = 5;

/**
 * Independent operations. Closed loop: every slot of every connection starts the next operation when one ends. Open loop:
 * every connection follows its schedule; what finds no free slot waits for one, and its latency counts from when it was due.
 */
export class MixLoad implements Load, MixHost {
  readonly workload: MixWorkload;
  readonly choice: OperationChoice;
  readonly sizes: SizeChoice;
  readonly checks: MixChecks;
  readonly counters: WorkerCounters;
  recorder: Recorder | undefined;
  endMicros = 0;
  disconnects = 0;
  sessionsLost = 0;
  private readonly job: LoadJob;
  private readonly driver: TargetDriver;
  private readonly worker: number;
  private readonly meter = new LoadMeter();
  private readonly connections: MixConnection[] = [];
  private readonly due: DueHeap;
  private sendLag: Histogram | undefined;
  private drainEndMicros = 0;
  private recordMicros = 0;
  private wake: NodeJS.Timeout | undefined;
  private wakeAtMicros = Number.POSITIVE_INFINITY;
  private running = false;
  /** True from when the next `pump` is certain to come at the end of this turn until it has sent what was due. */
  private polling = false;
  private lastPollMicros = 0;
  private busySincePoll = false;

  constructor(job: LoadJob, driver: TargetDriver, worker: number) {
    assert(job.workload.kind === "mix", "a mix load needs a mix workload");
    this.job = job;
    this.driver = driver;
    this.worker = worker;
    const shared = new LoadShared(job.workers, 0, job.shared);
    this.workload = job.workload;
    this.choice = operationChoice(job.workload);
    this.sizes = sizeChoice(job.valueSizes);
    this.checks = new MixChecks(shared, worker, job.workload, job.keys);
    this.counters = shared.counters(worker);
    this.due = new DueHeap(job.connections);
  }

  async open(): Promise<void> {
    const { job } = this;
    await openAll(ownConnections(job, this.worker), async (index) => {
      const keys = keyChoice(job.distribution, job.keys, job.connections, index);
      const connection = new MixConnection(this, index, job, keys);
      connection.session = await this.driver.openLoadSession({
        members: job.members,
        index,
        root: job.root,
        sessionTimeoutMs: job.sessionTimeoutMs,
        depth: job.depth,
        keys: job.keys,
        valueBytes: job.valueBytes,
        tree: this.workload.tree,
        createKind: this.workload.createKind,
        multiWrites: this.workload.multiWrites,
        listener: connection,
      });
      this.counters.addConnected(1);
      this.connections.push(connection);
    });
    this.connections.sort((a, b) => a.index - b.index);
  }

  async run(window: LoadWindow): Promise<LoadReport> {
    const { job } = this;
    const { loop } = job;
    this.endMicros = window.endMicros;
    this.recordMicros = window.recordMicros;
    this.drainEndMicros = window.endMicros + window.drainMs * 1_000;
    this.recorder = new Recorder(this.choice.operations, loop.kind === "open", window, window.onSecond);
    this.sendLag = loop.kind === "open" ? createHistogram() : undefined;
    await sleepUntil(window.startMicros);
    this.running = true;
    this.meter.start();
    const metering = setTimeout(() => this.meter.start(), Math.max(0, window.recordMicros - nowMicros()) / 1_000);
    if (loop.kind === "closed") {
      for (const connection of this.connections) connection.startClosed();
    } else {
      this.connections.forEach((connection, entry) => {
        const leadInMicros = window.recordMicros - window.startMicros;
        const schedule = new ArrivalSchedule(loop, job.connections, job.seed, connection.index, leadInMicros);
        connection.startOpen(schedule, entry, window.startMicros);
        this.due.push(entry, connection.dueMicros);
      });
      this.pump();
    }
    const used = await this.drained();
    clearTimeout(metering);
    return this.report(used);
  }

  endNow(drainMs: number): void {
    const now = nowMicros();
    this.endMicros = Math.min(this.endMicros, now);
    this.drainEndMicros = Math.min(this.drainEndMicros, now + drainMs * 1_000);
    this.recorder?.endAt(this.endMicros);
  }

  async close(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.session?.close()));
  }

  /** A connection has a free slot and an operation due at `dueMicros`. */
  wait(entry: number, dueMicros: number): void {
    this.due.push(entry, dueMicros);
    if (!this.polling && dueMicros < this.wakeAtMicros) this.schedule(nowMicros());
  }

  recordSendLag(dueMicros: number, now: number): void {
    this.busySincePoll = true;
    if (dueMicros < this.recordMicros) return;
    const lateMicros = now - dueMicros;
    this.sendLag?.recordValue(lateMicros < 1.5 ? 1 : Math.round(lateMicros));
  }

  noteReply(): void {
    this.busySincePoll = true;
  }

  /** Sends what is due and arranges to be called again when the next operation is. */
  private readonly pump = (): void => {
    if (!this.running) return;
    this.polling = true;
    let now = nowMicros();
    if (this.lastPollMicros > 0 && !this.busySincePoll) this.meter.idlePollMicros += now - this.lastPollMicros;
    this.busySincePoll = false;
    while (this.due.earliestDue <= now) {
      const connection = this.connections[this.due.pop()] as MixConnection;
      connection.sendDue(now);
      now = nowMicros();
    }
    this.polling = false;
    this.schedule(now);
  };

  private schedule(now: number): void {
    if (this.wake !== undefined) clearTimeout(this.wake);
    this.wake = undefined;
    this.lastPollMicros = 0;
    const dueMicros = this.due.earliestDue;
    if (dueMicros === Number.POSITIVE_INFINITY) {
      this.wakeAtMicros = Number.POSITIVE_INFINITY;
      return;
    }
    if (dueMicros - now > POLL_MICROS) {
      this.wakeAtMicros = dueMicros;
      this.wake = setTimeout(this.pump, Math.floor((dueMicros - now - POLL_MICROS) / 1_000));
      return;
    }
    this.polling = true;
    this.lastPollMicros = now;
    setImmediate(this.pump);
  }

  /** Resolves when the window is over and every operation has ended or been given up, with what the worker used. */
  private drained(): Promise<ReturnType<LoadMeter["read"]>> {
    return new Promise((resolve) => {
      let used: ReturnType<LoadMeter["read"]> | undefined;
      const check = setInterval(() => {
        const now = nowMicros();
        this.recorder?.passTime(now);
        if (now < this.endMicros) return;
        used ??= this.meter.read();
        if (now < this.drainEndMicros && this.connections.some((connection) => connection.unfinished)) return;
        clearInterval(check);
        resolve(used);
      }, DRAIN_CHECK_MS);
    });
  }

  private report(used: ReturnType<LoadMeter["read"]>): LoadReport {
    const now = nowMicros();
    const recorder = this.recorder as Recorder;
    for (const connection of this.connections) connection.giveUp(now);
    this.recorder = undefined;
    this.running = false;
    if (this.wake !== undefined) clearTimeout(this.wake);
    const sendLag = this.sendLag === undefined ? undefined : packHistogram(this.sendLag);
    this.sendLag?.destroy();
    this.sendLag = undefined;
    return {
      operations: recorder.finish(),
      sendLag,
      ...used,
      checks: this.checks.report(),
      figures: {},
      disconnects: this.disconnects,
      sessionsLost: this.sessionsLost,
    };
  }
}
