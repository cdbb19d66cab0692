import type { ByteReader, ByteWriter } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import { OPEN_ACL } from "../../core/tree/acl-cache.js";
import { pathProblem } from "../../core/tree/paths.js";
import { ERROR } from "../../jute/errors.js";
import { CREATE_MODE, OP } from "../../jute/opcodes.js";
import {
  Create2Response,
  CreateRequest,
  CreateTTLRequest,
  DeleteRequest,
  SetDataRequest,
  Stat,
} from "../../jute/records.js";
import { readBody } from "./body.js";
import { childrenTag, entityTag, isUnchanged, type Precondition, preconditionOf } from "./conditions.js";
import { CoreError } from "./core-session.js";
import type { Caller, Exchange } from "./exchange.js";
import { GATEWAY_LIMITS } from "./limits.js";
import { Problem } from "./problem.js";
import { BYTES_TYPE, JSON_TYPE, negotiate, showZxid, statHeader, statJson } from "./representation.js";
import { allowQuery, flag, resourceOf, znodePath } from "./resource.js";

const READ_QUERY: ReadonlySet<string> = new Set(["sync"]);
const CREATE_QUERY: ReadonlySet<string> = new Set(["mode", "ttl"]);
const SEQUENTIAL_QUERY: ReadonlySet<string> = new Set(["name", "mode", "ttl"]);
const NO_NAMES: ReadonlySet<string> = new Set();
const NODE_TYPES = [BYTES_TYPE, JSON_TYPE];
const CHILDREN_TYPES = [JSON_TYPE];

type Mode = keyof typeof CREATE_MODE;
const PLAIN_MODES: readonly Mode[] = ["persistent", "ephemeral", "container", "persistentWithTTL"];
const SEQUENTIAL_MODES: readonly Mode[] = [
  "persistentSequential",
  "ephemeralSequential",
  "persistentSequentialWithTTL",
];

interface Found {
  readonly data: Buffer | null;
  readonly stat: Stat;
  readonly zxid: Zxid;
}

interface Written {
  readonly path: string;
  readonly stat: Stat;
  readonly zxid: Zxid;
}

interface Creation {
  readonly mode: Mode;
  /** Milliseconds, of a mode with a time to live. */
  readonly ttl: bigint;
}

function readFound(body: ByteReader, zxid: Zxid): Found {
  const data = body.buffer();
  return { data: data === null ? null : Buffer.from(data), stat: Stat.read(body), zxid };
}

function unwatched(path: string): (writer: ByteWriter) => void {
  return (writer) => {
    writer.string(path);
    writer.bool(false);
  };
}

async function readCurrent<T>(
  exchange: Exchange,
  caller: Caller,
  path: string,
  op: number,
  decode: (body: ByteReader, zxid: Zxid) => T,
): Promise<T> {
  const { query } = exchange.resource;
  allowQuery(query, READ_QUERY);
  if (flag(query, "sync")) await caller.sync();
  return caller.read(op, unwatched(path), decode);
}

interface StatHeaders {
  readonly etag: string;
  readonly "zookeeper-stat": string;
  readonly "zookeeper-zxid": string;
}

function headersOf(stat: Stat, zxid: Zxid): StatHeaders {
  return {
    etag: entityTag(stat.version, stat.mzxid),
    "zookeeper-stat": statHeader(stat),
    "zookeeper-zxid": showZxid(zxid),
  };
}

/** What people may store is never to be run as a page of ours. */
const READ_HEADERS = { "cache-control": "no-cache", vary: "Accept", "x-content-type-options": "nosniff" };

export async function getZnode(exchange: Exchange, caller: Caller): Promise<void> {
  const { request, resource } = exchange;
  const path = znodePath(resource.rest);
  const type = negotiate(request.headers.accept, NODE_TYPES);
  const { data, stat, zxid } = await readCurrent(exchange, caller, path, OP.getData, readFound);
  const headers = { ...headersOf(stat, zxid), ...READ_HEADERS };
  if (isUnchanged(request.headers["if-none-match"], headers.etag)) {
    exchange.send(304, headers);
    return;
  }
  const body =
    type === BYTES_TYPE
      ? (data ?? "")
      : `${JSON.stringify({ path, data: data?.toString("base64") ?? null, stat: statJson(stat) })}\n`;
  exchange.send(200, { ...headers, "content-type": type }, body);
}

