import type { Method } from "./grpc.js";
import {
  bool,
  bytes,
  id,
  type MessageOf,
  MessageType,
  many,
  maybe,
  number,
  one,
  ProtobufReader,
  signed,
  string,
  WIRE,
} from "./protobuf.js";

/**
 * The part of etcd's API (etcdserverpb/rpc.proto, mvccpb/kv.proto) that is used here, with etcd's field names and
 * numbers. Every release since 3.4 has these fields.
 */

export const SORT_ORDER = { none: 0, ascend: 1, descend: 2 } as const;
export const SORT_TARGET = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;
export const COMPARE_RESULT = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const COMPARE_TARGET = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;
export const EVENT_TYPE = { put: 0, delete: 1 } as const;

export const ResponseHeader = new MessageType({
  clusterId: one(1, id),
  memberId: one(2, id),
  revision: one(3, number),
  raftTerm: one(4, number),
});

export const KeyValue = new MessageType({
  key: one(1, bytes),
  createRevision: one(2, number),
  modRevision: one(3, number),
  version: one(4, number),
  value: one(5, bytes),
  lease: one(6, id),
});

export const RangeRequest = new MessageType({
  key: one(1, bytes),
  rangeEnd: one(2, bytes),
  limit: one(3, number),
  revision: one(4, number),
  sortOrder: one(5, number),
  sortTarget: one(6, number),
  serializable: one(7, bool),
  keysOnly: one(8, bool),
  countOnly: one(9, bool),
  maxCreateRevision: one(13, number),
});

export const RangeResponse = new MessageType({
  header: maybe(1, ResponseHeader),
  kvs: many(2, KeyValue),
  more: one(3, bool),
  count: one(4, number),
});

export const PutRequest = new MessageType({
  key: one(1, bytes),
  value: one(2, bytes),
  lease: one(3, id),
});

export const PutResponse = new MessageType({ header: maybe(1, ResponseHeader) });

export const DeleteRangeRequest = new MessageType({ key: one(1, bytes), rangeEnd: one(2, bytes) });

export const DeleteRangeResponse = new MessageType({ header: maybe(1, ResponseHeader), deleted: one(2, number) });

/** A oneof: exactly one of the fields is there. */
export const RequestOp = new MessageType({
  requestRange: maybe(1, RangeRequest),
  requestPut: maybe(2, PutRequest),
  requestDeleteRange: maybe(3, DeleteRangeRequest),
});

/** A oneof, as above. */
export const ResponseOp = new MessageType({
  responseRange: maybe(1, RangeResponse),
  responsePut: maybe(2, PutResponse),
  responseDeleteRange: maybe(3, DeleteRangeResponse),
});

export const Compare = new MessageType({
  result: one(1, number),
  target: one(2, number),
  key: one(3, bytes),
  /** Of the oneof `target_union`; absent means 0, which is "the key does not exist". */
  createRevision: one(5, number),
});

export const TxnRequest = new MessageType({
  compare: many(1, Compare),
  success: many(2, RequestOp),
  failure: many(3, RequestOp),
});

export const TxnResponse = new MessageType({
  header: maybe(1, ResponseHeader),
  succeeded: one(2, bool),
  responses: many(3, ResponseOp),
});

export const LeaseGrantRequest = new MessageType({ ttlSeconds: one(1, signed), id: one(2, id) });

export const LeaseGrantResponse = new MessageType({
  header: maybe(1, ResponseHeader),
  id: one(2, id),
  ttlSeconds: one(3, signed),
  error: one(4, string),
});

export const LeaseRevokeRequest = new MessageType({ id: one(1, id) });

export const LeaseRevokeResponse = new MessageType({ header: maybe(1, ResponseHeader) });

export const LeaseKeepAliveRequest = new MessageType({ id: one(1, id) });

/** A time to live of 0 or less means that the lease is gone. */
export const LeaseKeepAliveResponse = new MessageType({
  header: maybe(1, ResponseHeader),
  id: one(2, id),
  ttlSeconds: one(3, signed),
});

export const WatchCreateRequest = new MessageType({
  key: one(1, bytes),
  rangeEnd: one(2, bytes),
  startRevision: one(3, number),
});

export const WatchCancelRequest = new MessageType({ watchId: one(1, signed) });

/** A oneof: exactly one of the fields is there. */
export const WatchRequest = new MessageType({
  createRequest: maybe(1, WatchCreateRequest),
  cancelRequest: maybe(2, WatchCancelRequest),
});

export const WatchEvent = new MessageType({ type: one(1, number), kv: maybe(2, KeyValue) });

export const WatchResponse = new MessageType({
  header: maybe(1, ResponseHeader),
  /** -1 where the server refused to create the watch. */
  watchId: one(2, signed),
  created: one(3, bool),
  canceled: one(4, bool),
  compactRevision: one(5, number),
  cancelReason: one(6, string),
  events: many(11, WatchEvent),
});

export const StatusRequest = new MessageType({});

