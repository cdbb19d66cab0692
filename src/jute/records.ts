import {
  bool,
  buffer,
  type Codec,
  int,
  long,
  nullableUstring,
  nullableVector,
  record,
  safeLong,
  ustring,
  type ValueOf,
  vector,
  zxid,
} from "./codec.js";

// Records of the client protocol, field for field in the order of upstream's zookeeper.jute.

export const Id = record({ scheme: nullableUstring, id: nullableUstring });
export type Id = ValueOf<typeof Id>;

export const Acl = record({ perms: int, id: Id });
export type Acl = ValueOf<typeof Acl>;

export const STAT_BYTES = 68;
export const Stat = record({
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
export type Stat = ValueOf<typeof Stat>;

export const StatPersisted = record({
  czxid: zxid,
  mzxid: zxid,
  ctime: safeLong,
  mtime: safeLong,
  version: int,
  cversion: int,
  aversion: int,
  ephemeralOwner: long,
  pzxid: zxid,
});
export type StatPersisted = ValueOf<typeof StatPersisted>;

/** Clients up to 3.3 send no `readOnly`, and a server answers with it only who sent it. */
const handshakeTail: Codec<boolean | undefined> = {
  bytesMin: 0,
  read: (reader) => (reader.remaining > 0 ? reader.bool() : undefined),
  write: (writer, value) => {
    if (value !== undefined) writer.bool(value);
  },
};

/** `lastZxidSeen` comes from a client and may be anything, so it is not held to the range of our own zxids. */
export const ConnectRequest = record({
  protocolVersion: int,
  lastZxidSeen: long,
  timeOut: int,
  sessionId: long,
  passwd: buffer,
  readOnly: handshakeTail,
});
export type ConnectRequest = ValueOf<typeof ConnectRequest>;

export const ConnectResponse = record({
  protocolVersion: int,
  timeOut: int,
  sessionId: long,
  passwd: buffer,
  readOnly: handshakeTail,
});
export type ConnectResponse = ValueOf<typeof ConnectResponse>;

export const REQUEST_HEADER_BYTES = 8;
export const RequestHeader = record({ xid: int, type: int });
export type RequestHeader = ValueOf<typeof RequestHeader>;

export const REPLY_HEADER_BYTES = 16;
export const ReplyHeader = record({ xid: int, zxid: zxid, err: int });
export type ReplyHeader = ValueOf<typeof ReplyHeader>;

export const CreateRequest = record({ path: ustring, data: buffer, acl: nullableVector(Acl), flags: int });
export type CreateRequest = ValueOf<typeof CreateRequest>;

export const CreateTTLRequest = record({
  path: ustring,
  data: buffer,
  acl: nullableVector(Acl),
  flags: int,
  ttl: long,
});
export type CreateTTLRequest = ValueOf<typeof CreateTTLRequest>;

export const CreateResponse = record({ path: ustring });
export const Create2Response = record({ path: ustring, stat: Stat });
export const DeleteRequest = record({ path: ustring, version: int });
export const PathWatchRequest = record({ path: ustring, watch: bool });
export const ExistsRequest = PathWatchRequest;
export const GetDataRequest = PathWatchRequest;
export const GetChildrenRequest = PathWatchRequest;
export const GetChildren2Request = PathWatchRequest;
export const StatResponse = record({ stat: Stat });
export const ExistsResponse = StatResponse;
export const SetDataResponse = StatResponse;
export const SetACLResponse = StatResponse;
export const GetDataResponse = record({ data: buffer, stat: Stat });
export const GetChildrenResponse = record({ children: vector(ustring) });
export const GetChildren2Response = record({ children: vector(ustring), stat: Stat });
/** By hand, as it is decoded for every write of most loads: field by field through a table takes several times as long. */
export const SetDataRequest: Codec<{
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly version: number;
}> = {
  bytesMin: 12,
  read: (reader) => ({ path: ustring.read(reader), data: reader.buffer(), version: reader.int32() }),
  write: (writer, { path, data, version }) => {
    writer.string(path);
    writer.buffer(data);
    writer.int32(version);
  },
};
export const PathRequest = record({ path: ustring });
export const GetACLRequest = PathRequest;
export const GetACLResponse = record({ acl: vector(Acl), stat: Stat });
export const SetACLRequest = record({ path: ustring, acl: nullableVector(Acl), version: int });
export const SyncRequest = PathRequest;
export const SyncResponse = PathRequest;
export const CheckVersionRequest = record({ path: ustring, version: int });
export const ReconfigRequest = record({
  joiningServers: nullableUstring,
  leavingServers: nullableUstring,
  newMembers: nullableUstring,
  curConfigId: long,
});
export const CheckWatchesRequest = record({ path: ustring, type: int });
export const RemoveWatchesRequest = CheckWatchesRequest;
export const AddWatchRequest = record({ path: ustring, mode: int });
export const SetWatches = record({
  relativeZxid: zxid,
  dataWatches: vector(ustring),
  existWatches: vector(ustring),
  childWatches: vector(ustring),
});
export const SetWatches2 = record({
  relativeZxid: zxid,
  dataWatches: vector(ustring),
  existWatches: vector(ustring),
  childWatches: vector(ustring),
  persistentWatches: vector(ustring),
  persistentRecursiveWatches: vector(ustring),
});
export const GetEphemeralsRequest = record({ prefixPath: nullableUstring });
export const GetEphemeralsResponse = record({ ephemerals: vector(ustring) });
export const GetAllChildrenNumberRequest = PathRequest;
export const GetAllChildrenNumberResponse = record({ totalNumber: int });
export const AuthPacket = record({ type: int, scheme: nullableUstring, auth: buffer });
export const GetSASLRequest = record({ token: buffer });
export const SetSASLResponse = record({ token: buffer });
export const ClientInfo = record({ authScheme: nullableUstring, user: nullableUstring });
export const WhoAmIResponse = record({ clientInfo: vector(ClientInfo) });
export const WatcherEvent = record({ type: int, state: int, path: ustring });
export type WatcherEvent = ValueOf<typeof WatcherEvent>;
export const MultiHeader = record({ type: int, done: bool, err: int });
export const ErrorResponse = record({ err: int });
/** The path of a deleteContainer is a buffer on the wire, not a string; the bytes are the same. */
export const DeleteContainerRequest = PathRequest;