export async function getChildren(exchange: Exchange, caller: Caller): Promise<void> {
  const { request, resource } = exchange;
  const path = znodePath(resource.rest);
  negotiate(request.headers.accept, CHILDREN_TYPES);
  const { children, stat, zxid } = await readCurrent(exchange, caller, path, OP.getChildren2, (body, replyZxid) => {
    const names: string[] = [];
    for (let left = body.count(4); left > 0; left--) names.push(body.string() ?? "");
    return { children: names, stat: Stat.read(body), zxid: replyZxid };
  });
  const headers = { ...headersOf(stat, zxid), etag: childrenTag(stat.pzxid), ...READ_HEADERS };
  if (isUnchanged(request.headers["if-none-match"], headers.etag)) {
    exchange.send(304, headers);
    return;
  }
  const body = `${JSON.stringify({ path, children, stat: statJson(stat) })}\n`;
  exchange.send(200, { ...headers, "content-type": JSON_TYPE }, body);
}

function creationOf({ resource }: Exchange, caller: Caller, modes: readonly Mode[]): Creation {
  const asked = resource.query.get("mode") ?? modes[0];
  const mode = modes.find((known) => known === asked);
  if (mode === undefined) throw new Problem(400, `mode '${asked}' is none of ${modes.join(", ")}`, "BADARGUMENTS");
  if (mode.startsWith("ephemeral") && !caller.hasSession)
    throw new Problem(
      400,
      "an ephemeral znode needs a session: POST /sessions, then the header ZooKeeper-Session",
      "BADARGUMENTS",
    );
  const ttl = resource.query.get("ttl");
  if (mode.endsWith("WithTTL") !== (ttl !== undefined))
    throw new Problem(400, "ttl, in milliseconds, goes with a mode that has one, and with no other", "BADARGUMENTS");
  if (ttl !== undefined && !/^[1-9]\d{0,12}$/.test(ttl))
    throw new Problem(400, `ttl '${ttl}' is not a number of milliseconds`, "BADARGUMENTS");
  return { mode, ttl: BigInt(ttl ?? -1) };
}

function create(caller: Caller, path: string, data: Buffer, { mode, ttl }: Creation): Promise<Written> {
  const request = { path, data, acl: OPEN_ACL, flags: CREATE_MODE[mode] };
  const op = mode === "container" ? OP.createContainer : mode.endsWith("WithTTL") ? OP.createTTL : OP.create2;
  return caller.write(
    op,
    (writer) => {
      if (op === OP.createTTL) CreateTTLRequest.write(writer, { ...request, ttl });
      else CreateRequest.write(writer, request);
    },
    (body, zxid) => ({ ...Create2Response.read(body), zxid }),
  );
}

function setData(caller: Caller, path: string, data: Buffer, version: number): Promise<Written> {
  return caller.write(
    OP.setData,
    (writer) => SetDataRequest.write(writer, { path, data, version }),
    (body, zxid) => ({ path, stat: Stat.read(body), zxid }),
  );
}

function isError(error: unknown, code: number): boolean {
  return error instanceof CoreError && error.code === code;
}

/** Whoever comes in between, one of the two finds what it needs. */
async function setOrCreate(
  caller: Caller,
  path: string,
  data: Buffer,
): Promise<{ written: Written; created: boolean }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { written: await setData(caller, path, data, -1), created: false };
    } catch (error) {
      if (!isError(error, ERROR.NONODE)) throw error;
    }
    try {
      const written = await create(caller, path, data, { mode: "persistent", ttl: -1n });
      return { written, created: true };
    } catch (error) {
      if (!isError(error, ERROR.NODEEXISTS) || attempt === GATEWAY_LIMITS.putAttemptsMax) throw error;
    }
  }
}

/** ZooKeeper's refusal, where the request itself said what it depends on: the precondition failed (RFC 9110, 13.1). */
async function under<T>(precondition: Precondition, path: string, write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (precondition.kind === "absent" && isError(error, ERROR.NODEEXISTS))
      throw new Problem(412, "the znode is there already", "NODEEXISTS", {}, { path });
    if (precondition.kind !== "none" && isError(error, ERROR.NONODE))
      throw new Problem(412, "there is no such znode", "NONODE", {}, { path });
    throw error;
  }
}

