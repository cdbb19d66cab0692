import { treeSource } from "../core/database.js";
import type { StandaloneCore } from "../core/standalone.js";
import { openLogAppender } from "../workers/log-thread.js";
import type { ServerConfiguration } from "./configuration/zoo-cfg.js";
import type { Engine, EngineHost } from "./engine.js";
import type { Snapshots } from "./snapshots.js";
import type { StorageFolders } from "./storage/folders.js";
import { EndOfTurn } from "./turns.js";

/** Connects a core that is alone with its log. */
export function createStandaloneEngine(
  core: StandaloneCore,
  configuration: ServerConfiguration,
  folders: StorageFolders,
  snapshots: Snapshots,
  host: EngineHost,
): Engine {
  const appender = openLogAppender({
    folder: folders.logs,
    preAllocBytes: configuration.preAllocBytes,
    sizeLimitBytes: configuration.logSizeLimitBytes ?? 0,
    forceSync: configuration.forceSync,
    onSynced: (zxid) => {
      enterTurn();
      core.synced(zxid);
    },
    onFatal: host.fatal,
  });
  const takeSnapshot = (): Promise<void> =>
    snapshots.take({
      zxid: core.appliedZxid,
      source: treeSource(core.store, core.sessionTable, () => core.appliedZxid),
      // What is applied here is durable already.
      confirm: (settle) => settle(undefined),
    });
  const endOfTurn = new EndOfTurn(() => {
    // What needs no disk leaves before the log does, which may sync within this call.
    host.flushClients();
    if (!core.hasAppend) return;
    const { append: batch, appendZxid } = core.takeAppend();
    if (batch !== undefined) appender.append(batch, appendZxid, core.hasSoleWriter);
    if (snapshots.due(core.transactionCount)) {
      appender.roll();
      void takeSnapshot();
    }
    host.flushClients();
  });
  // The clocks are read once a turn: reading them takes about as long as answering a request.
  const enterTurn = (): void => {
    if (endOfTurn.schedule()) core.advance(performance.now(), Date.now());
  };
  return {
    core,
    mode: "standalone",
    ensemble: undefined,
    enterTurn,
    syncStatistics: () => {
      const { syncs, bytes, syncMicros } = appender.statistics;
      return { syncs, writtenBytes: bytes, syncMicrosTotal: syncMicros };
    },
    start: takeSnapshot,
    close: () => appender.close(),
  };
}
