import type { ServiceCore } from "../core/service.js";
import type { EnsembleView, ServerMode } from "./server-view.js";

/** What a server runs on: alone, or as a member of an ensemble. */
export interface Engine {
  readonly core: ServiceCore;
  /** Undefined while it serves nobody. */
  readonly mode: ServerMode | undefined;
  /** Undefined of a server that is alone. */
  readonly ensemble: EnsembleView | undefined;
  /** To be called before the core is given something: brings its clock up to date, and sees to the end of the turn. */
  enterTurn(): void;
  syncStatistics(): { readonly syncs: number; readonly writtenBytes: number; readonly syncMicrosTotal: number };
  /** Begins to serve, once the client port is there. */
  start(): Promise<void>;
  /** Makes durable what was accepted, and closes every socket and file of its own. */
  close(): Promise<void>;
}

/** What an engine needs of the rest of the server. */
export interface EngineHost {
  /** Sends what the core has for clients. */
  flushClients(): void;
  /** The disk has failed: what was accepted may not be durable, and the process must end. */
  fatal(error: Error): void;
}
