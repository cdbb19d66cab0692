import { assert } from "../../base/assert.js";
import { ByteReader, ByteWriter } from "../../base/bytes.js";
import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import type { Zxid } from "../../base/zxid.js";
import { sessionPassword } from "../../core/session/session-id.js";
import { ERROR } from "../../jute/errors.js";
import { CREATE_MODE, OP, PERMISSION, XID } from "../../jute/opcodes.js";
import {
  type Acl,
  ConnectRequest,
  ConnectResponse,
  CreateRequest,
  DeleteRequest,
  PathWatchRequest,
  SetDataRequest,
  SetWatches,
  Stat,
  WatcherEvent,
} from "../../jute/records.js";
import { ClientLink, type LinkEnd } from "./client-link.js";
import type { CommittedHistory } from "./committed-history.js";
import type { SimulatedNetwork } from "./simulated-network.js";
import type { SimulatedServer } from "./simulated-server.js";
import type { Trace } from "./trace.js";
import type { WriteIntent } from "./tree-model.js";
import { Violation } from "./violation.js";
import { WatchBook } from "./watch-book.js";

/** What all clients were told, and what they did not hear back of. */
export interface ClientTotals {
  writesAcknowledged: number;
  readsAnswered: number;
  syncsAnswered: number;
  events: number;
  reconnects: number;
  sessionsExpired: number;
  /** Requests without an answer, whose outcome the client does not know. */
  outcomesUnknown: number;
}

/** Where the clients are, and what they are checked against. */
export interface ClientWorld {
  readonly servers: readonly SimulatedServer[];
  readonly network: SimulatedNetwork;
  readonly history: CommittedHistory;
  readonly totals: ClientTotals;
  readonly trace: Trace;
}

/** What a client does, drawn once for each. */
export interface ClientHabits {
  /** The mean pause between two bursts of requests, in milliseconds. */
  readonly pauseMs: number;
  /** How many of its requests are writes, and how many syncs; the rest reads. */
  readonly writeShare: number;
  readonly syncShare: number;
  /** Whether a sync is linearizable: not where a server of the ensemble does not know of rounds. */
  readonly syncsByRound: boolean;
  readonly timeoutMs: number;
}

interface Asked {
  readonly xid: number;
  readonly op: number;
  readonly path: string;
  readonly watch: boolean;
  readonly intent: WriteIntent | undefined;
  /** What was committed, and shown somewhere, when it was sent. */
  readonly shownBefore: Zxid;
}

const KEYS = ["/a", "/b", "/c", "/d"] as const;
const OPEN_ACL: readonly Acl[] = [{ perms: PERMISSION.all, id: { scheme: "world", id: "anyone" } }];
const BURST_MAX = 8;
const PADDING_BYTES_MAX = 48;
const POSTED_PAUSE_MS = 30;
const HURRIED_PAUSE_MS = 50;

/** A session: it reads, writes, watches and syncs, moves from server to server, and holds them to their promises. */
export class SimulatedClient implements LinkEnd {
  readonly id: number;
  private readonly world: ClientWorld;
  private readonly random: RandomSource;
  private readonly habits: ClientHabits;
  private readonly watches: WatchBook;
  private pauseMs: number;
  private turn = 0;
  private readonly writer = new ByteWriter(128);
  sessionId = 0n;
  private link: ClientLink | undefined;
  private phase: "away" | "connecting" | "open" = "away";
  /** Counts the session's connections. */
  private connections = 0;
  private xid = 0;
  private asked: Asked[] = [];
  private lastZxidSeen: Zxid = 0;
  private heardAtMs = 0;
  /** It has asked for the end of its session. */
  private closing = false;
  private stopped = false;
  /** The one server it asks, where it is posted. */
  private post: SimulatedServer | undefined;
  /** Fell silent for good: its session has to end, and its ephemerals with it. */
  dead = false;

  constructor(id: number, world: ClientWorld, random: RandomSource, habits: ClientHabits) {
    this.id = id;
    this.world = world;
    this.random = random;
    this.habits = habits;
    this.pauseMs = habits.pauseMs;
    this.watches = new WatchBook(world.history.model);
  }

  start(): void {
    this.later(this.pauseMs);
  }

  /** Wants something at once, however idle it was. */
  hurry(): void {
    this.rush(HURRIED_PAUSE_MS);
  }

  /** Asks with this mean pause until it is calm again. */
  rush(pauseMs: number): void {
    this.pauseMs = pauseMs;
    this.act();
  }

