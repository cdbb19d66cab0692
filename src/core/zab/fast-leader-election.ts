import type { Zxid } from "../../base/zxid.js";
import { NO_VOTE, type Notification, type ServerStateName } from "../../jute/election.js";
import type { ZabOptions } from "./options.js";
import type { ServerId } from "./quorum-verifier.js";

export interface Vote {
  readonly leader: ServerId;
  /** The last zxid in the log of that server. */
  readonly zxid: Zxid;
  /** The current epoch of that server. */
  readonly peerEpoch: number;
}

interface CastVote extends Vote {
  readonly electionEpoch: number;
  readonly state: ServerStateName;
}

const NOTIFICATION_VERSION = 2;

/**
 * Fast leader election (upstream: FastLeaderElection): every voter proposes the best vote it has seen, and a vote that a
 * quorum shares wins. It finds a leader quickly; that there is only one per epoch is discovery's doing, so nothing here
 * has to be safe against a wrong guess, only live. `nowMs` is any monotonic clock.
 */
export class FastLeaderElection {
  /** The round; it only grows while the process lives. */
  logicalClock = 0;
  /** What this server votes for, or voted for last. */
  proposal: Vote;
  private initial: Vote;
  /** The votes of this round, one kept per voter. */
  private readonly received = new Map<ServerId, CastVote>();
  /** Who has said in this round that it looks, and been told this server's vote since. */
  private readonly looking = new Set<ServerId>();
  /** What servers say that are not looking, whatever the round. */
  private readonly established = new Map<ServerId, CastVote>();
  /** Peers whose election port is known not to answer: they will not vote, so nobody waits for them. */
  private readonly down = new Set<ServerId>();
  private intervalMs = 0;
  private resendAtMs = 0;
  private settleAtMs: number | undefined;
  private readonly options: ZabOptions;
  private readonly send: (to: ServerId, notification: Notification) => void;

  constructor(options: ZabOptions, send: (to: ServerId, notification: Notification) => void) {
    this.options = options;
    this.send = send;
    this.initial = { leader: NO_VOTE, zxid: NO_VOTE, peerEpoch: NO_VOTE };
    this.proposal = this.initial;
  }

  /** Begins a round with this server's own vote; observers vote for nobody. Returns the leader if that decides it. */
  start(own: Vote, nowMs: number): ServerId | undefined {
    this.logicalClock++;
    this.initial = this.isVoter(this.options.serverId) ? own : { leader: NO_VOTE, zxid: NO_VOTE, peerEpoch: NO_VOTE };
    this.received.clear();
    this.established.clear();
    this.looking.clear();
    this.intervalMs = this.options.notificationIntervalMinMs;
    this.adopt(this.initial, nowMs);
    return this.decide(nowMs);
  }

  /** Takes a notification while this server looks for a leader; returns the leader once there is one. */
  receive(from: ServerId, notification: Notification, nowMs: number): ServerId | undefined {
    if (!this.isVoter(from)) {
      if (notification.state === "looking") this.tell(from, "looking");
      return undefined;
    }
    return notification.state === "looking"
      ? this.receiveVote(from, notification, nowMs)
      : this.receiveEstablished(from, notification);
  }

  /** Tells a server that still looks whom this one follows. */
  answer(from: ServerId, notification: Notification, state: ServerStateName): void {
    if (notification.state === "looking") this.tell(from, state);
  }

  /** `isElecting`: this server takes part in an election. */
  peerUp(peer: ServerId, isElecting: boolean): void {
    this.down.delete(peer);
    if (isElecting) this.tell(peer, "looking");
  }

  peerDown(peer: ServerId, isElecting: boolean, nowMs: number): ServerId | undefined {
    this.down.add(peer);
    return isElecting ? this.decide(nowMs) : undefined;
  }

  tick(nowMs: number): ServerId | undefined {
    if (nowMs >= this.resendAtMs) {
      const { serverId, notificationIntervalMaxMs, observerIntervalMaxMs } = this.options;
      const intervalMaxMs = this.isVoter(serverId) ? notificationIntervalMaxMs : observerIntervalMaxMs;
      this.intervalMs = Math.min(this.intervalMs * 2, intervalMaxMs);
      this.broadcast(nowMs);
    }
    return this.decide(nowMs);
  }

  /** After synchronization the vote names the new epoch, so that those who come later see votes that agree. */
  enterEpoch(epoch: number): void {
    this.proposal = { ...this.proposal, peerEpoch: epoch };
  }

  /** Whether `candidate` is to be voted for rather than `current`: by epoch, then zxid, then id. */
  protected supersedes(candidate: Vote, current: Vote): boolean {
    if (this.options.verifier.weightOf(candidate.leader) === 0) return false;
    if (candidate.peerEpoch !== current.peerEpoch) return candidate.peerEpoch > current.peerEpoch;
    if (candidate.zxid !== current.zxid) return candidate.zxid > current.zxid;
    return candidate.leader > current.leader;
  }

