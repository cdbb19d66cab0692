import { assert } from "../../base/assert.js";
import { MemberCore } from "../../core/member-core.js";
import type { ServiceOptions } from "../../core/service.js";
import type { Role, Transmission, ZabMessage } from "../../core/zab/effects.js";
import { ZAB_DEFAULTS } from "../../core/zab/options.js";
import { MajorityQuorum } from "../../core/zab/quorum-verifier.js";
import { ZabServer } from "../../core/zab/zab-server.js";
import type { TreeThread } from "../../workers/tree-thread.js";
import { formatServers, type ServerSpecification } from "../configuration/server-line.js";
import type { ServerConfiguration } from "../configuration/zoo-cfg.js";
import type { LoadedDatabase } from "../database.js";
import type { Engine, EngineHost } from "../engine.js";
import type { Logger } from "../log.js";
import type { EnsembleView, ServerMode } from "../server-view.js";
import type { Snapshots } from "../snapshots.js";
import { readEpochs } from "../storage/epoch-files.js";
import type { StorageFolders } from "../storage/folders.js";
import { encodeBeside, treeSource } from "../tree-source.js";
import { EndOfTurn } from "../turns.js";
import { ElectionPort } from "./election-port.js";
import { JournalHost } from "./journal-host.js";
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
  private readonly machine: ZabServer;
  private readonly journal: JournalHost;
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
  /** The machine has heard something since its effects were last taken. */
  private stirred = false;

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
    const { lastZxid, recent, baseZxid, snapshotZxid } = database;
    const now = performance.now();
    this.machine = new ZabServer(
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
        floorZxid: snapshotZxid,
      },
      now,
    );
    this.core = new MemberCore(database.store, database.sessions, options, this.machine, now, Date.now());
    const { core } = this;
    this.journal = new JournalHost(folders, configuration, log, lastZxid, {
      stored: (sequence) => this.hear({ kind: "stored", sequence }),
      apply: (entries) => core.apply(entries),
      load: ({ store, sessions, lastZxid: loaded }) => core.load(store, sessions, loaded),
      get appliedZxid() {
        return core.appliedZxid;
      },
      open: (role) => core.open(role),
      shut: () => core.shut(),
      fatal: host.fatal,
    });
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
        disconnected: (connection) => {
          this.journal.disconnected(connection);
          this.hear({ kind: "disconnected", connection });
        },
        packet: (connection, packet) => this.hear({ kind: "packet", connection, packet }),
        imageBytes: (connection, bytes) => {
          this.journal.imageBytes(connection, bytes);
          this.hear({ kind: "imageProgress", connection });
        },
        imageTaken: (connection) => this.hear({ kind: "imageProgress", connection }),
        imageEnd: (connection) => {
          this.journal.imageEnd(connection);
          this.hear({ kind: "image", connection });
        },
      },
      log,
    );
  }

  get mode(): ServerMode | undefined {
    return this.core.role === undefined ? undefined : MODES[this.core.role];
  }

  get ensemble(): EnsembleView {
    const { machine } = this;
    return { state: machine.stateName, voters: machine.options.verifier.voters.length, leader: machine.leaderStatus };
  }

  enterTurn(): void {
    if (!this.endOfTurn.schedule()) return;
    const now = performance.now();
    this.machine.advance(now);
    this.core.advance(now, Date.now());
  }

  syncStatistics(): { readonly syncs: number; readonly writtenBytes: number; readonly syncMicrosTotal: number } {
    const { syncs, bytes, syncMicros } = this.journal.statistics;
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
    this.machine.start();
    this.stirred = true;
    this.ticker = setInterval(() => {
      this.enterTurn();
      this.machine.tick();
      this.core.refuseWaiting();
      this.stirred = true;
    }, TICK_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.ticker);
    await Promise.all([this.election.close(), this.quorum.close()]);
    await this.journal.close();
  }

  private hear(message: ZabMessage): void {
    if (message.kind === "peerUp" || message.kind === "peerDown") this.log.debug(message, "election port");
    this.enterTurn();
    this.machine.step(message);
    this.stirred = true;
  }

  /** Carries out what the machine wants until it wants nothing more; then everything that is to be sent leaves. */
  private settle(): void {
    const { core, journal, machine } = this;
    for (;;) {
      this.stirred = false;
      const { commands, transmissions, requests, sessionEvents, syncsDone } = machine.takeEffects();
      journal.submit(commands);
      for (const transmission of transmissions) this.transmit(transmission);
      core.syncsDone(syncsDone);
      for (const event of sessionEvents) core.sessionEvent(event);
      for (const request of requests) core.decide(request);
      if (!this.stirred && commands.length + requests.length + sessionEvents.length === 0) break;
    }
    this.quorum.flush();
    this.host.flushClients();
    this.noteState();
    if (core.role !== undefined && this.snapshots.due(core.transactionCount)) {
      journal.roll();
      void this.takeSnapshot();
    }
  }

  private takeSnapshot(): Promise<void> {
    const { core } = this;
    const { store, sessionTable } = core;
    return this.snapshots.take(
      store,
      sessionTable,
      () => core.appliedZxid,
      async (zxid) => {
        await this.journal.whenDurable(zxid);
        // Parts of it may show what the log of this server does not hold any more.
        if (core.store !== store) throw new Error("the database was replaced meanwhile");
      },
    );
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
        this.journal.disconnected(transmission.connection);
        this.quorum.drop(transmission.connection);
        return;
      case "packet":
        this.quorum.send(transmission.connection, transmission.packet);
        return;
      case "image": {
        const { store, sessionTable } = this.core;
        const source = treeSource(store, sessionTable, () => this.core.appliedZxid);
        this.quorum.sendImage(transmission.connection, encodeBeside(this.trees, source, "image", IMAGE_CHUNK_BYTES));
        return;
      }
    }
  }

  private noteState(): void {
    const { machine, core } = this;
    const serving = core.role !== undefined;
    const state = `${machine.stateName}${serving ? ", serving" : ""}`;
    if (state === this.state) return;
    this.state = state;
    const { currentEpoch } = machine.journal;
    const reason = machine.stateName === "looking" ? machine.lastReason : undefined;
    this.log.info({ state, epoch: currentEpoch, reason }, "member of the ensemble");
  }
}
