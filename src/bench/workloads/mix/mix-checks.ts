import { folderCount } from "../../../targets/driver.js";
import type { LoadShared, WorkerCounters } from "../../../workers/load-shared.js";
import type { CheckTally } from "../../load/load.js";
import { Tally } from "../../load/tally.js";
import type { MixOperation, MixWorkload } from "../../profile/profile.js";

const WRITES: readonly MixOperation[] = ["write", "setVersioned", "multi", "create", "delete"];
const LINEARIZABLE: readonly MixOperation[] = ["readLinearizable", "sync"];

/**
 * What every reply of a mix is checked for, while it is measured:
 * - `session-order`: the history a session is shown never goes back, from any answer to those asked for after it;
 * - `write-order`: a write stands behind every write, of any session, that had completed before it was sent;
 * - `linearizable-read`: such a read, or a sync, was answered no earlier in history than those writes stand;
 * - `children-complete`: a folder lists no fewer than the keys that were put there before, and that nobody deletes;
 * - `multi-atomic`: all writes of a transaction stand at one place in history;
 * - `compare-and-set`: between a setVersioned and the value it replaced stands no other write of that key, as far as this
 *   worker's connections wrote;
 * - `created-kept`: what a connection created, and was told so, is there when it deletes it;
 * - `protocol`, reported where it is broken: every reply is one of the target's protocol, to the request that was due, and no value
 *   is younger than the history it was read from.
 */
export class MixChecks {
  private readonly sessionOrder = new Tally("session-order");
  private readonly writeOrder = new Tally("write-order");
  private readonly linearizableRead = new Tally("linearizable-read");
  private readonly childrenComplete = new Tally("children-complete");
  private readonly multiAtomic = new Tally("multi-atomic");
  private readonly compareAndSet = new Tally("compare-and-set");
  private readonly createdKept = new Tally("created-kept");
  private readonly protocol = new Tally("protocol");
  private readonly shared: LoadShared;
  private readonly counters: WorkerCounters;
  private readonly worker: number;
  private readonly workload: MixWorkload;
  private readonly keys: number;
  private readonly folders: number;
  /** Where this worker's last write of each key stands; kept only where something is compared with it. */
  private readonly lastWritten: Float64Array | undefined;
  private ownWritten = 0;

  constructor(shared: LoadShared, worker: number, workload: MixWorkload, keys: number) {
    this.shared = shared;
    this.worker = worker;
    this.counters = shared.counters(worker);
    this.workload = workload;
    this.keys = keys;
    this.folders = folderCount(workload.tree);
    this.lastWritten = workload.operations.setVersioned === undefined ? undefined : new Float64Array(keys);
  }

  /** Before a send: how far completed writes reach in history. */
  floor(): number {
    if (this.shared.workers === 1) return this.ownWritten;
    return Math.max(this.ownWritten, this.shared.othersWritten(this.worker));
  }

  /** `before`: the furthest order the session had been shown when the operation was sent. */
  answered(connection: number, before: number, order: number): void {
    this.sessionOrder.observations++;
    if (order >= before) return;
    this.sessionOrder.violated(
      `connection ${connection}: a reply stands at ${position(order)}, one that came before it was asked for at ${position(before)}`,
    );
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

  listed(connection: number, key: number, count: number): void {
    this.childrenComplete.observations++;
    const least = Math.ceil((this.keys - (key % this.folders)) / this.folders);
    if (count >= least) return;
    this.childrenComplete.violated(
      `connection ${connection}: the folder of key ${key} lists ${count}, and ${least} keys were put there that nobody deletes`,
    );
  }

  wroteTogether(connection: number, count: number): void {
    this.multiAtomic.observations++;
    const { multiWrites } = this.workload;
    if (count === multiWrites) return;
    this.multiAtomic.violated(
      `connection ${connection}: ${count} of a transaction's ${multiWrites} writes stand where its first does`,
    );
  }

  /** `replaced`: where the value stands that a setVersioned read. Before `wrote` of the same write. */
  replaced(connection: number, key: number, replaced: number, written: number): void {
    this.compareAndSet.observations++;
    const last = this.lastWritten?.[key] ?? 0;
    if (last <= replaced || last >= written) return;
    this.compareAndSet.violated(
      `connection ${connection}: key ${key} was written at ${position(written)} in place of its value of ${position(replaced)}, but it was written at ${position(last)} too`,
    );
  }

  wrote(key: number, count: number, written: number): void {
    const { lastWritten, keys } = this;
    if (lastWritten === undefined) return;
    for (let each = 0; each < count; each++) {
      const at = (key + each) % keys;
      if ((lastWritten[at] as number) < written) lastWritten[at] = written;
    }
  }

  createdIsThere(): void {
    this.createdKept.observations++;
  }

  createdIsGone(connection: number): void {
    this.createdKept.observations++;
    this.createdKept.violated(`connection ${connection}: a key it had created was not there when it deleted it`);
  }

  brokeProtocol(connection: number, detail: string): void {
    this.protocol.observations++;
    this.protocol.violated(`connection ${connection}: ${detail}`);
  }

  report(): CheckTally[] {
    const { operations } = this.workload;
    const any = (names: readonly MixOperation[]): boolean => names.some((name) => operations[name] !== undefined);
    const tallies = [this.sessionOrder];
    if (any(WRITES)) tallies.push(this.writeOrder);
    if (any(LINEARIZABLE)) tallies.push(this.linearizableRead);
    if (any(["children"])) tallies.push(this.childrenComplete);
    if (any(["multi"])) tallies.push(this.multiAtomic);
    if (any(["setVersioned"])) tallies.push(this.compareAndSet);
    if (any(["delete"])) tallies.push(this.createdKept);
    if (this.protocol.violations > 0) tallies.push(this.protocol);
    return tallies.map((tally) => tally.report());
  }
}

function position(order: number): string {
  return `0x${order.toString(16)}`;
}
