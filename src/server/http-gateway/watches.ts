import { ERROR } from "../../jute/errors.js";
import { OP } from "../../jute/opcodes.js";
import { Stat } from "../../jute/records.js";
import type { SessionlessCaller } from "./callers.js";
import type { CorePort } from "./core-port.js";
import { CoreError } from "./core-session.js";
import type { Exchange } from "./exchange.js";
import { GATEWAY_LIMITS } from "./limits.js";
import { Problem } from "./problem.js";
import { EVENTS_TYPE, negotiate } from "./representation.js";
import { allowQuery, flag, znodePath } from "./resource.js";
import type { GatewaySession, GatewaySessions } from "./sessions.js";
import {
  type LastSeen,
  parseEventId,
  type WatchedEvents,
  type WatchedState,
  type WatchOptions,
  WatchStream,
} from "./watch-stream.js";

/** `session` stands in the query as well, since an EventSource sends no headers of one's own. */
const QUERY: ReadonlySet<string> = new Set(["recursive", "events", "session"]);
const TYPES = [EVENTS_TYPE];
const EVENTS: readonly WatchedEvents[] = ["all", "data", "children"];

function watchedEvents(query: ReadonlyMap<string, string>, recursive: boolean): WatchedEvents {
  const asked = query.get("events") ?? "all";
  const events = EVENTS.find((known) => known === asked);
  if (events === undefined) throw new Problem(400, `events '${asked}' is none of ${EVENTS.join(", ")}`, "BADARGUMENTS");
  if (recursive && events === "children")
    throw new Problem(400, "a recursive watch tells of children by their own events", "BADARGUMENTS");
  return events;
}

/** The streams of events that are open. */
export class Watches {
  /** Readers that were cut off since the start, because they did not keep up. */
  cutCount = 0;
  private readonly streams = new Set<WatchStream>();
  private readonly port: CorePort;
  private readonly sessions: GatewaySessions;
  private readonly heart: NodeJS.Timeout;

  constructor(port: CorePort, sessions: GatewaySessions) {
    this.port = port;
    this.sessions = sessions;
    this.heart = setInterval(() => {
      for (const stream of this.streams) stream.heartbeat();
    }, GATEWAY_LIMITS.heartbeatMs);
    this.heart.unref();
  }

  get count(): number {
    return this.streams.size;
  }

  /** Resolves when the stream has ended. */
  async open(exchange: Exchange, caller: SessionlessCaller): Promise<void> {
    const { request, response, resource, ids, address } = exchange;
    const { query } = resource;
    const path = znodePath(resource.rest);
    negotiate(request.headers.accept, TYPES);
    allowQuery(query, QUERY);
    const recursive = flag(query, "recursive");
    const events = watchedEvents(query, recursive);
    const token = query.get("session") ?? request.headers["zookeeper-session"];
    const session = typeof token === "string" ? this.sessions.find(token, ids) : undefined;
    if (this.streams.size >= GATEWAY_LIMITS.streamsMax)
      throw new Problem(503, `there are ${GATEWAY_LIMITS.streamsMax} streams here already`, "THROTTLEDOP");
    const last = await this.lastSeen(request.headers["last-event-id"], caller);
    const ended = new Promise<void>((resolve) => response.on("close", resolve));
    if (response.destroyed) return;
    const stream = this.begin(exchange, caller, { path, recursive, events, address, ids }, last);
    this.streams.add(stream);
    const keeper = session === undefined ? undefined : this.keep(session, stream);
    await ended;
    clearInterval(keeper);
    this.streams.delete(stream);
    if (stream.wasCut) this.cutCount++;
    stream.end();
  }

  end(): void {
    clearInterval(this.heart);
    for (const stream of this.streams) stream.end();
  }

  /** Nothing may come between its steps: what is committed behind the state is told, and nothing before it. */
  private begin(
    exchange: Exchange,
    caller: SessionlessCaller,
    options: WatchOptions,
    last: LastSeen | "unknown" | undefined,
  ): WatchStream {
    // Refused before the head of the answer is sent, and before anything is watched.
    this.stateOf(options.path, caller);
    const stream = new WatchStream(this.port, exchange.response, options);
    exchange.beginStream(EVENTS_TYPE);
    stream.begin(this.stateOf(options.path, caller), last);
    return stream;
  }

  /** Throws CoreError where it may not be read. */
  private stateOf(path: string, caller: SessionlessCaller): WatchedState {
    try {
      return caller.read(
        OP.exists,
        (writer) => {
          writer.string(path);
          writer.bool(false);
        },
        (body, zxid) => ({ stat: Stat.read(body), zxid }),
      );
    } catch (error) {
      if (!(error instanceof CoreError) || error.code !== ERROR.NONODE) throw error;
      return { stat: undefined, zxid: this.port.core.appliedZxid };
    }
  }

  /** A reader that has seen more than this server must not be shown an older state as if it were a newer one. */
  private async lastSeen(
    header: string | readonly string[] | undefined,
    caller: SessionlessCaller,
  ): Promise<LastSeen | "unknown" | undefined> {
    if (header === undefined) return undefined;
    const last = typeof header === "string" ? parseEventId(header) : undefined;
    if (last === undefined) return "unknown";
    const { core } = this.port;
    if (last.zxid > core.appliedZxid) await caller.sync();
    return last.zxid > core.appliedZxid ? "unknown" : last;
  }

  /** An open stream is a sign of life. */
  private keep(session: GatewaySession, stream: WatchStream): NodeJS.Timeout {
    return setInterval(() => {
      if (session.core.state === "over") stream.sessionExpired();
      else session.core.touch().catch(() => {});
    }, session.core.timeoutMs / 3);
  }
}
