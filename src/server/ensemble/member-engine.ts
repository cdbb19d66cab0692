import { assert } from "../../base/assert.js";
import { CommandRunner } from "../../core/command-runner.js";
import type { LoadedDatabase } from "../../core/database.js";
import { EnsembleMember } from "../../core/ensemble-member.js";
import { MemberCore } from "../../core/member-core.js";
import type { ServiceOptions } from "../../core/service.js";
import type { Role, Transmission, ZabMessage } from "../../core/zab/effects.js";
import { ZAB_DEFAULTS } from "../../core/zab/options.js";
import { MajorityQuorum } from "../../core/zab/quorum-verifier.js";
import { ZabServer } from "../../core/zab/zab-server.js";
import type { TreeThread } from "../../workers/tree-thread.js";
import { formatServers, type ServerSpecification } from "../configuration/server-line.js";
import type { ServerConfiguration } from "../configuration/zoo-cfg.js";
import type { Engine, EngineHost } from "../engine.js";
import type { Logger } from "../log.js";
import type { EnsembleView, ServerMode } from "../server-view.js";
import type { Snapshots } from "../snapshots.js";
import { readEpochs } from "../storage/epoch-files.js";
import type { StorageFolders } from "../storage/folders.js";
import { encodeBeside } from "../tree-source.js";
import { EndOfTurn } from "../turns.js";
import { ElectionPort } from "./election-port.js";
import { FileStorage } from "./member-storage.js";
import { QuorumPort } from "./quorum-port.js";

/** Committed entries that are read back into memory at the start, for members that were away shortly. */
export const RECENT_ENTRIES_MAX = ZAB_DEFAULTS.windowEntriesMin;
/** How often the state machine looks at its times. */
const TICK_MS = 10;
const IMAGE_CHUNK_BYTES = 65_536;

const MODES: Readonly<Record<Role, ServerMode>> = {
  leading: "leader",
  following: "follower",
  observing: "observer",
};

/** A member of an ensemble: connects its state machines with disk and network. */
export class MemberEngine implements Engine {
  readonly core: MemberCore;
  private readonly member: EnsembleMember;
  private readonly runner: CommandRunner;
  private readonly storage: FileStorage;
  private readonly election: ElectionPort;
  private readonly quorum: QuorumPort;
  private readonly peers: ReadonlyMap<number, ServerSpecification>;
  private readonly endOfTurn = new EndOfTurn(() => this.settle());
  private readonly snapshots: Snapshots;
  private readonly trees: TreeThread;
  private readonly host: EngineHost;
  private readonly log: Logger;
  private ticker: NodeJS.Timeout | undefined;
  private state = "";

  constructor(
    configuration: ServerConfiguration,
    folders: StorageFolders,
    database: LoadedDatabase,
    options: ServiceOptions,
    snapshots: Snapshots,
    trees: TreeThread,
    host: EngineHost,
    log: Logger,
  ) {
    const { serverId, servers, tickTimeMs, initLimitTicks, syncLimitTicks, peerTimeoutMs } = configuration;
    const own = servers.find(({ id }) => id === serverId);
    assert(own !== undefined && initLimitTicks !== undefined && syncLimitTicks !== undefined, "it was read so");
    this.snapshots = snapshots;
    this.trees = trees;
    this.host = host;
    this.log = log;
    this.peers = new Map(servers.map((server) => [server.id, server]));
    const { lastZxid, recent, baseZxid, floorZxid } = database;
    const now = performance.now();
    const machine = new ZabServer(
      {
        ...ZAB_DEFAULTS,
        serverId,
        verifier: new MajorityQuorum(servers.filter(({ type }) => type === "participant").map(({ id }) => id)),
        configText: Buffer.from(formatServers(servers)),
        configVersion: 0,
        tickTimeMs,
        initLimit: initLimitTicks,
        syncLimit: syncLimitTicks,
        peerTimeoutMs,
      },
      {
        ...readEpochs(folders, lastZxid),
        lastZxid,
        recent,
        baseZxid,
        floorZxid,
      },
      now,
    );
    this.core = new MemberCore(database.store, database.sessions, options, machine, now, Date.now());
    this.storage = new FileStorage(folders, configuration, log, {
      synced: (zxid) => this.runner.synced(zxid),
      fatal: (error) => {
        this.runner.end();
        host.fatal(error);
      },
    });
    this.runner = new CommandRunner(this.storage, this.core, lastZxid, (sequence) =>
      this.hear({ kind: "stored", sequence }),
    );
    this.member = new EnsembleMember(machine, this.core, this.runner, (transmission) => this.transmit(transmission));
    this.election = new ElectionPort(
      own,
      servers,
      {
        notification: (from, notification) => this.hear({ kind: "notification", from, notification }),
        peerUp: (peer) => this.hear({ kind: "peerUp", peer }),
        peerDown: (peer) => this.hear({ kind: "peerDown", peer }),
      },
      log,
    );
    this.quorum = new QuorumPort(
      own,
      configuration.maxBufferBytes,
      {
        accepted: (connection) => this.hear({ kind: "accepted", connection }),
        connected: (connection) => this.hear({ kind: "connected", connection }),
        disconnected: (connection) => this.hear({ kind: "disconnected", connection }),
        packet: (connection, packet) => this.hear({ kind: "packet", connection, packet }),
        imageBytes: (connection, bytes) => {
          this.storage.imageBytes(connection, bytes);
          this.hear({ kind: "imageProgress", connection });
        },
        imageTaken: (connection) => this.hear({ kind: "imageProgress", connection }),
        imageEnd: (connection) => this.hear({ kind: "image", connection }),
      },
      log,
    );
  }

