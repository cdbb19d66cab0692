import type { ByteWriter } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import type { QuorumPacket, QuorumType } from "../../jute/quorum.js";
import type { ConnectionId, ReceivedRequest, SessionEvent } from "./effects.js";
import type { Journal } from "./journal.js";
import type { ZabOptions } from "./options.js";
import type { ServerId } from "./quorum-verifier.js";

/** What leader and learner need of the server they are a state of. */
export interface Member {
  readonly options: ZabOptions;
  readonly journal: Journal;
  readonly nowMs: number;
  /** For small packets; its content is copied by whoever keeps it. */
  readonly scratch: ByteWriter;
  transmit(connection: ConnectionId, type: QuorumType, zxid: Zxid, data: Buffer | null): void;
  transmitPacket(connection: ConnectionId, packet: QuorumPacket): void;
  transmitImage(connection: ConnectionId, zxid: Zxid): void;
  connect(to: ServerId): ConnectionId;
  close(connection: ConnectionId, reason: string): void;
  event(event: ReceivedRequest | SessionEvent): void;
  syncDone(): void;
  /** The vote that this server answers with names this epoch from now on. */
  enterEpoch(epoch: number): void;
  becomeLooking(reason: string): void;
  /** As `becomeLooking`, but takes part in no election before every command so far is durable. */
  standAside(reason: string): void;
}

/** The state a server is in when it is not looking for a leader. Not to be called again once the server has left it. */
export interface MemberState {
  connected(connection: ConnectionId): void;
  disconnected(connection: ConnectionId): void;
  handlePacket(connection: ConnectionId, packet: QuorumPacket): void;
  imageReceived(connection: ConnectionId): void;
  imageProgress(connection: ConnectionId): void;
  /** More of the log has become durable. */
  handleStored(): void;
  tick(): void;
  /** At the end of a turn: sends what was gathered. */
  flush(): void;
  /** The server leaves this state. */
  end(reason: string): void;
}
