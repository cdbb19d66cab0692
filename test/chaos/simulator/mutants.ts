import { Replica, type ReplicaConnection } from "../../../src/chaos/simulator/replica.js";
import { REAL_PARTS, type SimulationParts } from "../../../src/chaos/simulator/simulate.js";
import type { DiskCommand, DiskContents } from "../../../src/chaos/simulator/simulated-disk.js";
import { SimulatedDisk } from "../../../src/chaos/simulator/simulated-disk.js";
import type { LogEntry } from "../../../src/core/zab/effects.js";
import { FastLeaderElection, type Vote } from "../../../src/core/zab/fast-leader-election.js";
import { Leader } from "../../../src/core/zab/leader.js";
import type { QuorumVerifier } from "../../../src/core/zab/quorum-verifier.js";
import { ZabServer } from "../../../src/core/zab/zab-server.js";
import type { Notification } from "../../../src/jute/election.js";

// Servers with one mistake each, made by overriding a part of the real one.

class AcknowledgingBeforeSync extends SimulatedDisk {
  override submit(commands: readonly DiskCommand[], onStored: (sequence: number) => void, onFailed: () => void): void {
    super.submit(commands, () => undefined, onFailed);
    this.events.after(0, () => onStored(commands[commands.length - 1]!.sequence));
  }
}

class ForgettingAcceptedEpoch extends SimulatedDisk {
  protected override effectOf(command: DiskCommand, contents: DiskContents): DiskContents {
    if (command.kind === "acceptedEpoch") return contents;
    const after = super.effectOf(command, contents);
    return { ...after, acceptedEpoch: after.currentEpoch };
  }
}

class EnteringEpochBeforeHistory extends SimulatedDisk {
  override submit(commands: readonly DiskCommand[], onStored: (sequence: number) => void, onFailed: () => void): void {
    for (const command of commands) {
      if (command.kind === "currentEpoch") this.contents = super.effectOf(command, this.contents);
    }
    super.submit(commands, onStored, onFailed);
  }
}

class SkippingTrunc extends SimulatedDisk {
  protected override effectOf(command: DiskCommand, contents: DiskContents): DiskContents {
    return command.kind === "truncate" ? contents : super.effectOf(command, contents);
  }
}

class ReplyingBeforeCommit extends ZabServer {
  override propose(entry: LogEntry): void {
    super.propose(entry);
    this.journal.applyThrough(entry.zxid);
  }
}

/** Half of the voters, rounded down, are taken for a quorum. */
function minority(real: QuorumVerifier): QuorumVerifier {
  return {
    voters: real.voters,
    isVoter: (server) => real.isVoter(server),
    weightOf: (server) => real.weightOf(server),
    isQuorum: (servers) => [...servers].filter((server) => real.isVoter(server)).length * 2 >= real.voters.length - 1,
  };
}

class ComparingZxidBeforeEpoch extends FastLeaderElection {
  protected override supersedes(candidate: Vote, current: Vote): boolean {
    if (candidate.zxid !== current.zxid) return candidate.zxid > current.zxid;
    if (candidate.peerEpoch !== current.peerEpoch) return candidate.peerEpoch > current.peerEpoch;
    return candidate.leader > current.leader;
  }
}

class WithZxidBeforeEpoch extends ZabServer {
  protected override createElection(send: (to: number, notification: Notification) => void): FastLeaderElection {
    return new ComparingZxidBeforeEpoch(this.options, send);
  }
}

class WithLeader extends ZabServer {
  private readonly kind: typeof Leader;

  constructor(kind: typeof Leader, ...args: ConstructorParameters<typeof ZabServer>) {
    super(...args);
    this.kind = kind;
  }

  protected override createLeader(): Leader {
    return new this.kind(this);
  }
}

class UpToDateBeforeQuorum extends Leader {
  protected override hasSynchronizedQuorum(): boolean {
    return true;
  }
}

