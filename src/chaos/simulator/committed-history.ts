import { ByteReader } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import { readLogRecord } from "../../core/log/transactions.js";
import type { LogEntry } from "../../core/zab/effects.js";
import type { QuorumVerifier, ServerId } from "../../core/zab/quorum-verifier.js";
import type { SimulatedTree } from "./simulated-tree.js";
import { TreeModel } from "./tree-model.js";
import { Violation } from "./violation.js";

function hex(zxid: Zxid): string {
  return `0x${zxid.toString(16)}`;
}

/** How far a server has come: the epoch it is in, and the end of its log. */
export interface History {
  readonly epoch: number;
  readonly zxid: Zxid;
}

/**
 * The one history there may be, pieced together from what serving replicas show: each may only show a prefix of it, what
 * is shown stays, and what is shown for the first time has to be on the disks of a quorum.
 */
export class CommittedHistory {
  readonly entries: LogEntry[] = [];
  /** What the entries make of an empty tree. */
  readonly model = new TreeModel();
  /** Nothing happens that a server may give up for. */
  steadfast = false;
  private readonly verifier: QuorumVerifier;
  private readonly diskOf: (voter: ServerId) => SimulatedTree;
  private readonly leaders = new Map<number, ServerId>();
  private readonly acceptedEpochs = new Map<ServerId, number>();
  private readonly proposals = new Map<Zxid, { readonly payload: Buffer; readonly atMs: number }>();

  constructor(verifier: QuorumVerifier, diskOf: (voter: ServerId) => SimulatedTree) {
    this.verifier = verifier;
    this.diskOf = diskOf;
  }

  get lastZxid(): Zxid {
    return this.entries.length === 0 ? 0 : this.entries[this.entries.length - 1]!.zxid;
  }

  /** A server begins to serve as the leader of `epoch`. */
  leads(server: ServerId, epoch: number): void {
    if (this.leaders.has(epoch)) {
      throw new Violation(`epoch ${epoch} is led by server ${server}, after server ${this.leaders.get(epoch)}`);
    }
    this.leaders.set(epoch, server);
  }

  /** A server promises a leader to follow none of an earlier epoch. */
  accepts(server: ServerId, epoch: number): void {
    this.acceptedEpochs.set(server, Math.max(epoch, this.acceptedEpochs.get(server) ?? 0));
  }

  /** A server tells a leader which epoch it has accepted last. */
  reports(server: ServerId, epoch: number): void {
    const accepted = this.acceptedEpochs.get(server) ?? 0;
    if (epoch < accepted) throw new Violation(`server ${server} reports epoch ${epoch} and has accepted ${accepted}`);
  }

  /** A server that served no longer does, though it lives. */
  gaveUp(server: ServerId, reason: string): void {
    if (this.steadfast) throw new Violation(`server ${server} gives up, since ${reason}`);
  }

  /** A server votes: for nobody whose history is older than its own, by epoch and then zxid. */
  votes(server: ServerId, own: History, vote: History): void {
    if (vote.epoch > own.epoch || (vote.epoch === own.epoch && vote.zxid >= own.zxid)) return;
    throw new Violation(
      `server ${server} at ${hex(own.zxid)} of epoch ${own.epoch} votes for ${hex(vote.zxid)} of epoch ${vote.epoch}`,
    );
  }

  /** A leader is about to propose this. */
  proposed(_server: ServerId, { zxid, payload }: LogEntry, atMs: number): void {
    if (this.proposals.has(zxid)) throw new Violation(`zxid ${hex(zxid)} was proposed twice`);
    this.proposals.set(zxid, { payload, atMs });
  }

  /** A server begins to show clients a tree, which was loaded with something of transactions up to `shownZxid`. */
  opened(server: ServerId, tree: SimulatedTree, shownZxid: Zxid): void {
    if (shownZxid > tree.lastZxid) {
      throw new Violation(`server ${server} serves ${hex(tree.lastZxid)} and shows parts of ${hex(shownZxid)}`);
    }
    this.shown(server, tree, tree.count);
  }

  /** Server `server` shows clients a tree that holds `tree`, of which the last `fresh` entries are new there. */
  shown(server: ServerId, tree: SimulatedTree, fresh: number): void {
    for (let place = tree.count - fresh; place < tree.count; place++) {
      const entry = tree.at(place)!;
      const known = this.entries[place];
      if (known === undefined) this.extend(server, entry);
      else if (known.zxid !== entry.zxid || !known.payload.equals(entry.payload)) {
        throw new Violation(`server ${server} shows ${hex(entry.zxid)} where ${hex(known.zxid)} was committed`);
      }
    }
  }

  private extend(server: ServerId, entry: LogEntry): void {
    const { zxid, payload } = entry;
    const proposed = this.proposals.get(zxid);
    if (proposed === undefined || !proposed.payload.equals(payload)) {
      throw new Violation(`server ${server} shows ${hex(zxid)}, which nobody proposed`);
    }
    const holders = new Set(this.verifier.voters.filter((voter) => this.diskOf(voter).has(entry)));
    if (!this.verifier.isQuorum(holders)) {
      throw new Violation(`server ${server} shows ${hex(zxid)}, which is on the disks of [${[...holders]}] only`);
    }
    this.entries.push(entry);
    this.model.commit(readLogRecord(new ByteReader(payload)), proposed.atMs);
  }
}
