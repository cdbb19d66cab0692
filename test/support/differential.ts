import assert from "node:assert/strict";
import { ByteReader } from "../../src/base/bytes.js";
import { randomBelow, SeededRandom } from "../../src/base/random.js";
import { empty } from "../../src/jute/codec.js";
import { MultiReadRequest, MultiResponse, type MultiWriteOperation, MultiWriteRequest } from "../../src/jute/multi.js";
import { OP, opName } from "../../src/jute/opcodes.js";
import * as records from "../../src/jute/records.js";
import { type RawReply, RawSession } from "./raw-session.js";

// The same seeded sequence of requests, spoken to two servers; what they answer is brought into one form, in which only
// what may differ between two runs of one server (times, session ids, the order of children) is taken out.

const OPEN: readonly records.Acl[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const ACLS: readonly (readonly records.Acl[] | null)[] = [
  OPEN,
  OPEN,
  OPEN,
  OPEN,
  [{ perms: 1, id: { scheme: "world", id: "anyone" } }],
  [{ perms: 31, id: { scheme: "auth", id: "" } }],
  [{ perms: 31, id: { scheme: "digest", id: "bob:abc" } }],
  [{ perms: 31, id: { scheme: "ip", id: "127.0.0.1" } }],
  [{ perms: 31, id: { scheme: "ip", id: "10.0.0.0/8" } }],
  [{ perms: 15, id: { scheme: "world", id: "somebody" } }],
  [{ perms: 31, id: { scheme: "nosuch", id: "x" } }],
  [],
  null,
];
const NAMES = ["a", "b", "c", "d"];
const ODD_PATHS = [
  "",
  "a",
  "/",
  "//",
  "/a/",
  "/a//b",
  "/./a",
  "/a/..",
  "/zookeeper",
  "/zookeeper/quota",
  "/\u0001",
  "/é",
  "/a\ud800b",
];

export interface Observation {
  readonly step: number;
  readonly what: string;
  readonly answer: string;
}

export interface DifferentialOptions {
  readonly seed: number;
  readonly steps: number;
  readonly sessions: number;
}

type Step = {
  readonly session: number;
  readonly what: string;
  run(session: RawSession): Promise<RawReply>;
  decode: Decode;
};
type Decode = (reader: ByteReader) => unknown;

/** A plan depends on the seed alone, so both servers get the same requests. */
export function planSteps({ seed, steps, sessions }: DifferentialOptions): readonly Step[] {
  const random = new SeededRandom(seed);
  const below = (bound: number): number => randomBelow(random, bound);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
  const path = (): string => {
    if (below(25) === 0) return pick(ODD_PATHS);
    let text = "";
    for (let depth = 1 + below(3); depth > 0; depth--) text += `/${pick(NAMES)}`;
    return text;
  };
  const data = (): Buffer | null => (below(8) === 0 ? null : Buffer.alloc(below(20), "v"));
  const acl = (): readonly records.Acl[] | null => (below(3) === 0 ? pick(ACLS) : OPEN);
  const version = (): number => (below(2) === 0 ? -1 : below(4));
  const flags = (): number => (below(30) === 0 ? 9 : below(4));
  const watch = (): boolean => below(3) === 0;
  const nothing: Decode = () => null;
  const write = (): MultiWriteOperation => {
    switch (below(5)) {
      case 0:
        return { type: OP.delete, request: { path: path(), version: version() } };
      case 1:
        return { type: OP.setData, request: { path: path(), data: data(), version: version() } };
      case 2:
        return { type: OP.check, request: { path: path(), version: version() } };
      case 3:
        return { type: OP.create2, request: { path: path(), data: data(), acl: acl(), flags: flags() } };
      default:
        return { type: OP.create, request: { path: path(), data: data(), acl: acl(), flags: flags() } };
    }
  };
  const step = (): Omit<Step, "session"> => {
    const at = path();
    const kind = below(100);
    if (kind < 22) {
      const body = { path: at, data: data(), acl: acl(), flags: flags() };
      const second = below(2) === 0;
      return {
        what: `${second ? "create2" : "create"} ${JSON.stringify(at)} flags ${body.flags}`,
        run: (session) => session.send(second ? OP.create2 : OP.create, records.CreateRequest, body),
        decode: second ? records.Create2Response.read : records.CreateResponse.read,
      };
    }
    if (kind < 34) {
      const body = { path: at, version: version() };
      return {
        what: `delete ${JSON.stringify(body)}`,
        run: (s) => s.send(OP.delete, records.DeleteRequest, body),
        decode: nothing,
      };
    }
    if (kind < 46) {
      const body = { path: at, data: data(), version: version() };
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.setData, records.SetDataRequest, body);
      return { what: `setData ${at} ${body.version}`, run, decode: records.SetDataResponse.read };
    }
    if (kind < 54) {
      const body = { path: at, watch: watch() };
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.getData, records.GetDataRequest, body);
      return { what: `getData ${JSON.stringify(body)}`, run, decode: records.GetDataResponse.read };
    }
    if (kind < 62) {
      const body = { path: at, watch: watch() };
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.exists, records.ExistsRequest, body);
      return { what: `exists ${JSON.stringify(body)}`, run, decode: records.ExistsResponse.read };
    }
    if (kind < 72) {
      const body = { path: at, watch: watch() };
      const second = below(2) === 0;
      return {
        what: `getChildren${second ? "2" : ""} ${JSON.stringify(body)}`,
        run: (s) => s.send(second ? OP.getChildren2 : OP.getChildren, records.GetChildrenRequest, body),
        decode: second ? records.GetChildren2Response.read : records.GetChildrenResponse.read,
      };
    }
    if (kind < 75) {
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.getACL, records.GetACLRequest, { path: at });
      return { what: `getACL ${at}`, run, decode: records.GetACLResponse.read };
    }
    if (kind < 79) {
      const body = { path: at, acl: acl(), version: version() };
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.setACL, records.SetACLRequest, body);
      return { what: `setACL ${JSON.stringify(body)}`, run, decode: records.SetACLResponse.read };
    }
    if (kind < 89) {
      const operations = Array.from({ length: below(5) }, write);
      return {
        what: `multi ${JSON.stringify(operations)}`,
        run: (s) => s.send(OP.multi, MultiWriteRequest, operations),
        decode: MultiResponse.read,
      };
    }
    if (kind < 91) {
      const operations = [
        { type: OP.getData, request: { path: at, watch: false } },
        { type: OP.getChildren, request: { path: path(), watch: watch() } },
      ] as const;
      return {
        what: `multiRead ${JSON.stringify(operations)}`,
        run: (s) => s.send(OP.multiRead, MultiReadRequest, operations),
        decode: MultiResponse.read,
      };
    }
    if (kind < 93) {
      const run = (s: RawSession): Promise<RawReply> =>
        s.send(OP.getAllChildrenNumber, records.GetAllChildrenNumberRequest, { path: at });
      return { what: `getAllChildrenNumber ${at}`, run, decode: records.GetAllChildrenNumberResponse.read };
    }
    if (kind < 94) {
      const run = (s: RawSession): Promise<RawReply> =>
        s.send(OP.getEphemerals, records.GetEphemeralsRequest, { prefixPath: at });
      return { what: `getEphemerals ${at}`, run, decode: records.GetEphemeralsResponse.read };
    }
    if (kind < 95) {
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.sync, records.SyncRequest, { path: at });
      return { what: `sync ${at}`, run, decode: records.SyncResponse.read };
    }
    if (kind < 96) {
      const body = { type: 0, scheme: "digest", auth: Buffer.from(pick(["bob:secret", "eve:x", "plain"])) };
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.auth, records.AuthPacket, body, -4);
      return { what: `auth ${body.auth.toString()}`, run, decode: nothing };
    }
    if (kind < 98) {
      const body = { path: at, mode: below(2) };
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.addWatch, records.AddWatchRequest, body);
      return { what: `addWatch ${JSON.stringify(body)}`, run, decode: records.ErrorResponse.read };
    }
    if (kind < 99) {
      const body = { path: at, type: 1 + below(3) };
      const op = below(2) === 0 ? OP.removeWatches : OP.checkWatches;
      const run = (s: RawSession): Promise<RawReply> => s.send(op, records.RemoveWatchesRequest, body);
      return { what: `${opName(op)} ${JSON.stringify(body)}`, run, decode: nothing };
    }
    if (below(2) === 0) {
      const list = [at, path()];
      const body = { relativeZxid: below(200), dataWatches: list, existWatches: [path()], childWatches: [path()] };
      const run = (s: RawSession): Promise<RawReply> => s.send(OP.setWatches, records.SetWatches, body, -8);
      return { what: `setWatches ${JSON.stringify(body)}`, run, decode: nothing };
    }
    return { what: "whoAmI", run: (s) => s.send(OP.whoAmI, empty, null), decode: records.WhoAmIResponse.read };
  };
  return Array.from({ length: steps }, () => ({ session: below(sessions), ...step() }));
}

