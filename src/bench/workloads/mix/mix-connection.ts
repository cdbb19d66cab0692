import type { RandomSource } from "../../../base/random.js";
import type { LoadListener, LoadSession } from "../../../targets/driver.js";
import type { WorkerCounters } from "../../../workers/load-shared.js";
import type { ArrivalSchedule } from "../../load/arrivals.js";
import { monotonicMicros, nowMicros } from "../../load/clock.js";
import type { KeyChoice } from "../../load/keys.js";
import type { LoadJob } from "../../load/load.js";
import type { Recorder } from "../../load/recorder.js";
import { drawOperation, type OperationChoice, operationSource, sizeSource } from "../../load/streams.js";
import type { SizeChoice } from "../../load/value-sizes.js";
import type { MixOperation, MixWorkload } from "../../profile/profile.js";
import { CreatedNodes } from "./created-nodes.js";
import type { MixChecks } from "./mix-checks.js";

/** They may be answered from the past. */
const UNORDERED: readonly MixOperation[] = ["read", "exists", "children"];

/** What a connection needs of the load it is part of. */
export interface MixHost {
  readonly workload: MixWorkload;
  readonly choice: OperationChoice;
  readonly sizes: SizeChoice;
  readonly checks: MixChecks;
  readonly counters: WorkerCounters;
  /** Undefined outside a window: what ends then is not recorded. */
  readonly recorder: Recorder | undefined;
  readonly endMicros: number;
  disconnects: number;
  sessionsLost: number;
  wait(entry: number, dueMicros: number): void;
  /** Of an operation whose slot was free when it fell due. */
  recordSendLag(dueMicros: number, now: number): void;
  noteReply(): void;
}

/**
 * One connection of a mix. A slot is free, outstanding, or (while the server cannot be reached) parked until it can: an
 * operation that cannot be sent is no operation, and would only count errors as fast as the client can spin.
 */
export class MixConnection implements LoadListener {
  readonly index: number;
  session: LoadSession | undefined;
  private readonly host: MixHost;
  private readonly operations: RandomSource;
  private readonly keys: KeyChoice;
  private readonly sizeRandom: RandomSource;
  private readonly created: CreatedNodes;
  /** By operation: 1 where its place in history is compared with that of completed writes. */
  private readonly isOrdered: Uint8Array;
  private readonly createAt: number;
  private readonly deleteAt: number;
  private readonly slotKey: Float64Array;
  /** Of a create: whether it is to be remembered. */
  private readonly slotKept: Uint8Array;
  private readonly slotOperation: Uint8Array;
  private readonly slotStarted: Float64Array;
  private readonly slotSent: Float64Array;
  private readonly slotFloor: Float64Array;
  /** How far the session had been shown history when the operation was submitted. */
  private readonly slotShown: Float64Array;
  private readonly slotBusy: Uint8Array;
  /** A stack of free slots. */
  private readonly free: Int32Array;
  private freeCount = 0;
  private outstanding = 0;
  private lastOrder = 0;
  private submitting = false;
  private resumeQueued = false;
  /** Open loop only. */
  private schedule: ArrivalSchedule | undefined;
  private entry = 0;
  private startMicros = 0;
  /** Open loop: true while the load's heap holds this connection. */
  private waiting = false;

  constructor(host: MixHost, index: number, job: LoadJob, keys: KeyChoice) {
    this.host = host;
    this.index = index;
    this.operations = operationSource(job.seed, index);
    this.keys = keys;
    this.sizeRandom = sizeSource(job.seed, index);
    const { operations } = host.workload;
    this.created = new CreatedNodes(job.depth, operations.create ?? 0, operations.delete ?? 0);
    this.isOrdered = Uint8Array.from(host.choice.operations, (name) => (UNORDERED.includes(name) ? 0 : 1));
    this.createAt = host.choice.operations.indexOf("create");
    this.deleteAt = host.choice.operations.indexOf("delete");
    this.slotKey = new Float64Array(job.depth);
    this.slotKept = new Uint8Array(job.depth);
    this.slotOperation = new Uint8Array(job.depth);
    this.slotStarted = new Float64Array(job.depth);
    this.slotSent = new Float64Array(job.depth);
    this.slotFloor = new Float64Array(job.depth);
    this.slotShown = new Float64Array(job.depth);
    this.slotBusy = new Uint8Array(job.depth);
    this.free = new Int32Array(job.depth);
    for (let slot = job.depth - 1; slot >= 0; slot--) this.free[this.freeCount++] = slot;
  }