  calm(): void {
    this.pauseMs = this.habits.pauseMs;
  }

  /** Asks for no more, but keeps its session. */
  stop(): void {
    this.stopped = true;
  }

  /** Asks one server only, or whichever it likes; at its post it reads and syncs, and does so often. */
  postAt(server: SimulatedServer | undefined): void {
    this.post = server;
    if (server !== undefined && !this.dead && this.link !== undefined && this.link.server !== server) this.leave();
    this.pauseMs = server === undefined ? this.habits.pauseMs : POSTED_PAUSE_MS;
    if (server !== undefined) this.act();
  }

  /** Falls silent for good, without a word. */
  die(): void {
    this.note("falls silent");
    this.dead = true;
    this.leave();
  }

  private get nowMs(): number {
    return this.world.network.events.nowMs;
  }

  /** Takes the place of the turn that was planned before, if any. */
  private later(pauseMs: number): void {
    const turn = ++this.turn;
    this.world.network.events.after(pauseMs * (0.5 + randomFraction(this.random)), () => {
      if (turn === this.turn) this.act();
    });
  }

  private act(): void {
    if (this.dead) return;
    const { timeoutMs } = this.habits;
    this.later(Math.min(this.pauseMs, timeoutMs / 4));
    if (this.phase === "away") {
      this.connect();
      return;
    }
    if (this.nowMs - this.heardAtMs > timeoutMs * 0.6) {
      this.leave();
      return;
    }
    if (this.phase === "connecting") return;
    if (this.stopped) {
      if (this.asked.length === 0) this.ping();
      return;
    }
    if (this.post !== undefined) {
      if (randomBelow(this.random, 2) === 0) this.sync();
      else this.read();
      return;
    }
    const chance = randomBelow(this.random, 100);
    if (chance === 0) this.leave();
    else if (chance === 1) this.closeSession();
    else this.ask(1 + (chance < 25 ? randomBelow(this.random, BURST_MAX) : 0));
  }

  private ask(count: number): void {
    const { writeShare, syncShare, timeoutMs } = this.habits;
    const { pauseMs } = this;
    // An idle client only shows that it is alive, most of the time.
    if (pauseMs > timeoutMs / 4 && randomFraction(this.random) > timeoutMs / 4 / pauseMs) {
      this.ping();
      return;
    }
    for (let asked = 0; asked < count && this.phase === "open"; asked++) {
      const kind = randomFraction(this.random);
      if (kind < writeShare) this.write();
      else if (kind < writeShare + syncShare) this.sync();
      else this.read();
    }
  }

  private connect(): void {
    const { servers, network } = this.world;
    const server = this.post ?? servers[randomBelow(this.random, servers.length)]!;
    this.phase = "connecting";
    this.heardAtMs = this.nowMs;
    const link = new ClientLink(network, this, this.id, server, server.id);
    this.link = link;
    network.send(this.id, server.id, () => {
      if (this.link !== link) return;
      if (!server.accept(link)) this.leave();
      else this.shakeHands(link);
    });
  }

  private shakeHands(link: ClientLink): void {
    const { writer, sessionId } = this;
    writer.reset();
    ConnectRequest.write(writer, {
      protocolVersion: 0,
      lastZxidSeen: BigInt(this.lastZxidSeen),
      timeOut: this.habits.timeoutMs,
      sessionId,
      passwd: sessionId === 0n ? Buffer.alloc(16) : sessionPassword(sessionId),
      readOnly: undefined,
    });
    link.request(writer.copy());
  }

  private leave(): void {
    this.link?.closeByClient();
    this.away();
  }

  private away(): void {
    this.link = undefined;
    this.phase = "away";
    this.world.totals.outcomesUnknown += this.asked.length;
    this.asked = [];
    // Nobody comes back to a session it wanted to end: the end may overtake it, whatever has happened since.
    if (this.closing) this.forget();
  }

  lost(link: ClientLink): void {
    if (link === this.link) this.away();
  }

  receive(link: ClientLink, bytes: Buffer): void {
    for (let offset = 0; offset < bytes.length && link === this.link; ) {
      const end = offset + 4 + bytes.readInt32BE(offset);
      const reader = new ByteReader(bytes, offset + 4, end);
      this.heardAtMs = this.nowMs;
      if (this.phase === "connecting") this.welcomed(reader);
      else this.answered(reader);
      offset = end;
    }
  }

