import fc from "fast-check";
import { type Codec, empty } from "../../src/jute/codec.js";
import { MultiReadRequest, MultiResponse, MultiWriteRequest } from "../../src/jute/multi.js";
import { OP } from "../../src/jute/opcodes.js";
import * as records from "../../src/jute/records.js";

// A value of every record of the client protocol, for property tests.

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const safeLong = fc.maxSafeInteger();
const zxid = fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 2 ** 53 - 1 }));
const bool = fc.boolean();
/** Of characters up to U+FFFF without surrogates: only those come back as they were, see test/base/bytes.test.ts. */
export const text = fc.string({
  unit: fc
    .oneof(
      fc.integer({ min: 0, max: 0x7f }),
      fc.integer({ min: 0x80, max: 0xd7ff }),
      fc.integer({ min: 0xe000, max: 0xffff }),
    )
    .map((unit) => String.fromCharCode(unit)),
  maxLength: 12,
});
const nullableText = fc.option(text);
const bytes = fc.option(fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value)));
const texts = fc.array(text, { maxLength: 4 });

const Acl = fc.record({ perms: int, id: fc.record({ scheme: nullableText, id: nullableText }) });
const acl = fc.option(fc.array(Acl, { maxLength: 3 }));
const stat = fc.record({
  czxid: zxid,
  mzxid: zxid,
  ctime: safeLong,
  mtime: safeLong,
  version: int,
  cversion: int,
  aversion: int,
  ephemeralOwner: long,
  dataLength: int,
  numChildren: int,
  pzxid: zxid,
});
const create = { path: text, data: bytes, acl, flags: int };
const watch = fc.record({ path: text, watch: bool });
const version = fc.record({ path: text, version: int });
const watches = { relativeZxid: zxid, dataWatches: texts, existWatches: texts, childWatches: texts };
/** Undefined stands for a field that is absent at the end of the record, so it must not be generated there. */
const readOnly = fc.boolean();

const operation = fc.oneof(
  fc.record({ type: fc.constantFrom(OP.create, OP.create2, OP.createContainer), request: fc.record(create) }),
  fc.record({ type: fc.constant(OP.createTTL), request: fc.record({ ...create, ttl: long }) }),
  fc.record({ type: fc.constantFrom(OP.delete, OP.check), request: version }),
  fc.record({ type: fc.constant(OP.setData), request: fc.record({ path: text, data: bytes, version: int }) }),
);
const readOperation = fc.record({ type: fc.constantFrom(OP.getData, OP.getChildren), request: watch });
const result = fc.oneof(
  fc.record({ type: fc.constant(OP.create), response: fc.record({ path: text }) }),
  fc.record({ type: fc.constant(OP.create2), response: fc.record({ path: text, stat }) }),
  fc.record({ type: fc.constantFrom(OP.delete, OP.check), response: fc.constant(null) }),
  fc.record({ type: fc.constant(OP.setData), response: fc.record({ stat }) }),
  fc.record({ type: fc.constant(OP.getData), response: fc.record({ data: bytes, stat }) }),
  fc.record({ type: fc.constant(OP.getChildren), response: fc.record({ children: texts }) }),
  fc.record({ type: fc.constant(OP.error), response: fc.record({ err: int }) }),
);

export interface Case {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly values: fc.Arbitrary<unknown>;
  /** Bytes at the end that may be missing. */
  readonly optionalBytes: number;
}

function of(name: string, codec: unknown, values: fc.Arbitrary<unknown>, optionalBytes = 0): Case {
  return { name, codec: codec as Codec<unknown>, values, optionalBytes };
}

