import { type ByteReader, type ByteWriter, MalformedBytesError } from "../base/bytes.js";
import type { Zxid } from "../base/zxid.js";
import { buffer, int, nullableVector, record, type ValueOf, zxid } from "./codec.js";
import { Id } from "./records.js";

// What a leader and its learners say to each other on the quorum port (upstream: zookeeper.jute, Leader, Learner).

/** Types of a `QuorumPacket` (upstream: Leader). */
export const QUORUM = {
  request: 1,
  proposal: 2,
  ack: 3,
  commit: 4,
  ping: 5,
  revalidate: 6,
  sync: 7,
  inform: 8,
  commitAndActivate: 9,
  newLeader: 10,
  followerInfo: 11,
  upToDate: 12,
  diff: 13,
  trunc: 14,
  snap: 15,
  observerInfo: 16,
  leaderInfo: 17,
  ackEpoch: 18,
  informAndActivate: 19,
  /**
   * Not known upstream and sent only to who announced the batched extension: the leader numbers a round in `zxid`, and a
   * follower that still follows it sends the packet back.
   */
  round: 64,
} as const;

export type QuorumType = (typeof QUORUM)[keyof typeof QUORUM];

const typeNames = new Map<number, string>(Object.entries(QUORUM).map(([name, type]) => [type, name.toUpperCase()]));

export function quorumTypeName(type: number): string {
  return typeNames.get(type) ?? `type ${type}`;
}

/** What `zxid` and `data` mean depends on the type. Byte fields that were read are views: copy them to keep them. */
export const QuorumPacket = record({ type: int, zxid, data: buffer, authinfo: nullableVector(Id) });
export type QuorumPacket = ValueOf<typeof QuorumPacket>;

/** `QuorumPacket` without ids, which is every packet but a REQUEST: nothing is allocated. */
export function writeQuorumPacket(writer: ByteWriter, type: QuorumType, at: Zxid, data: Uint8Array | null): void {
  writer.int32(type);
  writer.safeInt64(at);
  writer.buffer(data);
  writer.int32(-1);
}

/** The version that both sides state since 3.4; a learner below it knows nothing of epochs. */
export const QUORUM_PROTOCOL_VERSION = 0x10000;

/**
 * Says, behind what upstream reads, that cumulative acknowledgements and commits and the `round` packet are understood:
 * a magic, then the version of the extension.
 */
const EXTENSION_MAGIC = 0x7a61_6265;
const EXTENSION_VERSION = 1;

function writeExtension(writer: ByteWriter, batched: boolean): void {
  if (!batched) return;
  writer.int32(EXTENSION_MAGIC);
  writer.int32(EXTENSION_VERSION);
}

/** Whatever else may stand there is ignored, as upstream ignores this. */
function readExtension(reader: ByteReader): boolean {
  return reader.remaining >= 8 && reader.int32() === EXTENSION_MAGIC && reader.int32() >= EXTENSION_VERSION;
}

/** The data of FOLLOWERINFO and OBSERVERINFO. */
export interface LearnerInfo {
  readonly serverId: number;
  readonly protocolVersion: number;
  /** Releases up to 3.4 send none. */
  readonly configVersion: number | undefined;
  /** The learner understands the batched extension. */
  readonly batched: boolean;
}

export const LearnerInfo = {
  bytesMin: 8,
  read: (reader: ByteReader): LearnerInfo => {
    const serverId = reader.safeInt64();
    const protocolVersion = reader.remaining >= 4 ? reader.int32() : 0;
    const configVersion = reader.remaining >= 8 ? reader.safeInt64() : undefined;
    return { serverId, protocolVersion, configVersion, batched: configVersion !== undefined && readExtension(reader) };
  },
  write: (writer: ByteWriter, info: LearnerInfo): void => {
    writer.safeInt64(info.serverId);
    writer.int32(info.protocolVersion);
    if (info.configVersion === undefined) return;
    writer.safeInt64(info.configVersion);
    writeExtension(writer, info.batched);
  },
};

/** The data of LEADERINFO. */
export interface LeaderInfo {
  readonly protocolVersion: number;
  /** The leader understands the batched extension and will use it with this learner. */
  readonly batched: boolean;
}

export const LeaderInfo = {
  bytesMin: 4,
  read: (reader: ByteReader): LeaderInfo => ({ protocolVersion: reader.int32(), batched: readExtension(reader) }),
  write: (writer: ByteWriter, info: LeaderInfo): void => {
    writer.int32(info.protocolVersion);
    writeExtension(writer, info.batched);
  },
};

/** The data of ACKEPOCH. */
export interface AckEpoch {
  /** The epoch of the learner's history, or -1 where it had accepted the leader's epoch before. */
  readonly currentEpoch: number;
  /**
   * The learner can cut its log back to here and no further, because an image is all it has before that. Stated behind
   * what upstream reads, to leaders that announced the batched extension.
   */
  readonly floorZxid: Zxid | undefined;
}

export const AckEpoch = {
  bytesMin: 4,
  read: (reader: ByteReader): AckEpoch => {
    const currentEpoch = reader.int32();
    return { currentEpoch, floorZxid: readExtension(reader) && reader.remaining >= 8 ? reader.zxid() : undefined };
  },
  write: (writer: ByteWriter, { currentEpoch, floorZxid }: AckEpoch): void => {
    writer.int32(currentEpoch);
    if (floorZxid === undefined) return;
    writeExtension(writer, true);
    writer.safeInt64(floorZxid);
  },
};

const PACKET_BYTES_MIN = 20;

/**
 * The length of the packet at `bytes[start, end)`, or 0 while its end has not arrived. Throws `MalformedBytesError` for a
 * length or count that cannot be true, as soon as it is seen.
 */
export function quorumPacketLength(bytes: Buffer, start: number, end: number, lengthMax: number): number {
  if (end - start < PACKET_BYTES_MIN - 4) return 0;
  let at = start + 12;
  at += 4 + checkedLength(bytes, at, lengthMax);
  if (end - at < 4) return 0;
  const count = bytes.readInt32BE(at);
  // An id takes 8 bytes at the least; the bound keeps a hostile count from making every later chunk a long walk.
  if (count < -1 || count * 8 > lengthMax) throw new MalformedBytesError(`Unreasonable length = ${count} of ids`);
  at += 4;
  for (let strings = Math.max(count, 0) * 2; strings > 0; strings--) {
    if (end - at < 4) return 0;
    at += 4 + checkedLength(bytes, at, lengthMax);
  }
  return at <= end ? at - start : 0;
}

function checkedLength(bytes: Buffer, at: number, lengthMax: number): number {
  const length = bytes.readInt32BE(at);
  if (length < -1 || length > lengthMax) throw new MalformedBytesError(`Unreasonable length = ${length}`);
  return Math.max(length, 0);
}