  get mode(): ServerMode | undefined {
    return this.core.role === undefined ? undefined : MODES[this.core.role];
  }

  get ensemble(): EnsembleView {
    const { machine } = this.member;
    return { state: machine.stateName, voters: machine.options.verifier.voters.length, leader: machine.leaderStatus };
  }

  enterTurn(): void {
    if (this.endOfTurn.schedule()) this.member.advance(performance.now(), Date.now());
  }

  syncStatistics(): { readonly syncs: number; readonly writtenBytes: number; readonly syncMicrosTotal: number } {
    const { syncs, bytes, syncMicros } = this.storage.statistics;
    return { syncs, writtenBytes: bytes, syncMicrosTotal: syncMicros };
  }

  async start(): Promise<void> {
    await this.takeSnapshot();
    await this.quorum.listen();
    try {
      await this.election.listen();
    } catch (error) {
      await this.quorum.close();
      throw error;
    }
    this.enterTurn();
    this.member.start();
    this.ticker = setInterval(() => {
      this.enterTurn();
      this.member.tick();
    }, TICK_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.ticker);
    await Promise.all([this.election.close(), this.quorum.close()]);
    this.runner.end();
    await this.storage.close();
  }

  private hear(message: ZabMessage): void {
    if (message.kind === "peerUp" || message.kind === "peerDown") this.log.debug(message, "election port");
    this.enterTurn();
    this.member.hear(message);
  }

  private settle(): void {
    const { core } = this;
    this.member.settle();
    this.quorum.flush();
    this.host.flushClients();
    this.noteState();
    if (core.role !== undefined && this.snapshots.due(core.transactionCount)) {
      if (this.runner.isAppending) this.storage.roll();
      void this.takeSnapshot();
    }
  }

  private takeSnapshot(): Promise<void> {
    return this.snapshots.take(this.member.beginSnapshot());
  }

  private transmit(transmission: Transmission): void {
    switch (transmission.kind) {
      case "notification":
        this.election.send(transmission.to, transmission.notification);
        return;
      case "connect":
        this.quorum.connect(transmission.connection, this.peers.get(transmission.to)!);
        return;
      case "close":
        this.log.info({ reason: transmission.reason }, "connection to a member ended");
        this.quorum.drop(transmission.connection);
        return;
      case "packet":
        this.quorum.send(transmission.connection, transmission.packet);
        return;
      case "image": {
        const chunks = encodeBeside(this.trees, this.member.source, "image", IMAGE_CHUNK_BYTES);
        this.quorum.sendImage(transmission.connection, chunks);
        return;
      }
    }
  }

  private noteState(): void {
    const { core } = this;
    const { machine } = this.member;
    const serving = core.role !== undefined;
    const state = `${machine.stateName}${serving ? ", serving" : ""}`;
    if (state === this.state) return;
    this.state = state;
    const { currentEpoch } = machine.journal;
    const reason = machine.stateName === "looking" ? machine.lastReason : undefined;
    this.log.info({ state, epoch: currentEpoch, reason }, "member of the ensemble");
  }
}
