import type { IncomingMessage } from "node:http";
import { Problem } from "./problem.js";

/** Whoever sent it and we may not agree on where it ends: nothing that follows it on its connection is to be believed. */
export const CLOSE = { connection: "close" } as const;

function malformed(detail: string): Problem {
  return new Problem(400, detail, undefined, CLOSE);
}

function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at]!;
    if (given.length === name.length && given.toLowerCase() === name) count++;
  }
  return count;
}

/**
 * What RFC 9112 has a server refuse and Node's parser lets through. Two Host headers (3.2): a proxy before us may go by the
 * other one. A transfer coding beside chunked (6.1), or any in HTTP/1.0: the body would be taken as it is. Throws Problem.
 */
export function checkFraming(request: IncomingMessage): void {
  const { headers, rawHeaders, httpVersionMajor, httpVersionMinor } = request;
  if (httpVersionMajor !== 1 || httpVersionMinor > 1) throw malformed("this is a server of HTTP/1.1");
  if (countOf(rawHeaders, "host") > 1) throw malformed("the request has more than one Host header");
  const coding = headers["transfer-encoding"];
  if (coding === undefined) return;
  if (httpVersionMinor === 0) throw malformed("HTTP/1.0 has no transfer codings");
  if (coding.toLowerCase() !== "chunked") throw malformed(`the transfer coding '${coding}' is not taken: chunked is`);
}
