import { REAL_PARTS, type SimulationParts } from "../../../src/chaos/simulator/simulate.js";
import type { DiskContents, Step } from "../../../src/chaos/simulator/simulated-disk.js";
import { SimulatedDisk } from "../../../src/chaos/simulator/simulated-disk.js";
import { CommandRunner, type EpochName } from "../../../src/core/command-runner.js";
import { MemberCore } from "../../../src/core/member-core.js";
import type { ChangeListener } from "../../../src/core/request/apply.js";
import type { ClientConnection } from "../../../src/core/request/client-connection.js";
import type { Command, LogEntry } from "../../../src/core/zab/effects.js";
import { FastLeaderElection, type Vote } from "../../../src/core/zab/fast-leader-election.js";
import { Leader } from "../../../src/core/zab/leader.js";
import { LearnerHandler } from "../../../src/core/zab/learner-handler.js";
import type { QuorumVerifier } from "../../../src/core/zab/quorum-verifier.js";
import { ZabServer } from "../../../src/core/zab/zab-server.js";
import type { Notification } from "../../../src/jute/election.js";
import { OP } from "../../../src/jute/opcodes.js";

// Servers with one mistake each, made by overriding a part of the real one.

class AcknowledgingBeforeSync extends SimulatedDisk {
  override append(entries: readonly LogEntry[]): void {
    const { user } = this;
    super.append(entries);
    this.events.after(0, () => user?.hear(() => user.synced(entries[entries.length - 1]!.zxid)));
  }
}

class ForgettingAcceptedEpoch extends SimulatedDisk {
  protected override withEpoch(contents: DiskContents, name: EpochName, epoch: number): DiskContents {
    return name === "acceptedEpoch" ? contents : { ...contents, acceptedEpoch: epoch, currentEpoch: epoch };
  }
}

class EnteringEpochBeforeHistory extends CommandRunner {
  protected override waitsForAppends(command: Command): boolean {
    return command.kind !== "currentEpoch" && super.waitsForAppends(command);
  }
}

class SkippingTrunc extends SimulatedDisk {
  protected override stepsToCut(): readonly Step[] {
    return [];
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

class ReadingBeforeOwnWrite extends MemberCore {
  protected override hasToWait(): boolean {
    return false;
  }
}

/** Watches hear of changes at the next tick only. */
class OmittingDrain extends MemberCore {
  private changed: (() => void)[] | undefined;

  protected override watchTrigger(): ChangeListener {
    const real = super.watchTrigger();
    const later = (tell: () => void): void => {
      this.changed = [...(this.changed ?? []), tell];
    };
    return {
      get watching() {
        return real.watching;
      },
      created: (path, zxid) => later(() => real.created(path, zxid)),
      deleted: (path, acl, parentAcl, zxid) => later(() => real.deleted(path, acl, parentAcl, zxid)),
      dataChanged: (path, zxid) => later(() => real.dataChanged(path, zxid)),
    };
  }

  override tick(): void {
    for (const tell of this.changed ?? []) tell();
    this.changed = [];
    super.tick();
  }
}

/** A follower closes the sessions that it has not heard of. */
class ExpiringAtFollower extends MemberCore {
  private readonly ensemble: ConstructorParameters<typeof MemberCore>[3];
  private readonly heardAtMs = new Map<bigint, number>();

  constructor(...args: ConstructorParameters<typeof MemberCore>) {
    super(...args);
    this.ensemble = args[3];
  }

  override received(connection: ClientConnection, bytes: Buffer, start: number, end: number): boolean {
    this.heardAtMs.set(connection.sessionId, this.nowMs);
    return super.received(connection, bytes, start, end);
  }

  override tick(): void {
    super.tick();
    if (this.role !== "following" || !this.ensemble.isServing) return;
    for (const [sessionId, timeoutMs] of this.sessionTable.entries()) {
      const heardAtMs = this.heardAtMs.get(sessionId);
      if (heardAtMs === undefined) this.heardAtMs.set(sessionId, this.nowMs);
      else if (this.nowMs - heardAtMs > timeoutMs) {
        this.ensemble.forward({ sessionId, cxid: 0, op: OP.closeSession, body: Buffer.alloc(0), ids: [] });
      }
    }
  }
}

/** A learner may serve as soon as it has acknowledged NEWLEADER. */
class WelcomingEarly extends LearnerHandler {
  override welcome(): void {
    super.welcome(0);
  }
}

class WithEarlyWelcome extends Leader {
  protected override createHandler(...args: ConstructorParameters<typeof LearnerHandler>): LearnerHandler {
    return new WelcomingEarly(...args);
  }
}

const withCore = (kind: typeof MemberCore): SimulationParts => ({
  ...REAL_PARTS,
  createCore: (...args) => new kind(...args),
});
const withDisk = (kind: typeof SimulatedDisk): SimulationParts => ({
  ...REAL_PARTS,
  createDisk: (...args) => new kind(...args),
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
  "skip TRUNC": mutant(80, withDisk(SkippingTrunc)),
  "forget the accepted epoch": mutant(30, withDisk(ForgettingAcceptedEpoch)),
  "current epoch before the synced history": mutant(60, {
    ...REAL_PARTS,
    createRunner: (...args) => new EnteringEpochBeforeHistory(...args),
  }),
  "UPTODATE before the quorum's NEWLEADER acknowledgements": mutant(20, withLeader(UpToDateBeforeQuorum)),
  "zxid before epoch in a vote": mutant(60, {
    ...REAL_PARTS,
    createMachine: (...args) => new WithZxidBeforeEpoch(...args),
  }),
  "epoch reused": mutant(5, withLeader(ReusingEpoch)),
  "sync without a quorum round": mutant(80, withLeader(SyncingWithoutRound)),
  "read before own write": mutant(5, withCore(ReadingBeforeOwnWrite)),
  "watch drain omitted": mutant(5, withCore(OmittingDrain)),
  "UPTODATE before the commits that an image shows": mutant(250, withLeader(WithEarlyWelcome)),
  "session expired by a follower": mutant(10, withCore(ExpiringAtFollower)),
};
