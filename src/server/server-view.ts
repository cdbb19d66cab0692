import type { ServiceCore } from "../core/service.js";
import type { SessionTable } from "../core/session/session-table.js";
import type { ZnodeStore } from "../core/tree/store.js";
import type { ServerConfiguration } from "./configuration/zoo-cfg.js";

export type ServerMode = "standalone" | "leader" | "follower" | "observer";

/** What monitoring may look at: four-letter words and metrics read it, nothing more. */
export interface ServerView {
  readonly core: ServiceCore;
  readonly store: ZnodeStore;
  readonly sessions: SessionTable;
  readonly configuration: ServerConfiguration;
  /** Undefined of a member that serves nobody, because it has no leader. */
  mode(): ServerMode | undefined;
  /** The port really listened on. */
  readonly clientPort: number;
  readonly version: string;
  readonly startedMs: number;
  syncStatistics(): { readonly syncs: number; readonly writtenBytes: number; readonly syncMicrosTotal: number };
}
