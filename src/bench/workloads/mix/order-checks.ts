import type { LoadShared, WorkerCounters } from "../../../workers/load-shared.js";
import type { CheckTally } from "../../load/load.js";
import { Tally } from "../../load/tally.js";

/**
 * What every reply of a mix is checked for, while it is measured:
 * - `session-order`: the history a session is shown never goes back;
 * - `write-order`: a write stands behind every write, of any session, that had completed before it was sent;
 * - `linearizable-read`: such a read was answered no earlier in history than those writes stand.
 */
export class OrderChecks {
  readonly sessionOrder = new Tally("session-order");
  readonly writeOrder = new Tally("write-order");
  readonly linearizableRead = new Tally("linearizable-read");
  private readonly shared: LoadShared;
  private readonly counters: WorkerCounters;
  private readonly worker: number;
  private ownWritten = 0;

  constructor(shared: LoadShared, worker: number) {
    this.shared = shared;
    this.worker = worker;
    this.counters = shared.counters(worker);
  }

  /** Before a send: how far completed writes reach in history. */
  floor(): number {
    if (this.shared.workers === 1) return this.ownWritten;
    return Math.max(this.ownWritten, this.shared.othersWritten(this.worker));
  }

  completedWrite(connection: number, floor: number, written: number): void {
    this.writeOrder.observations++;
    if (written <= floor) {
      this.writeOrder.violated(
        `connection ${connection}: a write stands at ${position(written)}, but one completed before it was sent stands at ${position(floor)}`,
      );
    }
    if (written > this.ownWritten) {
      this.ownWritten = written;
      if (this.shared.workers > 1) this.counters.publishWritten(written);
    }
  }

  completedLinearizableRead(connection: number, floor: number, order: number): void {
    this.linearizableRead.observations++;
    if (order < floor) {
      this.linearizableRead.violated(
        `connection ${connection}: a linearizable read was answered at ${position(order)}, but a write completed before it was sent stands at ${position(floor)}`,
      );
    }
  }

  /** `last` is the order of the session's reply before. */
  sessionRegressed(connection: number, last: number, order: number): void {
    this.sessionOrder.violated(
      `connection ${connection}: a reply stands at ${position(order)}, the session's one before at ${position(last)}`,
    );
  }

  report(writes: boolean, linearizableReads: boolean): CheckTally[] {
    const tallies = [this.sessionOrder];
    if (writes) tallies.push(this.writeOrder);
    if (linearizableReads) tallies.push(this.linearizableRead);
    return tallies.map((tally) => tally.report());
  }
}

function position(order: number): string {
  return `0x${order.toString(16)}`;
}
