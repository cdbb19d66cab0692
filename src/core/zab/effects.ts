import type { Zxid } from "../../base/zxid.js";
import type { Notification } from "../../jute/election.js";
import type { QuorumPacket } from "../../jute/quorum.js";
import type { Id } from "../../jute/records.js";
import type { ServerId } from "./quorum-verifier.js";

/**
 * A connection on the quorum port. The host numbers those it accepts from 0 upward, this side those it asks for from -1
 * downward; no number is used twice.
 */
export type ConnectionId = number;

/** One transaction: what a PROPOSAL carries and what the log keeps between its framing, header first. */
export interface LogEntry {
  readonly zxid: Zxid;
  /** Never written to again: it is shared by the log, the window in memory and every learner's socket. */
  readonly payload: Buffer;
}

export type Role = "leading" | "following" | "observing";

/**
 * What to do to disk and tree. Commands take effect in the order given, and become durable in that order: nothing may be
 * on disk of which an earlier command is not. That is what keeps the current epoch off the disk until the history it
 * was synchronized with is there (ZOOKEEPER-4643). The host reports with `stored` how far they are durable. Appends may
 * be gathered and synced together; `apply` waits for no sync; `truncate` and `install` end before the next one begins.
 */
export type Command = { readonly sequence: number } & (
  | { readonly kind: "append"; readonly entries: readonly LogEntry[] }
  /** Hand to the tree. Clients may see the outcome only between `open` and `shut`. */
  | { readonly kind: "apply"; readonly entries: readonly LogEntry[] }
  /** Cut the log behind the entry `zxid`, drop snapshots of later ones, and load the tree again if it is beyond it. */
  | { readonly kind: "truncate"; readonly zxid: Zxid }
  /** Replace tree and log by the image that came over `connection`, and keep it as a snapshot of `zxid`. */
  | { readonly kind: "install"; readonly zxid: Zxid; readonly connection: ConnectionId }
  | { readonly kind: "acceptedEpoch"; readonly epoch: number }
  | { readonly kind: "currentEpoch"; readonly epoch: number }
  /** Serve clients: the tree holds what a quorum has agreed on. A leader may propose from here on. */
  | { readonly kind: "open"; readonly role: Role; readonly leader: ServerId; readonly epoch: number }
  /** Serve nobody; whatever was forwarded or proposed and not applied has an unknown outcome. */
  | { readonly kind: "shut" }
);

export type CommandBody = Command extends infer C ? (C extends Command ? Omit<C, "sequence"> : never) : never;

/** What to do on the network, in order for each connection. May go out at once: it waits for no command. */
export type Transmission =
  | { readonly kind: "notification"; readonly to: ServerId; readonly notification: Notification }
  /** Open a connection to the quorum port of `to`, and say `connected` or `disconnected`. */
  | { readonly kind: "connect"; readonly connection: ConnectionId; readonly to: ServerId }
  /** Drops what is unsent. Not answered by `disconnected`. */
  | { readonly kind: "close"; readonly connection: ConnectionId; readonly reason: string }
  | { readonly kind: "packet"; readonly connection: ConnectionId; readonly packet: QuorumPacket }
  /** After every `apply` given so far: stream an image of the tree, which may be newer than `zxid`, then go on. */
  | { readonly kind: "image"; readonly connection: ConnectionId; readonly zxid: Zxid };

/** A write of a client of another server, for this leader to propose; or a sync, which `ZabServer` answers by itself. */
export interface ForwardedRequest {
  readonly sessionId: bigint;
  readonly cxid: number;
  readonly op: number;
  /** The request's record, behind the header. */
  readonly body: Buffer;
  readonly ids: readonly Id[];
}

/** As the leader gets it. */
export interface ReceivedRequest extends ForwardedRequest {
  readonly kind: "request";
  /** The learner it came from: a session that has moved to another server may no longer write through this one. */
  readonly connection: ConnectionId;
}

/** What the session layer is told. */
export type SessionEvent =
  /** To a leader: the session was heard of. */
  | { readonly kind: "touched"; readonly sessionId: bigint; readonly timeoutMs: number }
  /** To a leader: a client moved to the server behind `connection`; answer with `answerRevalidation`. */
  | {
      readonly kind: "revalidate";
      readonly connection: ConnectionId;
      readonly sessionId: bigint;
      readonly timeoutMs: number;
    }
  /** To a learner: the leader's answer. */
  | { readonly kind: "revalidated"; readonly sessionId: bigint; readonly valid: boolean };

export interface ZabEffects {
  readonly commands: readonly Command[];
  readonly transmissions: readonly Transmission[];
  /**
   * For the session layer, in the order in which they came: what a client asked for before it moved comes before its move,
   * and is no longer its to ask.
   */
  readonly events: readonly (ReceivedRequest | SessionEvent)[];
  /** How many of the syncs asked for here are done, the oldest first; to be answered after the commands are applied. */
  readonly syncsDone: number;
}

/** What a member hears. Byte fields belong to the receiver: the host copies what it will overwrite. */
export type ZabMessage =
  | { readonly kind: "notification"; readonly from: ServerId; readonly notification: Notification }
  /** The election port of a peer can be reached, or cannot: refused, or its connection closed. */
  | { readonly kind: "peerUp"; readonly peer: ServerId }
  | { readonly kind: "peerDown"; readonly peer: ServerId }
  | { readonly kind: "accepted"; readonly connection: ConnectionId }
  | { readonly kind: "connected"; readonly connection: ConnectionId }
  | { readonly kind: "disconnected"; readonly connection: ConnectionId }
  | { readonly kind: "packet"; readonly connection: ConnectionId; readonly packet: QuorumPacket }
  /** The image behind a SNAP packet has come whole. */
  | { readonly kind: "image"; readonly connection: ConnectionId }
  /** Some of an image has come, or was taken by the other side: it is alive, though it has no time for packets. */
  | { readonly kind: "imageProgress"; readonly connection: ConnectionId }
  /** Every command up to this one is durable. */
  | { readonly kind: "stored"; readonly sequence: number };
