import { ByteWriter } from "../../base/bytes.js";
import { RingBuffer } from "../../base/ring.js";
import type { Zxid } from "../../base/zxid.js";
import type { Id } from "../../jute/records.js";
import type { Session } from "../session/session-tracker.js";

/** A request that waits for its turn on its connection: a write for its commit, a read for the writes before it. */
export interface QueuedRequest {
  readonly xid: number;
  readonly op: number;
  /** Reads only: the record, in memory of its own. Undefined for a write, which the proposals hold. */
  readonly body: Buffer | undefined;
  readonly receivedMs: number;
}

export type ConnectionPhase = "handshake" | "establishing" | "open" | "closing" | "closed";

/** Counters of one connection, or of the whole server. Latencies are milliseconds, as the four-letter words show them. */
export class RequestStatistics {
  receivedCount = 0;
  sentCount = 0;
  lastOp = 0;
  lastXid = 0;
  lastZxid: Zxid = 0;
  lastLatencyMs = 0;
  latencyMinMs = Number.POSITIVE_INFINITY;
  latencyMaxMs = 0;
  latencySumMs = 0;
  private latencyCount = 0;
  lastResponseMs = 0;

  get latencyMeanMs(): number {
    return this.latencyCount === 0 ? 0 : this.latencySumMs / this.latencyCount;
  }

  reset(): void {
    this.receivedCount = 0;
    this.sentCount = 0;
    this.latencyCount = 0;
    this.latencySumMs = 0;
    this.latencyMinMs = Number.POSITIVE_INFINITY;
    this.latencyMaxMs = 0;
  }

  replied(op: number, xid: number, zxid: Zxid, latencyMs: number, nowMs: number): void {
    this.sentCount++;
    this.latencyCount++;
    this.lastOp = op;
    this.lastXid = xid;
    this.lastZxid = zxid;
    this.lastLatencyMs = latencyMs;
    this.lastResponseMs = nowMs;
    this.latencySumMs += latencyMs;
    if (latencyMs < this.latencyMinMs) this.latencyMinMs = latencyMs;
    if (latencyMs > this.latencyMaxMs) this.latencyMaxMs = latencyMs;
  }
}

/** A follower sends the ids of a client along with each of its writes; this is room for about a thousand. */
export const CLIENT_IDS_BYTES_MAX = 65_536;

/**
 * One client's connection as the core sees it: bytes come in as frames, replies and events go out through `output`,
 * which whoever owns the socket empties once a turn.
 */
export class ClientConnection {
  readonly output = new ByteWriter(512);
  /** In request order; the head is the one that is answered next. */
  readonly queue = new RingBuffer<QueuedRequest>(4);
  /** Frames that came while the session was being established. */
  readonly early = new RingBuffer<Buffer>(1);
  /** Frames that came behind a write which waits for the syncs before it. */
  readonly held = new RingBuffer<Buffer>(1);
  /** Syncs in the queue. */
  unansweredSyncs = 0;
  readonly statistics = new RequestStatistics();
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly establishedMs: number;
  phase: ConnectionPhase = "handshake";
  session: Session | undefined;
  sessionHigh = 0;
  sessionLow = 0;
  /** Whether its ConnectRequest carried the readOnly byte, which the response then does too. */
  sentReadOnly = false;
  /** What this client has proved to be, the address first. */
  ids: readonly Id[];
  /** True while it stands in the list of connections that have output. */
  dirty = false;

  constructor(remoteAddress: string, remotePort: number, nowMs: number) {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.establishedMs = nowMs;
    this.ids = [{ scheme: "ip", id: remoteAddress }];
  }

  get sessionId(): bigint {
    return this.session?.id ?? 0n;
  }

  bind(session: Session): void {
    this.session = session;
    this.sessionHigh = Number(BigInt.asIntN(32, session.id >> 32n));
    this.sessionLow = Number(BigInt.asIntN(32, session.id));
  }
}
