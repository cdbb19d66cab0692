import type { SessionTable } from "../core/session/session-table.js";
import type { StandaloneCore } from "../core/standalone.js";
import type { ZnodeStore } from "../core/tree/store.js";
import type { ServerConfiguration } from "./configuration/zoo-cfg.js";

/** What monitoring may look at: four-letter words and metrics read it, nothing more. */
export interface ServerView {
  readonly core: StandaloneCore;
  readonly store: ZnodeStore;
  readonly sessions: SessionTable;
  readonly configuration: ServerConfiguration;
  /** The port really listened on. */
  readonly clientPort: number;
  readonly version: string;
  readonly startedMs: number;
  syncStatistics(): { readonly syncs: number; readonly writtenBytes: number; readonly syncMicrosTotal: number };
}
