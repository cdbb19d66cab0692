import { ByteReader } from "../../src/base/bytes.js";
import { epochOf, type Zxid } from "../../src/base/zxid.js";
import { Replica, type ReplicaHost } from "../../src/chaos/simulator/replica.js";
import { REAL_PARTS, simulate } from "../../src/chaos/simulator/simulate.js";
import type { SimulatedTree } from "../../src/chaos/simulator/simulated-tree.js";
import { TxnHeader } from "../../src/core/log/transactions.js";
import type { LogEntry, Role } from "../../src/core/zab/effects.js";

/** A transaction as the papers write it: the value v with its identifier z, whose epoch names the primary. */
export interface Message {
  readonly zxid: Zxid;
  readonly value: string;
}

export interface Broadcast extends Message {
  readonly epoch: number;
  /** The last that the primary had delivered then, of an earlier epoch; 0 if none. */
  readonly deliveredBefore: Zxid;
}

/** What one process delivered, from the beginning, as it served for a time. */
export interface Delivery {
  readonly process: number;
  /** Its last stay: nothing went wrong with it any more. */
  correct: boolean;
  readonly messages: Message[];
}

/** Who said what and who heard what in one run, in the order of broadcasts and of each delivery. */
export interface ZabRecord {
  readonly broadcasts: readonly Broadcast[];
  readonly deliveries: readonly Delivery[];
  /** Of each request that a client had answered before it sent another: the zxids of both. */
  readonly causes: readonly (readonly [Zxid, Zxid])[];
}

function messageOf({ zxid, payload }: LogEntry): Message {
  return { zxid, value: payload.toString("latin1") };
}

/** Runs one seed under faults and writes down what was broadcast and delivered. */
export function recordRun(seed: number): ZabRecord {
  const broadcasts: Broadcast[] = [];
  const deliveries: Delivery[] = [];
  const causes: (readonly [Zxid, Zxid])[] = [];
  const lastOfSession = new Map<bigint, Zxid>();

  class RecordingReplica extends Replica {
    private delivery: Delivery | undefined;

    constructor(host: ReplicaHost) {
      const recording: ReplicaHost = Object.create(host, {
        proposed: {
          value: (entry: LogEntry) => {
            const epoch = epochOf(entry.zxid);
            const before = this.delivery?.messages.findLast(({ zxid }) => epochOf(zxid) < epoch);
            broadcasts.push({ ...messageOf(entry), epoch, deliveredBefore: before?.zxid ?? 0 });
            this.causedBy(entry);
            host.proposed(entry);
          },
        },
      });
      super(recording);
    }

    override open(role: Role, history: SimulatedTree, anew: boolean): void {
      super.open(role, history, anew);
      for (const each of deliveries) if (each.process === this.host.serverId) each.correct = false;
      this.delivery = { process: this.host.serverId, correct: true, messages: history.after(0).map(messageOf) };
      deliveries.push(this.delivery);
    }

    override apply(entry: LogEntry): void {
      super.apply(entry);
      if (this.role !== undefined) this.delivery?.messages.push(messageOf(entry));
    }

    /** A primary that proposes the next request of a session has delivered the one before or proposed it itself. */
    private causedBy({ zxid, payload }: LogEntry): void {
      const { clientId } = TxnHeader.read(new ByteReader(payload));
      const cause = lastOfSession.get(clientId);
      if (cause !== undefined) causes.push([cause, zxid]);
      lastOfSession.set(clientId, zxid);
    }
  }

  const { violation } = simulate(seed, {
    parts: { ...REAL_PARTS, createReplica: (host) => new RecordingReplica(host) },
  });
  if (violation !== undefined) throw new Error(`seed ${seed}: ${violation}`);
  return { broadcasts, deliveries, causes };
}