export const CASES: readonly Case[] = [
  of("empty", empty, fc.constant(null)),
  of("Acl", records.Acl, Acl),
  of("Stat", records.Stat, stat),
  of(
    "StatPersisted",
    records.StatPersisted,
    stat.map(({ dataLength: _length, numChildren: _children, ...persisted }) => persisted),
  ),
  of(
    "ConnectRequest",
    records.ConnectRequest,
    fc.record({ protocolVersion: int, lastZxidSeen: long, timeOut: int, sessionId: long, passwd: bytes, readOnly }),
    1,
  ),
  of(
    "ConnectResponse",
    records.ConnectResponse,
    fc.record({ protocolVersion: int, timeOut: int, sessionId: long, passwd: bytes, readOnly }),
    1,
  ),
  of("RequestHeader", records.RequestHeader, fc.record({ xid: int, type: int })),
  of("ReplyHeader", records.ReplyHeader, fc.record({ xid: int, zxid, err: int })),
  of("CreateRequest", records.CreateRequest, fc.record(create)),
  of("CreateTTLRequest", records.CreateTTLRequest, fc.record({ ...create, ttl: long })),
  of("CreateResponse", records.CreateResponse, fc.record({ path: text })),
  of("Create2Response", records.Create2Response, fc.record({ path: text, stat })),
  of("DeleteRequest", records.DeleteRequest, version),
  of("PathWatchRequest", records.PathWatchRequest, watch),
  of("StatResponse", records.StatResponse, fc.record({ stat })),
  of("GetDataResponse", records.GetDataResponse, fc.record({ data: bytes, stat })),
  of("GetChildrenResponse", records.GetChildrenResponse, fc.record({ children: texts })),
  of("GetChildren2Response", records.GetChildren2Response, fc.record({ children: texts, stat })),
  of("SetDataRequest", records.SetDataRequest, fc.record({ path: text, data: bytes, version: int })),
  of("PathRequest", records.PathRequest, fc.record({ path: text })),
  of("GetACLResponse", records.GetACLResponse, fc.record({ acl: fc.array(Acl, { maxLength: 3 }), stat })),
  of("SetACLRequest", records.SetACLRequest, fc.record({ path: text, acl, version: int })),
  of("CheckVersionRequest", records.CheckVersionRequest, version),
  of(
    "ReconfigRequest",
    records.ReconfigRequest,
    fc.record({
      joiningServers: nullableText,
      leavingServers: nullableText,
      newMembers: nullableText,
      curConfigId: long,
    }),
  ),
  of("CheckWatchesRequest", records.CheckWatchesRequest, fc.record({ path: text, type: int })),
  of("AddWatchRequest", records.AddWatchRequest, fc.record({ path: text, mode: int })),
  of("SetWatches", records.SetWatches, fc.record(watches)),
  of(
    "SetWatches2",
    records.SetWatches2,
    fc.record({ ...watches, persistentWatches: texts, persistentRecursiveWatches: texts }),
  ),
  of("GetEphemeralsRequest", records.GetEphemeralsRequest, fc.record({ prefixPath: nullableText })),
  of("GetEphemeralsResponse", records.GetEphemeralsResponse, fc.record({ ephemerals: texts })),
  of("GetAllChildrenNumberResponse", records.GetAllChildrenNumberResponse, fc.record({ totalNumber: int })),
  of("AuthPacket", records.AuthPacket, fc.record({ type: int, scheme: nullableText, auth: bytes })),
  of("GetSASLRequest", records.GetSASLRequest, fc.record({ token: bytes })),
  of("SetSASLResponse", records.SetSASLResponse, fc.record({ token: bytes })),
  of(
    "WhoAmIResponse",
    records.WhoAmIResponse,
    fc.record({ clientInfo: fc.array(fc.record({ authScheme: nullableText, user: nullableText }), { maxLength: 3 }) }),
  ),
  of("WatcherEvent", records.WatcherEvent, fc.record({ type: int, state: int, path: text })),
  of("MultiHeader", records.MultiHeader, fc.record({ type: int, done: bool, err: int })),
  of("ErrorResponse", records.ErrorResponse, fc.record({ err: int })),
  of("MultiWriteRequest", MultiWriteRequest, fc.array(operation, { maxLength: 4 })),
  of("MultiReadRequest", MultiReadRequest, fc.array(readOperation, { maxLength: 4 })),
  of("MultiResponse", MultiResponse, fc.array(result, { maxLength: 4 })),
];