  startClosed(): void {
    this.fill(nowMicros());
  }

  startOpen(schedule: ArrivalSchedule, entry: number, startMicros: number): void {
    this.schedule = schedule;
    this.entry = entry;
    this.startMicros = startMicros;
    this.waiting = true;
  }

  /** Open loop: when the next operation is due, microseconds of the monotonic clock. */
  get dueMicros(): number {
    return this.startMicros + (this.schedule as ArrivalSchedule).due;
  }

  /** True while operations are outstanding or, in an open loop, due before the end and not sent. */
  get unfinished(): boolean {
    return this.outstanding > 0 || (this.schedule !== undefined && this.dueMicros < this.host.endMicros);
  }

  /** The load's heap says that an operation is due: sends it, and all others that are, as far as slots are free. */
  sendDue(now: number): void {
    this.waiting = false;
    this.fill(now, true);
  }

  ended(slot: number, error: string, order: number, written: number): void {
    const now = nowMicros();
    const { host } = this;
    this.slotBusy[slot] = 0;
    this.free[this.freeCount++] = slot;
    this.outstanding--;
    host.noteReply();
    const operation = this.slotOperation[slot] as number;
    const started = this.slotStarted[slot] as number;
    if (error !== "") {
      host.counters.fail();
      host.recorder?.failed(operation, error, started, now);
      this.failed(slot, operation, error);
      // Ended before the call that submitted it returned, or the server is away: going on at once would never end.
      if (this.submitting || this.session?.connected !== true) {
        this.resumeLater();
        return;
      }
    } else {
      this.acknowledged(slot, operation, started, now);
      this.check(slot, operation, order, written);
      if (this.submitting) {
        this.resumeLater();
        return;
      }
    }
    this.fill(now);
  }

  /**
   * Where the driver knows when the request really left and the reply really came, that is what counts: the time this
   * client takes to get to either of them is no latency of the server.
   */
  private acknowledged(slot: number, operation: number, started: number, now: number): void {
    const { host } = this;
    const times = this.session?.times;
    const sent = times === undefined ? (this.slotSent[slot] as number) : monotonicMicros(times.sentAtMs(slot));
    const received = times === undefined ? now : monotonicMicros(times.receivedAtMs);
    const from = this.schedule === undefined ? sent : started;
    host.counters.complete(received - sent);
    host.recorder?.succeeded(operation, from, sent, received);
  }

  brokeProtocol(detail: string): void {
    this.host.checks.brokeProtocol(this.index, detail);
  }

  disconnected(): void {
    this.host.disconnects++;
    this.host.counters.addConnected(-1);
  }

  reconnected(renewed: boolean): void {
    this.host.counters.addConnected(1);
    if (renewed) {
      this.host.sessionsLost++;
      this.lastOrder = 0;
      if (this.host.workload.createKind.startsWith("ephemeral")) this.created.clear();
    }
    this.fill(nowMicros());
  }

  /** The time for answers is over: what is outstanding, or was due and never sent, counts as failed. */
  giveUp(now: number): void {
    const { recorder } = this.host;
    for (let slot = 0; slot < this.slotBusy.length; slot++) {
      if (this.slotBusy[slot] === 0) continue;
      recorder?.failed(this.slotOperation[slot] as number, "UNANSWERED", this.slotStarted[slot] as number, now);
    }
    const { schedule } = this;
    if (schedule === undefined) return;
    while (this.dueMicros < this.host.endMicros) {
      recorder?.failed(drawOperation(this.host.choice, this.operations), "UNSENT", this.dueMicros, now);
      this.keys(this.operations);
      schedule.take();
    }
  }

  /** Starts operations in every slot that is free, as the loop allows. `timely`: the slots were free when they fell due. */
  private fill(now: number, timely = false): void {
    const { schedule, host } = this;
    if (this.session?.connected !== true || host.recorder === undefined) return;
    if (schedule === undefined) {
      while (this.freeCount > 0 && now < host.endMicros && this.session.connected) {
        if (!this.submit(now, now)) return;
      }
      return;
    }
    while (this.freeCount > 0) {
      const due = this.dueMicros;
      if (due >= host.endMicros) return;
      if (due > now) {
        if (!this.waiting) {
          this.waiting = true;
          host.wait(this.entry, due);
        }
        return;
      }
      schedule.take();
      if (timely) host.recordSendLag(due, now);
      if (!this.submit(due, now)) return;
    }
  }