  private welcomed(reader: ByteReader): void {
    const { sessionId } = ConnectResponse.read(reader);
    if (sessionId === 0n) {
      this.world.totals.sessionsExpired++;
      this.note("is told that its session has expired");
      this.forget();
      this.leave();
      return;
    }
    if (this.sessionId === 0n) this.note(`has session 0x${sessionId.toString(16)}`);
    else this.world.totals.reconnects++;
    this.sessionId = sessionId;
    this.phase = "open";
    this.connections++;
    if (this.watches.size === 0) return;
    const { dataWatches, existWatches, childWatches } = this.watches.lists();
    this.request(XID.setWatches, OP.setWatches, "", false, undefined, (writer) =>
      SetWatches.write(writer, { relativeZxid: this.lastZxidSeen, dataWatches, existWatches, childWatches }),
    );
  }

  private forget(): void {
    this.sessionId = 0n;
    this.closing = false;
    this.connections = 0;
    this.xid = 0;
    this.lastZxidSeen = 0;
    this.watches.clear();
  }

  private answered(reader: ByteReader): void {
    const xid = reader.int32();
    const zxid = Number(reader.int64());
    const err = reader.int32();
    if (xid === XID.notification) {
      const { type, path } = WatcherEvent.read(reader);
      this.world.totals.events++;
      this.watches.event(type, path as string);
      return;
    }
    const asked = this.asked.shift();
    if (asked?.xid !== xid) throw this.violation(`gets the answer to ${xid} where that to ${asked?.xid} was due`);
    if (zxid < this.lastZxidSeen) {
      throw this.violation(`sees 0x${zxid.toString(16)} after 0x${this.lastZxidSeen.toString(16)}`);
    }
    if (asked.op === OP.setWatches) this.watches.restored(zxid);
    else this.watches.answered(zxid);
    this.lastZxidSeen = zxid;
    if (asked.intent !== undefined) this.written(asked.intent, asked, zxid, err, reader);
    else if (asked.op === OP.sync) this.synced(asked, zxid);
    else if (asked.path !== "") this.hasRead(asked, zxid, err, reader);
  }

  private written(intent: WriteIntent, { shownBefore }: Asked, zxid: Zxid, err: number, reader: ByteReader): void {
    const outcome = this.world.history.model.outcome(zxid);
    if (outcome?.intent !== intent) throw this.violation(`is told of 0x${zxid.toString(16)}, which is not its write`);
    if (outcome.err !== err) throw this.violation(`is told ${err} of a write that came to ${outcome.err}`);
    if (zxid <= shownBefore) {
      throw this.violation(`wrote 0x${zxid.toString(16)} after 0x${shownBefore.toString(16)} was seen`);
    }
    this.world.totals.writesAcknowledged++;
    if (err !== ERROR.OK) return;
    if (intent.op === OP.create && reader.string() !== outcome.path) throw this.violation("is told another path");
    if (intent.op === OP.setData) this.checkStat(Stat.read(reader), intent.path, zxid);
    if (intent.op === OP.closeSession) this.leave();
  }

  /** Whoever syncs sees all that anybody was shown before. */
  private synced({ shownBefore }: Asked, zxid: Zxid): void {
    this.world.totals.syncsAnswered++;
    if (!this.habits.syncsByRound || zxid >= shownBefore) return;
    throw this.violation(`is synced to 0x${zxid.toString(16)}, after 0x${shownBefore.toString(16)} was seen`);
  }

  private hasRead({ op, path, watch }: Asked, zxid: Zxid, err: number, reader: ByteReader): void {
    const { model } = this.world.history;
    this.world.totals.readsAnswered++;
    if (op === OP.getChildren) {
      const count = reader.int32();
      const names = Array.from({ length: count }, () => `/${reader.string()}`).filter((name) => name !== "/zookeeper");
      const due = model.children(zxid);
      if (names.sort().join() !== due.sort().join()) throw this.violation(`sees [${names}] where [${due}] was due`);
      if (watch) this.watches.add("child", path, zxid);
      return;
    }
    const node = model.node(path, zxid);
    if ((err === ERROR.NONODE) !== (node === undefined) || (err !== ERROR.OK && err !== ERROR.NONODE)) {
      throw this.violation(`is told ${err} of ${path} as of 0x${zxid.toString(16)}`);
    }
    if (watch && (node !== undefined || op === OP.exists)) this.watches.add("data", path, zxid);
    if (node === undefined) return;
    if (op === OP.getData) {
      const data = reader.buffer()?.toString("latin1") ?? "";
      if (data !== node.data) throw this.violation(`reads '${data}' of ${path} where '${node.data}' was due`);
    }
    this.checkStat(Stat.read(reader), path, zxid);
  }