export const StatusResponse = new MessageType({
  header: maybe(1, ResponseHeader),
  version: one(2, string),
  dbSizeBytes: one(3, number),
  /** A member id, 0 while there is no leader. */
  leader: one(4, id),
  raftIndex: one(5, number),
  raftTerm: one(6, number),
});

/** Every call that is made here. */
export const METHODS = {
  range: { path: "/etcdserverpb.KV/Range", streaming: false, request: RangeRequest, response: RangeResponse },
  put: { path: "/etcdserverpb.KV/Put", streaming: false, request: PutRequest, response: PutResponse },
  deleteRange: {
    path: "/etcdserverpb.KV/DeleteRange",
    streaming: false,
    request: DeleteRangeRequest,
    response: DeleteRangeResponse,
  },
  txn: { path: "/etcdserverpb.KV/Txn", streaming: false, request: TxnRequest, response: TxnResponse },
  leaseGrant: {
    path: "/etcdserverpb.Lease/LeaseGrant",
    streaming: false,
    request: LeaseGrantRequest,
    response: LeaseGrantResponse,
  },
  leaseRevoke: {
    path: "/etcdserverpb.Lease/LeaseRevoke",
    streaming: false,
    request: LeaseRevokeRequest,
    response: LeaseRevokeResponse,
  },
  leaseKeepAlive: {
    path: "/etcdserverpb.Lease/LeaseKeepAlive",
    streaming: true,
    request: LeaseKeepAliveRequest,
    response: LeaseKeepAliveResponse,
  },
  watch: { path: "/etcdserverpb.Watch/Watch", streaming: true, request: WatchRequest, response: WatchResponse },
  status: {
    path: "/etcdserverpb.Maintenance/Status",
    streaming: false,
    request: StatusRequest,
    response: StatusResponse,
  },
} as const satisfies Record<string, Method & { request: unknown; response: unknown }>;

export type KeyValueMessage = MessageOf<typeof KeyValue>;
export type RequestOpMessage = MessageOf<typeof RequestOp>;
export type RangeResponseMessage = MessageOf<typeof RangeResponse>;
export type TxnResponseMessage = MessageOf<typeof TxnResponse>;
export type WatchResponseMessage = MessageOf<typeof WatchResponse>;
export type StatusResponseMessage = MessageOf<typeof StatusResponse>;

// -- the hot path: what load needs of an answer, without an object

const HEADER_TAG = 1 * 8 + WIRE.bytes;
const REVISION_TAG = 3 * 8 + WIRE.varint;
const COUNT_TAG = 4 * 8 + WIRE.varint;
/** Of a RangeResponse: a KeyValue. */
const KEY_VALUE_TAG = 2 * 8 + WIRE.bytes;
const MOD_REVISION_TAG = 3 * 8 + WIRE.varint;
/** Of a DeleteRangeResponse: how many keys it deleted. Of a TxnResponse: whether its conditions held. */
const DONE_TAG = 2 * 8 + WIRE.varint;
/** Of a TxnResponse: the response to one of its requests. */
const RESPONSE_TAG = 3 * 8 + WIRE.bytes;

/** Reads what load has to know of the response to a range, a put, a deletion or a transaction. Use one for many answers. */
export class AnswerReader {
  /** The header's revision. */
  revision = 0;
  /** How many keys a range counts; else 0. */
  count = 0;
  /** How many keys a deletion deleted, 1 for a transaction whose conditions held; else 0. */
  done = 0;
  /** How many responses a transaction has. */
  responses = 0;
  /** The revision at which the last key of a range was written; 0 unless asked for. */
  modRevision = 0;
  private readonly reader = new ProtobufReader(Buffer.alloc(0));

  /** `withKey`: `modRevision` is wanted. Throws `MalformedBytesError`. */
  read(bytes: Buffer, start: number, end: number, withKey = false): void {
    const reader = this.reader;
    reader.reset(bytes, start, end);
    this.revision = 0;
    this.count = 0;
    this.done = 0;
    this.responses = 0;
    this.modRevision = 0;
    while (reader.offset < end) {
      const tag = reader.varint();
      if (tag === HEADER_TAG) this.revision = this.nested(reader, REVISION_TAG);
      else if (tag === COUNT_TAG) this.count = reader.varint();
      else if (tag === DONE_TAG) this.done = reader.varint();
      else if (tag === KEY_VALUE_TAG && withKey) this.modRevision = this.nested(reader, MOD_REVISION_TAG);
      else {
        if (tag === RESPONSE_TAG) this.responses++;
        reader.discard(tag % 8);
      }
    }
  }

  /** Reads a message within the message and returns one of its numbers, 0 where it is not there. */
  private nested(reader: ProtobufReader, wanted: number): number {
    const length = reader.length();
    const { end } = reader;
    const nestedEnd = reader.offset + length;
    let found = 0;
    reader.end = nestedEnd;
    while (reader.offset < nestedEnd) {
      const tag = reader.varint();
      if (tag === wanted) found = reader.varint();
      else reader.discard(tag % 8);
    }
    reader.end = end;
    return found;
  }
}
