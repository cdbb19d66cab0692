import { SessionCaller, type SessionlessCaller } from "./callers.js";
import type { Caller, Exchange } from "./exchange.js";
import { GATEWAY_LIMITS } from "./limits.js";
import { postMulti } from "./multi.js";
import { OPENAPI_TEXT } from "./openapi.js";
import { Problem } from "./problem.js";
import { JSON_TYPE } from "./representation.js";
import { closeSession, type GatewaySessions, getSession, keepSession, openSession } from "./sessions.js";
import type { Watches } from "./watches.js";
import { deleteZnode, getChildren, getZnode, postZnode, putZnode } from "./znodes.js";

/** What the handlers work with. */
export interface Services {
  readonly sessions: GatewaySessions;
  readonly watches: Watches;
  /** What a znode may hold, in bytes. */
  readonly bodyBytesMax: number;
}

type Handler = (exchange: Exchange, caller: SessionlessCaller, services: Services) => Promise<void>;

export interface Route {
  /** As the description names it: what stands in braces is the rest of the path. */
  readonly template: string;
  readonly family: string;
  /** Whether the rest has to be there, may be, or may not. */
  readonly rest: "needed" | "optional" | "none";
  readonly methods: Readonly<Partial<Record<string, Handler>>>;
  /** The answer needs no server that serves. */
  readonly isStatic?: true;
}

/** In the client's own session where it names one. */
function inSession(handler: (exchange: Exchange, caller: Caller, bodyBytesMax: number) => Promise<void>): Handler {
  return async (exchange, caller, { sessions, bodyBytesMax }) => {
    const token = exchange.request.headers["zookeeper-session"];
    if (token === undefined) {
      await handler(exchange, caller, bodyBytesMax);
      return;
    }
    const session = sessions.find(String(token), exchange.ids);
    await session.core.whenOpen(GATEWAY_LIMITS.serveWaitMs);
    await handler(exchange, new SessionCaller(session), bodyBytesMax);
  };
}

const onSession =
  (handler: (exchange: Exchange, sessions: GatewaySessions) => Promise<void>): Handler =>
  (exchange, _caller, { sessions }) =>
    handler(exchange, sessions);

/** Every resource there is, and what can be done with it. */
export const ROUTES: readonly Route[] = [
  {
    template: "/znodes/{path}",
    family: "znodes",
    rest: "optional",
    methods: {
      GET: inSession(getZnode),
      HEAD: inSession(getZnode),
      PUT: inSession(putZnode),
      POST: inSession(postZnode),
      DELETE: inSession(deleteZnode),
    },
  },
  {
    template: "/children/{path}",
    family: "children",
    rest: "optional",
    methods: { GET: inSession(getChildren), HEAD: inSession(getChildren) },
  },
  {
    template: "/watches/{path}",
    family: "watches",
    rest: "optional",
    methods: { GET: (exchange, caller, { watches }) => watches.open(exchange, caller) },
  },
  { template: "/multi", family: "multi", rest: "none", methods: { POST: inSession(postMulti) } },
  { template: "/sessions", family: "sessions", rest: "none", methods: { POST: onSession(openSession) } },
  {
    template: "/sessions/{session}",
    family: "sessions",
    rest: "needed",
    methods: { GET: onSession(getSession), PUT: onSession(keepSession), DELETE: onSession(closeSession) },
  },
  {
    template: "/openapi.json",
    family: "openapi.json",
    rest: "none",
    isStatic: true,
    methods: { GET: async (exchange) => exchange.send(200, { "content-type": JSON_TYPE }, OPENAPI_TEXT) },
  },
];

/** Throws Problem 404. */
export function routeOf(family: string, rest: string): Route {
  for (const route of ROUTES) {
    if (route.family !== family) continue;
    if (route.rest === "optional" || (route.rest === "needed") === rest.length > 1) return route;
  }
  const families = [...new Set(ROUTES.map(({ template }) => template))].join(", ");
  throw new Problem(404, `no such resource; there is ${families}`);
}

/** Throws Problem 405. */
export function handlerOf(route: Route, method: string): Handler {
  const handler = Object.hasOwn(route.methods, method) ? route.methods[method] : undefined;
  if (handler !== undefined) return handler;
  const allow = Object.keys(route.methods).join(", ");
  throw new Problem(405, `${route.template} takes ${allow}`, undefined, { allow });
}