  private checkStat(stat: Stat, path: string, zxid: Zxid): void {
    const node = this.world.history.model.node(path, zxid);
    const same =
      node !== undefined &&
      stat.czxid === node.czxid &&
      stat.mzxid === node.mzxid &&
      stat.version === node.version &&
      stat.ephemeralOwner === node.owner;
    if (!same) throw this.violation(`is shown a Stat of ${path} that it has not as of 0x${zxid.toString(16)}`);
  }

  private write(): void {
    const path = KEYS[randomBelow(this.random, KEYS.length)]!;
    const data = `${this.sessionId} ${this.xid} ${"x".repeat(randomBelow(this.random, PADDING_BYTES_MAX))}`;
    const version = randomBelow(this.random, 4) === 0 ? randomBelow(this.random, 4) : -1;
    const bytes = Buffer.from(data, "latin1");
    const kind = randomBelow(this.random, 10);
    if (kind < 6) {
      this.intend(OP.setData, path, data, version, 0, (writer) =>
        SetDataRequest.write(writer, { path, data: bytes, version }),
      );
    } else if (kind === 6) {
      this.intend(OP.delete, path, "", version, 0, (writer) => DeleteRequest.write(writer, { path, version }));
    } else {
      const flags =
        kind === 7 ? CREATE_MODE.persistent : kind === 8 ? CREATE_MODE.ephemeral : CREATE_MODE.ephemeralSequential;
      const created = flags === CREATE_MODE.ephemeralSequential ? "/s" : path;
      const acl = randomBelow(this.random, 2) === 0 ? OPEN_ACL : this.ownAcl();
      this.intend(OP.create, created, data, -1, flags, (writer) =>
        CreateRequest.write(writer, { path: created, data: bytes, acl, flags }),
      );
    }
  }

  /** As open as the other, but seldom the same list twice. */
  private ownAcl(): readonly Acl[] {
    const id = `10.0.0.${randomBelow(this.random, 256)}`;
    return [{ perms: PERMISSION.read, id: { scheme: "ip", id } }, ...OPEN_ACL];
  }

  private closeSession(): void {
    this.closing = true;
    this.intend(OP.closeSession, "", "", -1, 0, () => undefined);
  }

  private intend(
    op: WriteIntent["op"],
    path: string,
    data: string,
    version: number,
    flags: number,
    write: (writer: ByteWriter) => void,
  ): void {
    const { sessionId, connections: connection } = this;
    const cxid = ++this.xid;
    const intent = { sessionId, cxid, connection, op, path, data, version, flags };
    this.world.history.model.intend(intent);
    this.request(cxid, op, path, false, intent, write);
  }

  private read(): void {
    const watch = randomBelow(this.random, 2) === 0;
    const kind = randomBelow(this.random, 10);
    const op = kind < 6 ? OP.getData : kind < 8 ? OP.exists : OP.getChildren;
    const path = op === OP.getChildren ? "/" : KEYS[randomBelow(this.random, KEYS.length)]!;
    this.request(++this.xid, op, path, watch, undefined, (writer) => PathWatchRequest.write(writer, { path, watch }));
  }

  private sync(): void {
    this.request(++this.xid, OP.sync, "/", false, undefined, (writer) => writer.string("/"));
  }

  private ping(): void {
    this.request(XID.ping, OP.ping, "", false, undefined, () => undefined);
  }

  private request(
    xid: number,
    op: number,
    path: string,
    watch: boolean,
    intent: WriteIntent | undefined,
    write: (writer: ByteWriter) => void,
  ): void {
    const { writer, link } = this;
    assert(link !== undefined, "a client asks over a connection");
    writer.reset();
    writer.int32(xid);
    writer.int32(op);
    write(writer);
    this.asked.push({ xid, op, path, watch, intent, shownBefore: this.world.history.lastZxid });
    link.request(writer.copy());
  }

  private violation(what: string): Violation {
    return new Violation(`client ${this.id} of session 0x${this.sessionId.toString(16)} ${what}`);
  }

  private note(what: string): void {
    this.world.trace.add(this.nowMs, `client ${this.id}`, what);
  }
}