  /** False where the operation ended before this call did: the loop goes on in the next turn. */
  private submit(started: number, now: number): boolean {
    const { host } = this;
    const slot = this.free[--this.freeCount] as number;
    const operation = this.settled(drawOperation(host.choice, this.operations));
    const key = this.keys(this.operations);
    this.slotOperation[slot] = operation;
    this.slotKey[slot] = key;
    this.slotStarted[slot] = started;
    this.slotSent[slot] = now;
    this.slotShown[slot] = this.lastOrder;
    if (this.isOrdered[operation] === 1) this.slotFloor[slot] = host.checks.floor();
    this.slotBusy[slot] = 1;
    this.outstanding++;
    this.submitting = true;
    this.call(host.choice.operations[operation] as MixOperation, slot, key);
    this.submitting = false;
    return !this.resumeQueued;
  }

  /** What becomes of the operation drawn: a delete with nothing to delete creates, and a create beyond the bound deletes. */
  private settled(operation: number): number {
    if (this.deleteAt === -1) return operation;
    if (operation === this.deleteAt && !this.created.canDelete) return this.createAt;
    if (operation === this.createAt && this.created.full) return this.deleteAt;
    return operation;
  }

  private call(name: MixOperation, slot: number, key: number): void {
    const session = this.session as LoadSession;
    switch (name) {
      case "read":
        session.read(slot, key);
        break;
      case "readLinearizable":
        session.readLinearizable(slot, key);
        break;
      case "exists":
        session.exists(slot, key);
        break;
      case "children":
        session.children(slot, key);
        break;
      case "sync":
        session.sync(slot);
        break;
      case "write":
        session.write(slot, key, this.size());
        break;
      case "setVersioned":
        session.setVersioned(slot, key, this.size());
        break;
      case "multi":
        session.multi(slot, key, this.size());
        break;
      case "create":
        this.slotKept[slot] = this.deleteAt !== -1 && this.created.reserve() ? 1 : 0;
        session.create(slot, key, this.size());
        break;
      case "delete": {
        const { number, key: beside } = this.created;
        this.created.drop();
        session.delete(slot, beside, number);
        break;
      }
    }
  }

  private size(): number {
    return this.host.sizes(this.sizeRandom);
  }

  private failed(slot: number, operation: number, error: string): void {
    const name = this.host.choice.operations[operation] as MixOperation;
    if (name === "create" && this.slotKept[slot] === 1) this.created.release();
    if (name === "delete" && error === this.session?.absent) this.host.checks.createdIsGone(this.index);
  }

  private check(slot: number, operation: number, order: number, written: number): void {
    const { checks, choice } = this.host;
    const session = this.session as LoadSession;
    const key = this.slotKey[slot] as number;
    const floor = this.slotFloor[slot] as number;
    // Operations that are outstanding together may be answered in any order: only what had ended before the send counts.
    checks.answered(this.index, this.slotShown[slot] as number, order);
    if (order > this.lastOrder) this.lastOrder = order;
    switch (choice.operations[operation] as MixOperation) {
      case "read":
      case "exists":
        break;
      case "readLinearizable":
      case "sync":
        checks.completedLinearizableRead(this.index, floor, order);
        break;
      case "children":
        checks.listed(this.index, key, session.resultOf(slot));
        break;
      case "write":
        checks.completedWrite(this.index, floor, written);
        checks.wrote(key, 1, written);
        break;
      case "setVersioned":
        checks.completedWrite(this.index, floor, written);
        checks.replaced(this.index, key, session.resultOf(slot), written);
        checks.wrote(key, 1, written);
        break;
      case "multi":
        checks.completedWrite(this.index, floor, written);
        checks.wroteTogether(this.index, session.resultOf(slot));
        checks.wrote(key, this.host.workload.multiWrites, written);
        break;
      case "create":
        checks.completedWrite(this.index, floor, written);
        if (this.slotKept[slot] === 1) this.created.remember(session.resultOf(slot), key);
        break;
      case "delete":
        checks.completedWrite(this.index, floor, written);
        checks.createdIsThere();
        break;
    }
  }

  private resumeLater(): void {
    if (this.resumeQueued) return;
    this.resumeQueued = true;
    setImmediate(() => {
      this.resumeQueued = false;
      this.fill(nowMicros());
    });
  }
}
