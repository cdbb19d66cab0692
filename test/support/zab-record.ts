import { ByteReader } from "../../src/base/bytes.js";
import { epochOf, type Zxid } from "../../src/base/zxid.js";
import { CommittedHistory } from "../../src/chaos/simulator/committed-history.js";
import { REAL_PARTS, simulate } from "../../src/chaos/simulator/simulate.js";
import type { SimulatedTree } from "../../src/chaos/simulator/simulated-tree.js";
import { TxnHeader } from "../../src/core/log/transactions.js";
import type { LogEntry } from "../../src/core/zab/effects.js";
import type { ServerId } from "../../src/core/zab/quorum-verifier.js";

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

  class RecordingHistory extends CommittedHistory {
    private readonly delivering = new Map<ServerId, Delivery>();

    override proposed(server: ServerId, entry: LogEntry, atMs: number): void {
      const epoch = epochOf(entry.zxid);
      const before = this.delivering.get(server)?.messages.findLast(({ zxid }) => epochOf(zxid) < epoch);
      broadcasts.push({ ...messageOf(entry), epoch, deliveredBefore: before?.zxid ?? 0 });
      this.causedBy(entry);
      super.proposed(server, entry, atMs);
    }

    override opened(server: ServerId, tree: SimulatedTree, shownZxid: Zxid): void {
      for (const each of deliveries) if (each.process === server) each.correct = false;
      const delivery: Delivery = { process: server, correct: true, messages: [] };
      this.delivering.set(server, delivery);
      deliveries.push(delivery);
      super.opened(server, tree, shownZxid);
    }

    override shown(server: ServerId, tree: SimulatedTree, fresh: number): void {
      super.shown(server, tree, fresh);
      const { messages } = this.delivering.get(server)!;
      for (let place = tree.count - fresh; place < tree.count; place++) {
        if (place === messages.length) messages.push(messageOf(tree.at(place)!));
      }
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
    parts: { ...REAL_PARTS, createHistory: (...args) => new RecordingHistory(...args) },
  });
  if (violation !== undefined) throw new Error(`seed ${seed}: ${violation}`);
  return { broadcasts, deliveries, causes };
}
