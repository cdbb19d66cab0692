import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { Problem } from "./problem.js";

export interface OriginRules {
  /** Names beside `localhost` and addresses by which this server may be called, in lower case. */
  readonly allowedHosts: ReadonlySet<string>;
  /** Origins whose pages may use the gateway, such as `https://console.example`. */
  readonly allowedOrigins: ReadonlySet<string>;
}

/** The host of a Host header, without port and brackets, in lower case; undefined where it cannot be one. */
function hostName(header: string): string | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/?#@[\]]+))(?::\d{1,5})?$/.exec(header);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/**
 * A page of another site cannot read our answers, but where its own name is made to lead here (DNS rebinding) the browser
 * takes us for that site, and asks in its name. An address cannot be rebound.
 */
export function checkHost(request: IncomingMessage, { allowedHosts }: OriginRules): void {
  const header = request.headers.host ?? "";
  const host = hostName(header);
  if (host !== undefined && (host === "localhost" || isIP(host) !== 0 || allowedHosts.has(host))) return;
  throw new Problem(421, `'${header}' is not this server's name; httpGateway.allowedHosts lists the names it goes by`);
}

/**
 * A browser sends a simple POST of any page before it asks whether it may, so a page that is not named is refused, not only
 * kept from reading. Returns the headers that let a named one read the answer.
 */
export function checkOrigin(
  request: IncomingMessage,
  { allowedOrigins }: OriginRules,
): Readonly<Record<string, string>> | undefined {
  const { origin } = request.headers;
  if (origin === undefined) return undefined;
  if (!allowedOrigins.has(origin))
    throw new Problem(
      403,
      `pages of ${origin} may not use this server; httpGateway.allowedOrigins lists those that may`,
    );
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "ETag, Location, ZooKeeper-Stat, ZooKeeper-Zxid",
    vary: "Origin",
  };
}

/** What a page may send, once it is allowed to ask (CORS preflight). */
export const PREFLIGHT_HEADERS = {
  "access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE",
  "access-control-allow-headers": "Accept, Content-Type, If-Match, If-None-Match, Last-Event-ID, ZooKeeper-Session",
  "access-control-max-age": "600",
} as const;
