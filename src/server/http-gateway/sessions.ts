import { randomBytes } from "node:crypto";
import { z } from "zod";
import { formatSessionId } from "../../core/session/session-id.js";
import { OP } from "../../jute/opcodes.js";
import { GetEphemeralsRequest, GetEphemeralsResponse, type Id } from "../../jute/records.js";
import { readJson } from "./body.js";
import type { CorePort } from "./core-port.js";
import { CoreSession } from "./core-session.js";
import type { Exchange } from "./exchange.js";
import { sameIds } from "./identity.js";
import { GATEWAY_LIMITS } from "./limits.js";
import { Problem } from "./problem.js";
import { JSON_TYPE } from "./representation.js";
import { allowQuery } from "./resource.js";
import { checked } from "./schema.js";

const SESSION_TIMEOUT_MS_DEFAULT = 30_000;
const SESSION_BODY_BYTES_MAX = 4_096;
const NO_NAMES: ReadonlySet<string> = new Set();

const SessionBody = z.strictObject({
  timeoutMs: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .default(SESSION_TIMEOUT_MS_DEFAULT),
});

/** A session of the core that belongs to an HTTP client. */
export interface GatewaySession {
  /** What its resource is called; who knows it and is the same client may use the session. */
  readonly token: string;
  readonly core: CoreSession;
  /** Who opened it, and whose name everything in it is done in. */
  readonly ids: readonly Id[];
}

const GONE = "the session expired, was closed, or never was at this server";

/**
 * The sessions that HTTP clients opened here. They live and end as the core's do: by requests in them, by PUT and by open
 * streams they go on; without any of these they expire.
 */
export class GatewaySessions {
  private readonly sessions = new Map<string, GatewaySession>();
  private readonly port: CorePort;

  constructor(port: CorePort) {
    this.port = port;
  }

  get count(): number {
    return this.sessions.size;
  }

  /** Throws Problem. */
  find(token: string, ids: readonly Id[]): GatewaySession {
    const session = this.sessions.get(token);
    if (session === undefined) throw new Problem(410, GONE, "SESSIONEXPIRED");
    if (!sameIds(session.ids, ids)) throw new Problem(403, "the session belongs to another client", "NOAUTH");
    return session;
  }

  /** Throws CoreError, and Problem where there are too many. */
  async open(timeoutMs: number, address: string, ids: readonly Id[]): Promise<GatewaySession> {
    if (this.sessions.size >= GATEWAY_LIMITS.sessionsMax) {
      throw new Problem(503, `there are ${GATEWAY_LIMITS.sessionsMax} sessions here already`, "THROTTLEDOP");
    }
    // Session ids can be guessed, and so can their passwords.
    const token = randomBytes(16).toString("base64url");
    const onExpired = (): void => void this.sessions.delete(token);
    const core = new CoreSession(this.port, { timeoutMs, remoteAddress: address, permanent: false, onExpired });
    const session: GatewaySession = { token, core, ids };
    this.sessions.set(token, session);
    try {
      await core.whenOpen(GATEWAY_LIMITS.serveWaitMs);
    } catch (error) {
      this.sessions.delete(token);
      core.end();
      throw error;
    }
    return session;
  }

  async close(session: GatewaySession): Promise<void> {
    this.sessions.delete(session.token);
    await session.core.close();
  }

  /** The server ends. The sessions go on to their timeouts, as those of clients that lost their server do. */
  end(): void {
    for (const { core } of this.sessions.values()) core.end();
    this.sessions.clear();
  }
}

function representation({ token, core }: GatewaySession, ephemerals: readonly string[]): string {
  const { id, timeoutMs } = core;
  return `${JSON.stringify({ session: token, sessionId: formatSessionId(id), timeoutMs, ephemerals })}\n`;
}

/** What follows `/sessions/`. */
function tokenOf({ resource }: Exchange): string {
  return resource.rest.slice(1);
}

export async function openSession(exchange: Exchange, sessions: GatewaySessions): Promise<void> {
  allowQuery(exchange.resource.query, NO_NAMES);
  const body = await readJson(exchange.request, SESSION_BODY_BYTES_MAX);
  const { timeoutMs } = checked(SessionBody, body === undefined ? {} : body);
  const session = await sessions.open(timeoutMs, exchange.address, exchange.ids);
  exchange.send(
    201,
    { "content-type": JSON_TYPE, "cache-control": "no-store", location: `/sessions/${session.token}` },
    representation(session, []),
  );
}

export async function getSession(exchange: Exchange, sessions: GatewaySessions): Promise<void> {
  allowQuery(exchange.resource.query, NO_NAMES);
  const session = sessions.find(tokenOf(exchange), exchange.ids);
  await session.core.whenOpen(GATEWAY_LIMITS.serveWaitMs);
  const { ephemerals } = await session.core.request(
    OP.getEphemerals,
    (writer) => GetEphemeralsRequest.write(writer, { prefixPath: null }),
    (body) => GetEphemeralsResponse.read(body),
    session.ids,
  );
  exchange.send(200, { "content-type": JSON_TYPE, "cache-control": "no-store" }, representation(session, ephemerals));
}

export async function keepSession(exchange: Exchange, sessions: GatewaySessions): Promise<void> {
  allowQuery(exchange.resource.query, NO_NAMES);
  const session = sessions.find(tokenOf(exchange), exchange.ids);
  await session.core.whenOpen(GATEWAY_LIMITS.serveWaitMs);
  await session.core.touch();
  exchange.send(204, {});
}

export async function closeSession(exchange: Exchange, sessions: GatewaySessions): Promise<void> {
  allowQuery(exchange.resource.query, NO_NAMES);
  const session = sessions.find(tokenOf(exchange), exchange.ids);
  await session.core.whenOpen(GATEWAY_LIMITS.serveWaitMs);
  await sessions.close(session);
  exchange.send(204, {});
}