/** Sessions become their number, times become "time" where they are set, children are sorted. */
function normalize(value: unknown, sessionNumbers: ReadonlyMap<bigint, number>): unknown {
  if (value === null || typeof value !== "object")
    return typeof value === "bigint" ? `session ${sessionNumbers.get(value) ?? value}` : value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  if (Array.isArray(value)) return value.map((item) => normalize(item, sessionNumbers));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if ((key === "ctime" || key === "mtime") && item !== 0) return [key, "time"];
      if (key === "ephemeralOwner" && item === 0n) return [key, 0];
      if (key === "children" || key === "ephemerals") return [key, [...(item as string[])].sort()];
      // A hash set upstream, so in no order.
      if (key === "clientInfo") return [key, (item as object[]).map((info) => JSON.stringify(info)).sort()];
      return [key, normalize(item, sessionNumbers)];
    }),
  );
}

/** Runs the plan against a fresh server, one request at a time, and says what it answered and which events came. */
export async function observe(port: number, options: DifferentialOptions): Promise<readonly Observation[]> {
  const sessions: RawSession[] = [];
  const numbers = new Map<bigint, number>();
  for (let index = 0; index < options.sessions; index++) {
    const session = await RawSession.open(port);
    numbers.set(session.connectResponse.sessionId, index);
    sessions.push(session);
  }
  const observations: Observation[] = [];
  const steps = planSteps(options);
  for (const [index, { session: number, what, run, decode }] of steps.entries()) {
    const session = sessions[number]!;
    const reply = await run(session);
    const body =
      reply.err === 0 && reply.body.length > 0
        ? normalize(decode(new ByteReader(reply.body)), numbers)
        : reply.body.length;
    // A ping to everyone puts the events of this step before the next one.
    await Promise.all(sessions.map((other) => other.sendBytes(OP.ping, Buffer.alloc(0), -2)));
    const events = sessions.map((other) =>
      other.events
        .splice(0)
        .map(({ event, zxid }) => `${event.type}/${event.state} ${event.path} @${zxid}`)
        .sort(),
    );
    // A surrogate is malformed UTF-8: Java's decoder puts one replacement for it, Node's one for each of its bytes.
    const answer = JSON.stringify({ zxid: reply.zxid, err: reply.err, body, events }).replace(/\ufffd+/g, "\ufffd");
    observations.push({ step: index, what: `session ${number}: ${what}`, answer });
  }
  for (const session of sessions.slice(1)) await session.sendBytes(OP.closeSession, Buffer.alloc(0));
  const last = sessions[0]!;
  const left = await last.send(OP.getAllChildrenNumber, records.PathRequest, { path: "/" });
  observations.push({
    step: steps.length,
    what: "after the sessions closed",
    answer: JSON.stringify({ zxid: left.zxid, body: left.body.toString("hex") }),
  });
  await last.sendBytes(OP.closeSession, Buffer.alloc(0));
  return observations;
}

export function assertSame(actual: readonly Observation[], expected: readonly Observation[], seed: number): void {
  for (const [index, wanted] of expected.entries()) {
    assert.equal(actual[index]?.answer, wanted.answer, `seed ${seed}, step ${index}: ${wanted.what}`);
  }
}