/** Takes the latest epoch that was accepted, its own or that of a follower, for its own new one. */
class ReusingEpoch extends Leader {
  protected override epochAfter(highest: number): number {
    if (highest === 0) return 1;
    const { journal } = this.member;
    // The journal would refuse to accept an epoch twice.
    journal.acceptedEpoch = Math.min(journal.acceptedEpoch, highest - 1);
    return highest;
  }
}

class SyncingWithoutRound extends Leader {
  protected override wantRound(): number {
    return 0;
  }
}

class ReadingBeforeOwnWrite extends Replica {
  protected override hasToWait(): boolean {
    return false;
  }
}

/** Watches hear of changes at the next tick only. */
class OmittingDrain extends Replica {
  private ticking = false;

  override tick(): void {
    this.ticking = true;
    super.tick();
    this.ticking = false;
  }

  protected override drain(): void {
    if (this.ticking) super.drain();
  }
}

/** A follower closes the sessions that it has not heard of. */
class ExpiringAtFollower extends Replica {
  private readonly heardAtMs = new Map<bigint, number>();

  override received(connection: ReplicaConnection, frame: Buffer): boolean {
    this.heardAtMs.set(connection.id, this.host.clockMs);
    return super.received(connection, frame);
  }

  protected override expireSessions(): void {
    super.expireSessions();
    if (this.role === "leading") return;
    const { clockMs } = this.host;
    for (const [id, timeoutMs] of [...this.sessions!.entries()]) {
      const heardAtMs = this.heardAtMs.get(id);
      if (heardAtMs === undefined) this.heardAtMs.set(id, clockMs);
      else if (clockMs - heardAtMs > timeoutMs) this.closeSession(id);
    }
  }
}

const withReplica = (kind: typeof Replica): SimulationParts => ({
  ...REAL_PARTS,
  createReplica: (host) => new kind(host),
});
const withDisk = (kind: typeof SimulatedDisk): SimulationParts => ({
  ...REAL_PARTS,
  createDisk: (events, random) => new kind(events, random),
});
const withLeader = (kind: typeof Leader): SimulationParts => ({
  ...REAL_PARTS,
  createMachine: (...args) => new WithLeader(kind, ...args),
});

export interface Mutant {
  readonly parts: SimulationParts;
  /** It is found in one of the seeds from 1 up to here. */
  readonly withinSeeds: number;
}

const mutant = (withinSeeds: number, parts: SimulationParts): Mutant => ({ withinSeeds, parts });

export const MUTANTS: Readonly<Record<string, Mutant>> = {
  "acknowledge before sync": mutant(5, withDisk(AcknowledgingBeforeSync)),
  "reply before commit": mutant(5, {
    ...REAL_PARTS,
    createMachine: (...args) => new ReplyingBeforeCommit(...args),
  }),
  "commit on a minority": mutant(5, {
    ...REAL_PARTS,
    createMachine: (options, recovered, nowMs) =>
      new ZabServer({ ...options, verifier: minority(options.verifier) }, recovered, nowMs),
  }),
  "skip TRUNC": mutant(40, withDisk(SkippingTrunc)),
  "forget the accepted epoch": mutant(30, withDisk(ForgettingAcceptedEpoch)),
  "current epoch before the synced history": mutant(60, withDisk(EnteringEpochBeforeHistory)),
  "UPTODATE before the quorum's NEWLEADER acknowledgements": mutant(20, withLeader(UpToDateBeforeQuorum)),
  "zxid before epoch in a vote": mutant(40, {
    ...REAL_PARTS,
    createMachine: (...args) => new WithZxidBeforeEpoch(...args),
  }),
  "epoch reused": mutant(5, withLeader(ReusingEpoch)),
  "sync without a quorum round": mutant(80, withLeader(SyncingWithoutRound)),
  "read before own write": mutant(5, withReplica(ReadingBeforeOwnWrite)),
  "watch drain omitted": mutant(5, withReplica(OmittingDrain)),
  "session expired by a follower": mutant(10, withReplica(ExpiringAtFollower)),
};