  private receiveVote(from: ServerId, vote: Notification, nowMs: number): ServerId | undefined {
    // A server whose database is empty and not trusted says -1, and neither votes nor is voted for.
    if (vote.zxid === -1 || this.initial.zxid === -1) return undefined;
    if (vote.electionEpoch < this.logicalClock) {
      this.tell(from, "looking");
      return undefined;
    }
    if (vote.electionEpoch > this.logicalClock) {
      this.logicalClock = vote.electionEpoch;
      this.received.clear();
      this.looking.clear();
      this.adopt(this.supersedes(vote, this.initial) ? vote : this.initial, nowMs);
    } else if (this.supersedes(vote, this.proposal)) {
      this.adopt(vote, nowMs);
    } else if (!this.looking.has(from)) {
      // What was sent before may have reached it while it still followed, and then it does not count there.
      this.tell(from, "looking");
    }
    this.looking.add(from);
    this.received.set(from, vote);
    return this.decide(nowMs);
  }

  /** Joins a leader that a quorum already follows. */
  private receiveEstablished(from: ServerId, vote: Notification): ServerId | undefined {
    const sets = [this.established];
    if (vote.electionEpoch === this.logicalClock) sets.push(this.received);
    this.established.set(from, vote);
    if (sets.length === 2) this.received.set(from, vote);
    for (const votes of sets) {
      if (!this.isFollowedByQuorum(votes, vote) || !this.isLeading(vote)) continue;
      this.logicalClock = vote.electionEpoch;
      this.proposal = { leader: vote.leader, zxid: vote.zxid, peerEpoch: vote.peerEpoch };
      this.settleAtMs = undefined;
      return vote.leader;
    }
    return undefined;
  }

  private isFollowedByQuorum(votes: ReadonlyMap<ServerId, CastVote>, vote: Notification): boolean {
    const agreeing = new Set<ServerId>();
    for (const [server, cast] of votes) {
      // Of servers that are not looking only leader and epoch count: zxids differ with the time they were elected.
      if (cast.leader !== vote.leader || cast.state === "looking") continue;
      if (vote.version === 0 || cast.peerEpoch === vote.peerEpoch) agreeing.add(server);
    }
    return this.options.verifier.isQuorum(agreeing);
  }

  /** Followers of a dead leader would elect it forever, so the leader has to have said that it leads. */
  private isLeading(vote: Notification): boolean {
    if (vote.leader === this.options.serverId) return vote.electionEpoch === this.logicalClock;
    return this.established.get(vote.leader)?.state === "leading";
  }

  private adopt(vote: Vote, nowMs: number): void {
    this.proposal = { leader: vote.leader, zxid: vote.zxid, peerEpoch: vote.peerEpoch };
    this.settleAtMs = undefined;
    this.broadcast(nowMs);
  }

  private decide(nowMs: number): ServerId | undefined {
    if (!this.hasQuorum()) {
      this.settleAtMs = undefined;
      return undefined;
    }
    this.settleAtMs ??= nowMs + this.options.settleMs;
    if (nowMs < this.settleAtMs && !this.everyoneVoted()) return undefined;
    this.settleAtMs = undefined;
    return this.proposal.leader;
  }

  private hasQuorum(): boolean {
    const { proposal } = this;
    const agreeing = new Set<ServerId>([this.options.serverId]);
    for (const [server, vote] of this.received) {
      const same = vote.leader === proposal.leader && vote.zxid === proposal.zxid;
      if (same && vote.peerEpoch === proposal.peerEpoch) agreeing.add(server);
    }
    return proposal.leader !== NO_VOTE && this.options.verifier.isQuorum(agreeing);
  }

  private everyoneVoted(): boolean {
    const { serverId, verifier } = this.options;
    return verifier.voters.every((voter) => voter === serverId || this.received.has(voter) || this.down.has(voter));
  }

  private broadcast(nowMs: number): void {
    this.resendAtMs = nowMs + this.intervalMs;
    for (const voter of this.options.verifier.voters) if (voter !== this.options.serverId) this.tell(voter, "looking");
  }

  private tell(to: ServerId, state: ServerStateName): void {
    const { leader, zxid, peerEpoch } = this.proposal;
    const config = this.options.configText;
    const version = NOTIFICATION_VERSION;
    this.send(to, { state, leader, zxid, electionEpoch: this.logicalClock, peerEpoch, version, config });
  }

  private isVoter(server: ServerId): boolean {
    return this.options.verifier.isVoter(server);
  }
}
