import { randomBytes } from "node:crypto";
import { SeededRandom } from "../base/random.js";
import type { ServiceOptions } from "../core/service.js";
import { firstSessionId } from "../core/session/session-id.js";
import { StandaloneCore } from "../core/standalone.js";
import { TreeThread } from "../workers/tree-thread.js";
import { authenticate } from "./authentication.js";
import { ClientPort } from "./client-port.js";
import { isReplicated, type ServerConfiguration } from "./configuration/zoo-cfg.js";
import { loadDatabase } from "./database.js";
import type { Engine, EngineHost } from "./engine.js";
import { MemberEngine, RECENT_ENTRIES_MAX } from "./ensemble/member-engine.js";
import { answerFourLetterWord } from "./four-letter/words.js";
import type { HttpGateway } from "./http-gateway/gateway.js";
import type { Logger } from "./log.js";
import { Reaper } from "./reaper.js";
import type { ServerView } from "./server-view.js";
import { Snapshots } from "./snapshots.js";
import { createStandaloneEngine } from "./standalone-engine.js";
import { openStorageFolders, removeUnfinished } from "./storage/folders.js";
import { serverVersion } from "./version.js";

export interface RunningServer {
  readonly clientPort: number;
  /** Undefined where no metrics are served. */
  readonly metricsPort: number | undefined;
  /** Undefined where there is no HTTP gateway. */
  readonly httpGatewayPort: number | undefined;
  /** Answers nothing new, makes everything durable that was accepted, and closes every socket and file. */
  close(): Promise<void>;
}

/** Sessions are looked at this often for expiry; they expire in whole ticks all the same. */
const EXPIRY_CHECKS_PER_TICK = 2;

function createEngine(
  configuration: ServerConfiguration,
  log: Logger,
  host: EngineHost,
): { readonly engine: Engine; readonly snapshots: Snapshots; readonly trees: TreeThread } {
  const folders = openStorageFolders(configuration.dataDir, configuration.dataLogDir);
  removeUnfinished(folders);
  const replicated = isReplicated(configuration);
  const database = loadDatabase(configuration, folders, log, replicated ? RECENT_ENTRIES_MAX : 0);
  const { store, sessions, lastZxid } = database;
  const random = new SeededRandom(randomBytes(4).readUInt32BE(0));
  const trees = new TreeThread();
  const snapshots = new Snapshots(folders, configuration, trees, random, log);
  const options: ServiceOptions = {
    ...configuration,
    lastZxid,
    firstSessionId: firstSessionId(configuration.serverId, Date.now()),
    authenticate: (scheme, auth) => authenticate(scheme, auth, configuration.superDigest),
  };
  if (replicated) {
    const engine = new MemberEngine(configuration, folders, database, options, snapshots, trees, host, log);
    return { engine, snapshots, trees };
  }
  const core = new StandaloneCore(store, sessions, options, performance.now(), Date.now());
  return { engine: createStandaloneEngine(core, configuration, folders, snapshots, host), snapshots, trees };
}

/**
 * Starts a server, alone or as a member of an ensemble: recovers, snapshots, listens. `onFatal` is told of a disk that
 * failed, once; the process must end then, since what it accepted may not be durable. Throws UserError for what the user
 * can put right.
 */
export async function startServer(
  configuration: ServerConfiguration,
  log: Logger,
  onFatal: (error: Error) => void,
): Promise<RunningServer> {
  if (!configuration.forceSync)
    log.warn("forceSync=no: writes are answered before they are on disk, a crash loses them");
  const flushClients = (): void => {
    const dirty = core.takeDirty();
    if (dirty.length === 0) return;
    // First, since the client port forgets what was written for connections that are not its own.
    gateway?.flush(dirty);
    clientPort.flush(dirty);
  };
  const { engine, snapshots, trees } = createEngine(configuration, log, { flushClients, fatal: onFatal });
  const { core } = engine;
  let view: ServerView | undefined;
  let gateway: HttpGateway | undefined;
  const clientPort = new ClientPort(core, {
    port: configuration.clientPort,
    host: configuration.clientPortAddress,
    backlog: configuration.clientPortListenBacklog,
    connectionsPerAddressMax: configuration.maxClientConnections,
    maxBufferBytes: configuration.maxBufferBytes,
    outstandingMax: configuration.globalOutstandingMax,
    fourLetterWord: (word) => (view === undefined ? undefined : answerFourLetterWord(word, view)),
    enterTurn: () => engine.enterTurn(),
  });
  const closing: (() => Promise<unknown>)[] = [() => trees.close(), () => snapshots.close(), () => engine.close()];
  const close = async (): Promise<void> => {
    for (const step of closing.reverse()) await step();
  };
  try {
    await engine.start();
    closing.push(() => clientPort.close());
    const port = await clientPort.listen();
    view = {
      core,
      get store() {
        return core.store;
      },
      get sessions() {
        return core.sessionTable;
      },
      mode: () => engine.mode,
      ensemble: () => engine.ensemble,
      gateway: () => gateway?.statistics,
      configuration,
      clientPort: port,
      version: serverVersion(),
      startedMs: performance.now(),
      syncStatistics: () => engine.syncStatistics(),
    };
    // What is not configured is not loaded: that would take as long as all the rest of a start.
    let metricsPort: number | undefined;
    if (configuration.metrics !== undefined) {
      const { MetricsEndpoint } = await import("./metrics-endpoint.js");
      const metrics = new MetricsEndpoint(view);
      metricsPort = await metrics.listen(configuration.metrics.host, configuration.metrics.port);
      closing.push(() => metrics.close());
    }
    let httpGatewayPort: number | undefined;
    if (configuration.httpGateway !== undefined) {
      const { HttpGateway } = await import("./http-gateway/gateway.js");
      const started = new HttpGateway(
        core,
        configuration.httpGateway,
        configuration.maxBufferBytes,
        () => engine.enterTurn(),
        log,
      );
      gateway = started;
      closing.push(() => started.close());
      httpGatewayPort = await started.listen();
    }
    const expiry = setInterval(() => {
      engine.enterTurn();
      core.tick();
    }, configuration.tickTimeMs / EXPIRY_CHECKS_PER_TICK);
    const reaper = new Reaper(
      () => core.store,
      configuration,
      (paths) => {
        engine.enterTurn();
        for (const path of paths) core.reap(path);
      },
    );
    closing.push(async () => {
      clearInterval(expiry);
      reaper.stop();
    });
    const host = configuration.clientPortAddress ?? "every address";
    const { dataDir } = configuration;
    log.info({ clientPort: port, host, metricsPort, httpGatewayPort, dataDir, version: view.version }, "serving");
    return { clientPort: port, metricsPort, httpGatewayPort, close };
  } catch (error) {
    await close();
    throw error;
  }
}
