import type { ServerResponse } from "node:http";
import { ByteReader, getInt32 } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import { ClientConnection } from "../../core/request/client-connection.js";
import { EVENT_TYPE } from "../../jute/opcodes.js";
import { type Id, type Stat, WatcherEvent } from "../../jute/records.js";
import type { ConnectionHolder, CorePort } from "./core-port.js";
import { GATEWAY_LIMITS } from "./limits.js";
import { showZxid, statJson } from "./representation.js";

/** A child that came or went is `children`, anything else `data`. */
export type WatchedEvents = "all" | "data" | "children";

export interface WatchOptions {
  readonly path: string;
  /** Everything below as well; then changed children are told of by the events of the children themselves. */
  readonly recursive: boolean;
  readonly events: WatchedEvents;
  readonly address: string;
  readonly ids: readonly Id[];
}

/** The znode as it is when the watch begins. */
export interface WatchedState {
  /** Undefined where there is none. */
  readonly stat: Stat | undefined;
  readonly zxid: Zxid;
}

/** Where a reader stopped: everything up to this zxid it has seen, and whether there was a znode then. */
export interface LastSeen {
  readonly zxid: Zxid;
  readonly exists: boolean;
}

type EventName = "nodeCreated" | "nodeDeleted" | "nodeDataChanged" | "nodeChildrenChanged";

const EVENT_NAMES = new Map<number, EventName>([
  [EVENT_TYPE.nodeCreated, "nodeCreated"],
  [EVENT_TYPE.nodeDeleted, "nodeDeleted"],
  [EVENT_TYPE.nodeDataChanged, "nodeDataChanged"],
  [EVENT_TYPE.nodeChildrenChanged, "nodeChildrenChanged"],
]);
const ABSENT = "-absent";

/** What a reader sends back as Last-Event-ID. */
function eventId({ zxid, exists }: LastSeen): string {
  return `${showZxid(zxid)}${exists ? "" : ABSENT}`;
}

/** Undefined where this server never wrote such an id. */
export function parseEventId(text: string): LastSeen | undefined {
  const match = /^0x([0-9a-f]{1,14})(-absent)?$/.exec(text);
  if (match === null) return undefined;
  return { zxid: Number.parseInt(match[1]!, 16), exists: match[2] === undefined };
}

interface Change {
  readonly type: EventName;
  readonly path: string;
  /** Undefined of a change that can only be inferred. */
  readonly zxid: Zxid | undefined;
  /** It came while the reader was away, perhaps as one of several. */
  readonly missed?: true;
}

/** What happened to the znode itself since then, each kind of change once: what was in between is not kept anywhere. */
export function changesSince(last: LastSeen, { stat }: WatchedState, path: string): readonly Change[] {
  if (stat === undefined) return last.exists ? [{ type: "nodeDeleted", path, zxid: undefined, missed: true }] : [];
  const changes: Change[] = [];
  const renewed = stat.czxid > last.zxid;
  if (renewed && last.exists) changes.push({ type: "nodeDeleted", path, zxid: undefined, missed: true });
  if (renewed || !last.exists) changes.push({ type: "nodeCreated", path, zxid: stat.czxid, missed: true });
  const since = Math.max(last.zxid, stat.czxid);
  if (stat.mzxid > since) changes.push({ type: "nodeDataChanged", path, zxid: stat.mzxid, missed: true });
  if (stat.pzxid > since) changes.push({ type: "nodeChildrenChanged", path, zxid: stat.pzxid, missed: true });
  return changes;
}

function block(event: string, data: unknown, id: string | undefined): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * A watch as server-sent events. The first is `state`, the znode as it is; then one for each change, in order, none left out:
 * the watch is set before the state is read, in one step of the core. An id is that of the transaction, and stands at its
 * last event that is shown only, so that who comes back with it has seen the transaction whole, and nothing of it twice.
 */
export class WatchStream implements ConnectionHolder {
  private readonly port: CorePort;
  private readonly options: WatchOptions;
  private readonly response: ServerResponse;
  private readonly connection: ClientConnection;
  private readonly reader: ByteReader;
  private exists = false;
  private ended = false;
  /** The reader did not keep up, and was cut off. */
  wasCut = false;

  constructor(port: CorePort, response: ServerResponse, options: WatchOptions) {
    this.port = port;
    this.options = options;
    this.response = response;
    this.reader = new ByteReader(Buffer.alloc(0), 0, 0, 2 ** 31 - 1);
    this.connection = new ClientConnection(options.address, 0, performance.now());
    this.connection.ids = options.ids;
    port.hold(this.connection, this);
    port.core.watch(this.connection, options.path, options.recursive ? "persistentRecursive" : "persistent");
  }

