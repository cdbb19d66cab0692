import { ByteWriter } from "../../src/base/bytes.js";
import { makeZxid, type Zxid } from "../../src/base/zxid.js";
import type { Command, ConnectionId, LogEntry, Transmission } from "../../src/core/zab/effects.js";
import type { RecoveredState } from "../../src/core/zab/journal.js";
import { ZAB_DEFAULTS, type ZabOptions } from "../../src/core/zab/options.js";
import { MajorityQuorum } from "../../src/core/zab/quorum-verifier.js";
import { ZabServer } from "../../src/core/zab/zab-server.js";
import type { Notification, ServerStateName } from "../../src/jute/election.js";
import {
  AckEpoch,
  LeaderInfo,
  LearnerInfo,
  QUORUM,
  type QuorumPacket,
  type QuorumType,
} from "../../src/jute/quorum.js";

export const VOTERS = [1, 2, 3];
const CONFIG = Buffer.from("version=0");

/** A history that ends at `lastZxid`, of which the entries `recent` are in memory. */
export function recoveredAt(
  lastZxid: Zxid,
  recent: readonly Zxid[],
  baseZxid: Zxid,
  floorZxid: Zxid,
  epoch = 1,
): RecoveredState {
  const entries = recent.map((zxid): LogEntry => ({ zxid, payload: Buffer.from([zxid % 256]) }));
  return { acceptedEpoch: epoch, currentEpoch: epoch, lastZxid, recent: entries, baseZxid, floorZxid };
}

/** One member whose peers, clock and disk are the test. */
export class LoneMember {
  readonly server: ZabServer;
  readonly commands: Command[] = [];
  readonly transmissions: Transmission[] = [];
  /** While it hangs, nothing becomes durable. */
  diskHangs = false;
  private storedSequence = 0;
  private nowMs = 0;

  constructor(serverId: number, recovered: RecoveredState, options: Partial<ZabOptions> = {}) {
    const own = { serverId, verifier: new MajorityQuorum(VOTERS), configText: CONFIG, configVersion: 0 };
    this.server = new ZabServer({ ...ZAB_DEFAULTS, ...own, ...options }, recovered, 0);
    this.server.start();
    this.settle();
  }

  get lastConnection(): ConnectionId {
    const last = this.transmissions.findLast(({ kind }) => kind === "connect");
    return last?.kind === "connect" ? last.connection : Number.NaN;
  }

  /** The packets it sent of this type, the oldest first. */
  sent(type: QuorumType): readonly QuorumPacket[] {
    return this.transmissions.flatMap((sent) =>
      sent.kind === "packet" && sent.packet.type === type ? [sent.packet] : [],
    );
  }

  notificationsSent(): number {
    return this.transmissions.filter(({ kind }) => kind === "notification").length;
  }

  notify(from: number, state: ServerStateName, vote: { leader: number; zxid: Zxid; peerEpoch: number }): void {
    const electionEpoch = this.lastElectionEpoch();
    const notification: Notification = { ...vote, state, electionEpoch, version: 2, config: CONFIG };
    this.server.step({ kind: "notification", from, notification });
    this.settle();
  }

  packet(connection: ConnectionId, type: QuorumType, zxid: Zxid, data: Buffer | null = null): void {
    this.server.step({ kind: "packet", connection, packet: { type, zxid, data, authinfo: null } });
    this.settle();
  }

  /** Two others say that they follow a leader of this epoch; it connects, is accepted, and says where its history ends. */
  follow(leader: number, epoch: number, batched: boolean): ConnectionId {
    const vote = { leader, zxid: 0, peerEpoch: epoch };
    for (const voter of VOTERS) {
      if (voter === this.server.options.serverId) continue;
      this.notify(voter, voter === leader ? "leading" : "following", vote);
    }
    const connection = this.lastConnection;
    this.server.step({ kind: "connected", connection });
    const writer = new ByteWriter(16);
    LeaderInfo.write(writer, { protocolVersion: 0x10000, batched });
    this.packet(connection, QUORUM.leaderInfo, makeZxid(epoch, 0), writer.copy());
    return connection;
  }

  /** Another server comes to this one, which leads, and is synchronized: a voter that stores whatever it is sent. */
  acceptFollower(connection: ConnectionId, serverId: number, lastZxid: Zxid, acceptedEpoch: number): void {
    const writer = new ByteWriter(32);
    LearnerInfo.write(writer, { serverId, protocolVersion: 0x10000, configVersion: 0, batched: true });
    this.server.step({ kind: "accepted", connection });
    this.packet(connection, QUORUM.followerInfo, makeZxid(acceptedEpoch, 0), writer.copy());
    writer.reset();
    AckEpoch.write(writer, { currentEpoch: acceptedEpoch, floorZxid: 0 });
    this.packet(connection, QUORUM.ackEpoch, lastZxid, writer.copy());
    this.packet(connection, QUORUM.ack, makeZxid(acceptedEpoch + 1, 0));
  }

  /** What is on disk is on it as soon as it is asked for, unless the disk hangs. */
  settle(): void {
    for (;;) {
      const { commands, transmissions } = this.server.takeEffects();
      this.commands.push(...commands);
      this.transmissions.push(...transmissions);
      const sequence = this.commands.at(-1)?.sequence ?? 0;
      if (this.diskHangs || sequence === this.storedSequence) break;
      this.storedSequence = sequence;
      this.server.step({ kind: "stored", sequence });
    }
  }

  /** Lets time pass; `alive` is called before each look at the clock, to answer for the peers. */
  run(durationMs: number, alive: () => void = () => {}): void {
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs; ) {
      this.nowMs += 50;
      this.server.advance(this.nowMs);
      alive();
      this.server.tick();
      this.settle();
    }
  }

  private lastElectionEpoch(): number {
    const last = this.transmissions.findLast(({ kind }) => kind === "notification");
    return last?.kind === "notification" ? last.notification.electionEpoch : 1;
  }
}
