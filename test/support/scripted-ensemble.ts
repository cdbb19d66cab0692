import { ByteWriter } from "../../src/base/bytes.js";
import { SeededRandom } from "../../src/base/random.js";
import { Arenas } from "../../src/chaos/simulator/arenas.js";
import { ClientLink, type LinkEnd } from "../../src/chaos/simulator/client-link.js";
import { CommittedHistory } from "../../src/chaos/simulator/committed-history.js";
import { EventQueue } from "../../src/chaos/simulator/event-queue.js";
import { REAL_PARTS } from "../../src/chaos/simulator/simulate.js";
import { SimulatedNetwork } from "../../src/chaos/simulator/simulated-network.js";
import { type ServerHabits, SimulatedServer } from "../../src/chaos/simulator/simulated-server.js";
import { Trace } from "../../src/chaos/simulator/trace.js";
import { ZAB_DEFAULTS, type ZabOptions } from "../../src/core/zab/options.js";
import { MajorityQuorum } from "../../src/core/zab/quorum-verifier.js";
import { CREATE_MODE, OP } from "../../src/jute/opcodes.js";
import { ConnectRequest, CreateRequest } from "../../src/jute/records.js";

const LINES_MAX = 10_000;
/** How fast each disk is decides whose answer comes first, so another seed would reorder the files. */
const DISK_SEED = 699;
const HABITS: ServerHabits = {
  turnMsMax: 0,
  snapshotTransactionsMax: Number.MAX_SAFE_INTEGER,
  chunkBytes: 65_536,
  chunkPauseMs: 0,
};
const CLIENT = 100;
const PATIENCE_MS = 30_000;
const OPEN_ACL = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

/** A session that does what a script says. */
class ScriptedSession implements LinkEnd {
  /** Answers that came, the one to the handshake among them. */
  answers = 0;
  private readonly history: CommittedHistory;
  private readonly link: ClientLink;
  private sessionId = 0n;
  private asked = 0;

  constructor(network: SimulatedNetwork, history: CommittedHistory, server: SimulatedServer) {
    this.history = history;
    this.link = new ClientLink(network, this, CLIENT, server, server.id);
    server.accept(this.link);
    const hello = { protocolVersion: 0, lastZxidSeen: 0n, timeOut: 30_000, sessionId: 0n, passwd: Buffer.alloc(16) };
    const writer = new ByteWriter(64);
    ConnectRequest.write(writer, { ...hello, readOnly: undefined });
    this.link.request(writer.copy());
  }

  receive(_link: ClientLink, bytes: Buffer): void {
    // A ConnectResponse is its length, the version, the timeout, and the session.
    if (this.answers === 0) this.sessionId = bytes.readBigInt64BE(12);
    this.answers++;
  }

  lost(): void {}

  create(path: string): void {
    const cxid = ++this.asked;
    const { sessionId } = this;
    const flags = CREATE_MODE.persistent;
    this.history.model.intend({ sessionId, cxid, connection: 1, op: OP.create, path, data: "", version: -1, flags });
    const writer = new ByteWriter(64);
    writer.int32(cxid);
    writer.int32(OP.create);
    CreateRequest.write(writer, { path, data: Buffer.alloc(0), acl: OPEN_ACL, flags });
    this.link.request(writer.copy());
  }
}

/** An ensemble in simulated time, without faults but those that a script makes; what happens is written down. */
export class ScriptedEnsemble {
  readonly events = new EventQueue();
  readonly servers: readonly SimulatedServer[];
  private readonly trace = new Trace(LINES_MAX);
  private readonly network = new SimulatedNetwork(this.events, new SeededRandom(1));
  private readonly history: CommittedHistory;
  private session: ScriptedSession | undefined;
  private paths = 0;

  constructor(voters: number, options: Partial<ZabOptions> = {}, ownHabits: Partial<ServerHabits> = {}) {
    const verifier = new MajorityQuorum(Array.from({ length: voters }, (_, index) => index + 1));
    this.history = new CommittedHistory(verifier, (voter) => this.server(voter).disk.durableHistory);
    const { history, network, trace } = this;
    const arenas = new Arenas();
    const world = { history, network, trace, arenas, parts: REAL_PARTS };
    const habits = { ...HABITS, ...ownHabits };
    this.servers = verifier.voters.map((serverId) => {
      const configText = Buffer.from("version=0");
      const own = { ...ZAB_DEFAULTS, serverId, verifier, configText, configVersion: 0, ...options };
      const disk = REAL_PARTS.createDisk(this.events, new SeededRandom(DISK_SEED, serverId), arenas);
      return new SimulatedServer(own, disk, habits, new SeededRandom(1, 10 + serverId), world);
    });
    for (const server of this.servers) server.peers = this.servers;
  }

  server(id: number): SimulatedServer {
    return this.servers[id - 1]!;
  }

  start(...ids: readonly number[]): void {
    for (const id of ids) this.server(id).start();
    this.until(`servers ${ids} serve`, () => ids.every((id) => this.server(id).serving));
  }

  /** What clients see leads. */
  get leader(): SimulatedServer {
    return this.servers.find((server) => server.serving && server.machine?.stateName === "leading")!;
  }

  /** A client of this server, from now on. */
  connect(id: number): void {
    const session = new ScriptedSession(this.network, this.history, this.server(id));
    this.session = session;
    this.until("the session is there", () => session.answers === 1);
  }

  /** Writes `count` znodes, one after the other, and waits until every server that serves shows them. */
  write(count: number): void {
    for (let written = 0; written < count; written++) {
      const answers = this.session!.answers + 1;
      this.send();
      this.until("the write is answered", () => this.session!.answers === answers);
    }
    this.settle();
  }

  /** Sends a write and waits for nothing. */
  send(): void {
    this.session!.create(`/n${++this.paths}`);
  }

  /** Cuts a server off from the others, or no longer. */
  cut(id: number, blocked: boolean): void {
    for (const { id: other } of this.servers) {
      if (other === id) continue;
      this.network.link(id, other).blocked = blocked;
      this.network.link(other, id).blocked = blocked;
    }
    if (!blocked) this.network.resume();
  }

  settle(): void {
    const serving = this.servers.filter((server) => server.serving);
    this.until("all show the same", () =>
      serving.every((server) => server.tree.lastZxid === this.history.lastZxid || !server.serving),
    );
  }

  until(what: string, done: () => boolean): void {
    const endMs = this.events.nowMs + PATIENCE_MS;
    while (!done()) {
      if (!this.events.runNext(endMs)) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    }
  }

  run(durationMs: number): void {
    const endMs = this.events.nowMs + durationMs;
    while (this.events.runNext(endMs));
  }

  note(what: string): void {
    this.trace.add(this.events.nowMs, "#", what);
  }

  /** What happened since the last call, without times and without pings, which come when they like. */
  transcript(): string {
    const lines = this.trace.lines.splice(0).map((line) => line.slice(line.indexOf(" ms  ") + 5));
    return `${lines.filter((line) => !line.includes("  PING ")).join("\n")}\n`;
  }
}
