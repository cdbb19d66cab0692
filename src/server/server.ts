import { randomBytes } from "node:crypto";
import { randomBelow, SeededRandom } from "../base/random.js";
import { USER_ERRORS, UserError } from "../base/user-error.js";
import { Applier, type ChangeListener } from "../core/request/apply.js";
import { firstSessionId, formatSessionId } from "../core/session/session-id.js";
import { SessionTable } from "../core/session/session-table.js";
import { StandaloneCore } from "../core/standalone.js";
import { createFreshTree } from "../core/tree/fresh.js";
import { ZnodeStore } from "../core/tree/store.js";
import { openLogAppender } from "../workers/log-thread.js";
import { authenticate } from "./authentication.js";
import { ClientPort } from "./client-port.js";
import type { ServerConfiguration } from "./configuration/zoo-cfg.js";
import { answerFourLetterWord } from "./four-letter/words.js";
import type { Logger } from "./log.js";
import { MetricsEndpoint } from "./metrics-endpoint.js";
import { Reaper } from "./reaper.js";
import type { ServerView } from "./server-view.js";
import { Snapshots } from "./snapshots.js";
import { openStorageFolders, type StorageFolders } from "./storage/folders.js";
import { recover } from "./storage/recovery.js";
import { EndOfTurn } from "./turns.js";
import { serverVersion } from "./version.js";

export interface RunningServer {
  readonly clientPort: number;
  /** Undefined where no metrics are served. */
  readonly metricsPort: number | undefined;
  /** Answers nothing new, makes everything durable that was accepted, and closes every socket and file. */
  close(): Promise<void>;
}

const NOBODY: ChangeListener = { watching: false, created: () => {}, deleted: () => {}, dataChanged: () => {} };
/** Sessions are looked at this often for expiry; they expire in whole ticks all the same. */
const EXPIRY_CHECKS_PER_TICK = 2;

interface Database {
  readonly store: ZnodeStore;
  readonly sessions: SessionTable;
  readonly lastZxid: number;
}

/** Loads what is on disk, or makes the tree of a new database (upstream: ZKDatabase, FileTxnSnapLog.restore). */
function loadDatabase(configuration: ServerConfiguration, folders: StorageFolders, log: Logger): Database {
  const { arenaBytesMax, extendedTypesEnabled } = configuration;
  const emptyStore = (): ZnodeStore =>
    ZnodeStore.create({
      arenaBytesMax,
      extendedTypesEnabled,
      readersMax: 0,
      hashSeed: randomBytes(6).readUIntBE(0, 6),
    });
  let store = emptyStore();
  let sessions = new SessionTable();
  let applier: Applier | undefined;
  const begun = performance.now();
  const recovered = recover(
    folders,
    {
      clear: () => {
        store = emptyStore();
        sessions = new SessionTable();
      },
      session: (id, timeoutMs) => sessions.put(id, timeoutMs),
      acl: (id, acl) => store.acls.load(id, acl),
      load: (path, data, aclId, stat) => store.load(path, data, aclId, stat),
      apply: (header, transaction) => {
        if (applier === undefined) {
          if (store.nodeCount === 0) createFreshTree(store);
          applier = new Applier(store, sessions, NOBODY, undefined);
        }
        applier.apply(transaction, { zxid: header.zxid, timeMs: header.time, sessionId: header.clientId });
      },
    },
    { trustEmptySnapshot: configuration.snapshotTrustEmpty, notice: (text) => log.warn(text) },
  );
  if (store.nodeCount === 0) createFreshTree(store);
  store.acls.purgeUnused();
  const { lastZxid, applied, snapshot } = recovered;
  removeOrphans(store, sessions, lastZxid, log);
  if (snapshot !== undefined || applied > 0) {
    const took = Math.round(performance.now() - begun);
    log.info({ zxid: `0x${lastZxid.toString(16)}`, znodes: store.nodeCount, applied, tookMs: took }, "database loaded");
  }
  return { store, sessions, lastZxid };
}

/** Ephemerals whose session is gone cannot be closed by anybody any more (upstream: ZooKeeperServer.loadData). */
function removeOrphans(store: ZnodeStore, sessions: SessionTable, zxid: number, log: Logger): void {
  for (const id of [...store.sessionsWithEphemerals()]) {
    if (sessions.timeoutMs(id) !== undefined) continue;
    const paths = store.ephemeralsOf(id);
    for (const path of paths) store.remove(path, zxid);
    log.warn({ session: formatSessionId(id), paths }, "ephemeral znodes without a session were removed");
  }
}

/**
 * Starts a standalone server: recovers, snapshots, listens. `onFatal` is told of a disk that failed, once; the process
 * must end then, since what it accepted may not be durable. Throws UserError for what the user can put right.
 */
