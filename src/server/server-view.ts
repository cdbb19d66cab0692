import type { ServiceCore } from "../core/service.js";
import type { SessionTable } from "../core/session/session-table.js";
import type { ZnodeStore } from "../core/tree/store.js";
import type { LeaderStatus } from "../core/zab/leader.js";
import type { ServerStateName } from "../jute/election.js";
import type { ServerConfiguration } from "./configuration/zoo-cfg.js";
import type { GatewayStatistics } from "./http-gateway/statistics.js";

/** What monitoring may look at of an ensemble, as this member sees it. */
export interface EnsembleView {
  readonly state: ServerStateName;
  /** How many servers vote. */
  readonly voters: number;
  /** Of the leader only. */
  readonly leader: LeaderStatus | undefined;
}

export type ServerMode = "standalone" | "leader" | "follower" | "observer";

/** What monitoring may look at: four-letter words and metrics read it, nothing more. */
export interface ServerView {
  readonly core: ServiceCore;
  readonly store: ZnodeStore;
  readonly sessions: SessionTable;
  readonly configuration: ServerConfiguration;
  /** Undefined of a member that serves nobody, because it has no leader. */
  mode(): ServerMode | undefined;
  /** Undefined of a server that is alone. */
  ensemble(): EnsembleView | undefined;
  /** Undefined of a server without an HTTP gateway. */
  gateway(): GatewayStatistics | undefined;
  /** The port really listened on. */
  readonly clientPort: number;
  readonly version: string;
  readonly startedMs: number;
  syncStatistics(): { readonly syncs: number; readonly writtenBytes: number; readonly syncMicrosTotal: number };
}