  /**
   * To be called in the turn in which the stream was made. `last` is where the reader stopped, undefined for a new one;
   * `unknown` if it came with an id that says nothing here.
   */
  begin(state: WatchedState, last: LastSeen | "unknown" | undefined): void {
    const { path, recursive } = this.options;
    this.exists = state.stat !== undefined;
    const changes =
      last === undefined || last === "unknown" || recursive
        ? []
        : changesSince(last, state, path).filter(({ type }) => this.isWanted(type));
    const gap = last === "unknown" || (recursive && last !== undefined && last.zxid < state.zxid);
    const resumed = last === undefined ? {} : { resumed: true, gap };
    const stat = state.stat === undefined ? {} : { stat: statJson(state.stat) };
    const data = { path, exists: this.exists, zxid: showZxid(state.zxid), ...resumed, ...stat };
    const id = eventId({ zxid: state.zxid, exists: this.exists });
    let text = `retry: ${GATEWAY_LIMITS.streamRetryMs}\n${block("state", data, changes.length === 0 ? id : undefined)}`;
    for (const [index, change] of changes.entries()) {
      text += this.blockOf(change, index === changes.length - 1 ? id : undefined);
    }
    this.write(text);
  }

  flushed(): void {
    const { connection, reader } = this;
    const { output } = connection;
    const changes: Change[] = [];
    for (let at = 0; at < output.offset; ) {
      const start = at + 4;
      at = start + getInt32(output.bytes, at);
      reader.over(output.bytes, start, at);
      // The xid says that it is an event, and there is no other reply to a watch.
      reader.advance(4);
      const zxid = reader.safeInt64();
      reader.advance(4);
      const { type, path } = WatcherEvent.read(reader);
      const name = EVENT_NAMES.get(type);
      if (name !== undefined) changes.push({ type: name, path, zxid });
    }
    output.resetKeeping(GATEWAY_LIMITS.outputKeptBytesMax);
    if (changes.length > 0) this.tell(changes);
    if (connection.phase === "closing") this.end();
  }

  /**
   * What the filter left out, and what happened elsewhere, moves the reader on as well: it is not to be asked for again, and
   * a recursive watch has no gap where nothing happened. An id without data is taken, and no event is made of it.
   */
  heartbeat(): void {
    // What the core has written and not flushed is older than where it stands.
    this.flushed();
    const zxid = this.port.core.appliedZxid;
    this.write(`: alive\nid: ${eventId({ zxid, exists: this.exists })}\n\n`);
  }

  /** The session that the stream was opened in is over. */
  sessionExpired(): void {
    this.write(block("sessionExpired", { path: this.options.path }, undefined));
    this.end();
  }

  /** The reader may come back, and be told what it missed. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.port.release(this.connection);
    this.response.end();
  }

  private tell(changes: readonly Change[]): void {
    let text = "";
    // Before the ids are given: the last event of a transaction may be one that is left out.
    const wanted = changes.filter(({ type }) => this.isWanted(type));
    for (const [index, change] of wanted.entries()) {
      if (change.path === this.options.path) {
        if (change.type === "nodeCreated") this.exists = true;
        else if (change.type === "nodeDeleted") this.exists = false;
      }
      const isLast = wanted[index + 1]?.zxid !== change.zxid;
      const id = isLast ? eventId({ zxid: change.zxid!, exists: this.exists }) : undefined;
      text += this.blockOf(change, id);
    }
    if (text !== "") this.write(text);
  }

  private blockOf({ type, path, zxid, missed }: Change, id: string | undefined): string {
    const shown = zxid === undefined ? null : showZxid(zxid);
    return block(type, { type, path, zxid: shown, ...(missed ? { missed } : {}) }, id);
  }

  private isWanted(type: EventName): boolean {
    switch (this.options.events) {
      case "all":
        return true;
      case "data":
        return type !== "nodeChildrenChanged";
      case "children":
        return type !== "nodeDataChanged";
    }
  }

  private write(text: string): void {
    if (this.ended) return;
    const { response } = this;
    if (response.writableLength <= GATEWAY_LIMITS.streamUnsentBytesMax) {
      response.write(text);
      return;
    }
    this.wasCut = true;
    this.end();
    response.destroy();
  }
}