export async function startServer(
  configuration: ServerConfiguration,
  log: Logger,
  onFatal: (error: Error) => void,
): Promise<RunningServer> {
  if (configuration.servers.filter(({ type }) => type === "participant").length > 1) {
    const problem = "an ensemble of several servers cannot be run yet";
    throw new UserError(USER_ERRORS.badConfiguration, { key: "server.N", problem }, configuration.file);
  }
  if (!configuration.forceSync)
    log.warn("forceSync=no: writes are answered before they are on disk, a crash loses them");
  const folders = openStorageFolders(configuration.dataDir, configuration.dataLogDir);
  const { store, sessions, lastZxid } = loadDatabase(configuration, folders, log);
  const core = new StandaloneCore(
    store,
    sessions,
    {
      ...configuration,
      lastZxid,
      firstSessionId: firstSessionId(configuration.serverId, Date.now()),
      authenticate: (scheme, auth) => authenticate(scheme, auth, configuration.superDigest),
    },
    performance.now(),
    Date.now(),
  );
  const random = new SeededRandom(randomBytes(4).readUInt32BE(0));
  const appender = openLogAppender({
    folder: folders.logs,
    preAllocBytes: configuration.preAllocBytes,
    sizeLimitBytes: configuration.logSizeLimitBytes ?? 0,
    forceSync: configuration.forceSync,
    onSynced: (zxid) => {
      enterTurn();
      core.synced(zxid);
    },
    onFatal,
  });
  const snapshots = new Snapshots(folders, configuration, () => randomBelow(random, 2 ** 31), log);
  const flush = (): void => {
    const dirty = core.takeDirty();
    if (dirty.length > 0) clientPort.flush(dirty);
  };
  const endOfTurn = new EndOfTurn(() => {
    // What needs no disk leaves before the log does, which may sync within this call.
    flush();
    if (!core.hasAppend) return;
    const { append: batch, appendZxid } = core.takeAppend();
    if (batch !== undefined) appender.append(batch, appendZxid, core.hasSoleWriter);
    if (snapshots.due(core.transactionCount)) {
      appender.roll();
      void snapshots.take(store, sessions, () => core.appliedZxid);
    }
    flush();
  });
  // The clocks are read once a turn: reading them takes about as long as answering a request.
  const enterTurn = (): void => {
    if (endOfTurn.schedule()) core.advance(performance.now(), Date.now());
  };
  let view: ServerView | undefined;
  const clientPort = new ClientPort(core, {
    port: configuration.clientPort,
    host: configuration.clientPortAddress,
    backlog: configuration.clientPortListenBacklog,
    connectionsPerAddressMax: configuration.maxClientConnections,
    maxBufferBytes: configuration.maxBufferBytes,
    outstandingMax: configuration.globalOutstandingMax,
    fourLetterWord: (word) => (view === undefined ? undefined : answerFourLetterWord(word, view)),
    enterTurn,
  });
  await snapshots.take(store, sessions, () => core.appliedZxid);
  let port: number;
  try {
    port = await clientPort.listen();
  } catch (error) {
    await appender.close();
    throw error;
  }
  view = {
    core,
    store,
    sessions,
    configuration,
    clientPort: port,
    version: serverVersion(),
    startedMs: performance.now(),
    syncStatistics: () => {
      const { syncs, bytes, syncMicros } = appender.statistics;
      return { syncs, writtenBytes: bytes, syncMicrosTotal: syncMicros };
    },
  };
  const metrics = configuration.metrics === undefined ? undefined : new MetricsEndpoint(view);
  let metricsPort: number | undefined;
  try {
    metricsPort = await metrics?.listen(configuration.metrics!.host, configuration.metrics!.port);
  } catch (error) {
    await Promise.all([clientPort.close(), appender.close()]);
    throw error;
  }
  const work = (step: () => void): void => {
    enterTurn();
    step();
  };
  const expiry = setInterval(() => work(() => core.tick()), configuration.tickTimeMs / EXPIRY_CHECKS_PER_TICK);
  const reaper = new Reaper(store, configuration, (paths) =>
    work(() => {
      for (const path of paths) core.reap(path);
    }),
  );
  const host = configuration.clientPortAddress ?? "every address";
  log.info({ clientPort: port, host, metricsPort, dataDir: configuration.dataDir, version: view.version }, "serving");
  return {
    clientPort: port,
    metricsPort,
    close: async () => {
      clearInterval(expiry);
      reaper.stop();
      await Promise.all([clientPort.close(), metrics?.close()]);
      await appender.close();
      await snapshots.close();
    },
  };
}