/**
 * Versions begin anew with a znode that is created again. Where the tag of a write tells the very change it is about, a later
 * one is found here; one that comes between here and the decision, with the same version, is not, as ZooKeeper itself
 * compares versions only. A server that lags behind may not know the change yet, and leaves it to the decision.
 */
async function checkChange(caller: Caller, path: string, precondition: Precondition): Promise<void> {
  if (precondition.kind !== "version" || precondition.mzxid === undefined) return;
  let stat: Stat;
  try {
    stat = await caller.read(OP.exists, unwatched(path), (body) => Stat.read(body));
  } catch (error) {
    if (isError(error, ERROR.NONODE)) return;
    throw error;
  }
  if (stat.mzxid > precondition.mzxid) throw new Problem(412, "the znode has changed", "BADVERSION", {}, { path });
}

function versionOf(precondition: Precondition): number {
  return precondition.kind === "version" ? precondition.version : -1;
}

function sendWritten(exchange: Exchange, { path, stat, zxid }: Written, created: boolean, type: string): void {
  const headers = {
    ...headersOf(stat, zxid),
    ...(created ? { location: resourceOf("znodes", path) } : {}),
  };
  if (type === BYTES_TYPE) exchange.send(created ? 201 : 204, headers, created ? "" : undefined);
  else {
    const body = `${JSON.stringify({ path, stat: statJson(stat) })}\n`;
    exchange.send(created ? 201 : 200, { ...headers, "content-type": JSON_TYPE }, body);
  }
}

export async function putZnode(exchange: Exchange, caller: Caller, bodyBytesMax: number): Promise<void> {
  const { request, resource } = exchange;
  const path = znodePath(resource.rest);
  const type = negotiate(request.headers.accept, NODE_TYPES);
  const precondition = preconditionOf(request.headers["if-match"], request.headers["if-none-match"]);
  const creates = precondition.kind === "absent";
  if (!creates && resource.query.size > 0)
    throw new Problem(400, "a mode is for what is created: add If-None-Match: *", "BADARGUMENTS");
  allowQuery(resource.query, CREATE_QUERY);
  const creation = creationOf(exchange, caller, PLAIN_MODES);
  const data = await readBody(request, bodyBytesMax);
  if (precondition.kind === "none") {
    const { written, created } = await setOrCreate(caller, path, data);
    sendWritten(exchange, written, created, type);
    return;
  }
  await checkChange(caller, path, precondition);
  const write = creates ? create(caller, path, data, creation) : setData(caller, path, data, versionOf(precondition));
  sendWritten(exchange, await under(precondition, path, write), creates, type);
}

export async function postZnode(exchange: Exchange, caller: Caller, bodyBytesMax: number): Promise<void> {
  const { request, resource } = exchange;
  const parent = znodePath(resource.rest);
  const type = negotiate(request.headers.accept, NODE_TYPES);
  allowQuery(resource.query, SEQUENTIAL_QUERY);
  const name = resource.query.get("name") ?? "";
  const path = `${parent === "/" ? "" : parent}/${name}`;
  const problem = name.includes("/") ? "name holds a slash" : pathProblem(`${path}0`);
  if (problem !== undefined) throw new Problem(400, problem, "BADARGUMENTS", {}, { path });
  const creation = creationOf(exchange, caller, SEQUENTIAL_MODES);
  const data = await readBody(request, bodyBytesMax);
  sendWritten(exchange, await create(caller, path, data, creation), true, type);
}

export async function deleteZnode(exchange: Exchange, caller: Caller): Promise<void> {
  const { request, resource } = exchange;
  const path = znodePath(resource.rest);
  allowQuery(resource.query, NO_NAMES);
  const precondition = preconditionOf(request.headers["if-match"], request.headers["if-none-match"]);
  if (precondition.kind === "absent")
    throw new Problem(400, "If-None-Match: * asks for what a DELETE cannot do", "BADARGUMENTS");
  await checkChange(caller, path, precondition);
  const zxid = await under(
    precondition,
    path,
    caller.write(
      OP.delete,
      (writer) => DeleteRequest.write(writer, { path, version: versionOf(precondition) }),
      (_body, replyZxid) => replyZxid,
    ),
  );
  exchange.send(204, { "zookeeper-zxid": showZxid(zxid) });
}
