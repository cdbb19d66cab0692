import { formatZxid, type Zxid } from "../../base/zxid.js";
import { formatSessionId } from "../../core/session/session-id.js";
import type { Stat } from "../../jute/records.js";
import { Problem } from "./problem.js";

/** Zxids and sessions have 64 bits, which a JSON number does not keep: they are hexadecimal strings, as ZooKeeper prints them. */
export interface StatRepresentation {
  readonly czxid: string;
  readonly mzxid: string;
  readonly pzxid: string;
  /** Milliseconds since 1970. */
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** `0x0` of a znode that no session owns. */
  readonly ephemeralOwner: string;
  readonly dataLength: number;
  readonly numChildren: number;
}

export function showZxid(zxid: Zxid): string {
  return `0x${formatZxid(zxid)}`;
}

export function statJson(stat: Stat): StatRepresentation {
  const { ctime, mtime, version, cversion, aversion, dataLength, numChildren } = stat;
  return {
    czxid: showZxid(stat.czxid),
    mzxid: showZxid(stat.mzxid),
    pzxid: showZxid(stat.pzxid),
    ctime,
    mtime,
    version,
    cversion,
    aversion,
    ephemeralOwner: formatSessionId(stat.ephemeralOwner),
    dataLength,
    numChildren,
  };
}

/** The same as one header: a dictionary of structured fields (RFC 8941). */
export function statHeader(stat: Stat): string {
  return (
    `czxid="${showZxid(stat.czxid)}", mzxid="${showZxid(stat.mzxid)}", pzxid="${showZxid(stat.pzxid)}", ` +
    `ctime=${stat.ctime}, mtime=${stat.mtime}, version=${stat.version}, cversion=${stat.cversion}, ` +
    `aversion=${stat.aversion}, ephemeralOwner="${formatSessionId(stat.ephemeralOwner)}", ` +
    `dataLength=${stat.dataLength}, numChildren=${stat.numChildren}`
  );
}

export const BYTES_TYPE = "application/octet-stream";
export const JSON_TYPE = "application/json";
export const EVENTS_TYPE = "text/event-stream";
export const PROBLEM_TYPE = "application/problem+json";

/** How much a client wants `type`: 0 is not at all. The most specific range counts (RFC 9110, 12.5.1). */
function quality(ranges: readonly string[], type: string): number {
  let specificity = -1;
  let result = 0;
  for (const range of ranges) {
    const [name, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const matches = name === type ? 2 : name === `${type.split("/")[0]}/*` ? 1 : name === "*/*" ? 0 : -1;
    if (matches <= specificity) continue;
    specificity = matches;
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    result = weight === undefined ? 1 : Number(weight.slice(2)) || 0;
  }
  return result;
}

/** The one of `types` that the client likes best, the first of equals. Throws Problem 406 where it takes none. */
export function negotiate(accept: string | undefined, types: readonly string[]): string {
  if (accept === undefined || accept === "*/*") return types[0]!;
  if (types.includes(accept)) return accept;
  const ranges = accept.split(",");
  let best: string | undefined;
  let bestQuality = 0;
  for (const type of types) {
    const wanted = quality(ranges, type);
    if (wanted <= bestQuality) continue;
    best = type;
    bestQuality = wanted;
  }
  if (best === undefined) throw new Problem(406, `there is ${types.join(", ")} to accept`);
  return best;
}
