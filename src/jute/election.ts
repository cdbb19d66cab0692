import { type ByteReader, type ByteWriter, MalformedBytesError } from "../base/bytes.js";

// What servers say to each other on the election port (upstream: QuorumCnxManager, FastLeaderElection).

/** States of a server as notifications carry them. */
export const SERVER_STATE = { looking: 0, following: 1, leading: 2, observing: 3 } as const;
export type ServerStateName = keyof typeof SERVER_STATE;

const STATE_NAMES: readonly ServerStateName[] = ["looking", "following", "leading", "observing"];

/** What an observer writes where a voter would name a leader, a zxid and an epoch: Long.MIN_VALUE, exact as a number. */
export const NO_VOTE = -(2 ** 63);
const NO_VOTE_HIGH = -(2 ** 31);

/** A vote as one server sends it to another. */
export interface Notification {
  readonly state: ServerStateName;
  /** The server that is voted for or followed; `NO_VOTE` of an observer. */
  readonly leader: number;
  readonly zxid: number;
  /** The round of the election. */
  readonly electionEpoch: number;
  /** `currentEpoch` of the leader that is voted for. */
  readonly peerEpoch: number;
  /** 2 since 3.5, 1 before, 0 where nothing is said. */
  readonly version: number;
  /** The sender's configuration as text, since 3.5. */
  readonly config: Buffer | null;
}

const BYTES_OLDEST = 28;
const BYTES_WITH_EPOCH = 36;
const BYTES_WITH_VERSION = 40;
const BYTES_WITH_CONFIG = 44;

function readVoteNumber(reader: ByteReader): number {
  const { bytes, offset } = reader;
  if (reader.remaining >= 8 && bytes.readInt32BE(offset) === NO_VOTE_HIGH && bytes.readUInt32BE(offset + 4) === 0) {
    reader.advance(8);
    return NO_VOTE;
  }
  return reader.safeInt64();
}

/** The layout depends on the length of the message. A configuration in what is read is a view. */
export const Notification = {
  bytesMin: BYTES_OLDEST,
  read: (reader: ByteReader): Notification => {
    const { remaining } = reader;
    if (remaining < BYTES_OLDEST) throw new MalformedBytesError(`a notification of ${remaining} bytes`);
    const state = STATE_NAMES[reader.int32()];
    if (state === undefined) throw new MalformedBytesError("a notification of no known server state");
    const leader = readVoteNumber(reader);
    const zxid = readVoteNumber(reader);
    const electionEpoch = reader.safeInt64();
    const peerEpoch = remaining >= BYTES_WITH_EPOCH ? readVoteNumber(reader) : Math.floor(zxid / 2 ** 32);
    const version = remaining >= BYTES_WITH_VERSION ? reader.int32() : 0;
    let config: Buffer | null = null;
    if (version >= 2 && remaining >= BYTES_WITH_CONFIG) {
      const length = reader.int32();
      if (length < 0 || length > reader.remaining) {
        throw new MalformedBytesError(`Unreasonable length = ${length} of the configuration in a notification`);
      }
      const start = reader.advance(length);
      config = reader.bytes.subarray(start, start + length);
    }
    return { state, leader, zxid, electionEpoch, peerEpoch, version, config };
  },
  /** Without the `int length` that frames it on the wire. Version 2 and up, as every release since 3.5 sends it. */
  write: (writer: ByteWriter, notification: Notification): void => {
    writer.int32(SERVER_STATE[notification.state]);
    writer.safeInt64(notification.leader);
    writer.safeInt64(notification.zxid);
    writer.safeInt64(notification.electionEpoch);
    writer.safeInt64(notification.peerEpoch);
    writer.int32(notification.version);
    const config = notification.config ?? Buffer.alloc(0);
    writer.int32(config.length);
    writer.raw(config);
  },
};

/** The largest message body on the election port. */
export const ELECTION_MESSAGE_BYTES_MAX = 524_288;
const ADDRESSES_BYTES_MAX = 2_048;
const HANDSHAKE_VERSION_1 = -65_536;
const HANDSHAKE_VERSION_2 = -65_535;
/** An observer without an id of its own says Long.MAX_VALUE, and is given one by who accepts it. */
const ANONYMOUS_HIGH = 0x7fff_ffff;

/** How a server introduces itself on the election port. */
export interface ElectionHandshake {
  /** 0 is what releases up to 3.4 send: no addresses. 1 names one address, 2 any number. */
  readonly version: 0 | 1 | 2;
  /** Undefined of an anonymous observer. */
  readonly serverId: number | undefined;
  /** `host:port` of the sender's election port, IPv6 hosts in brackets. */
  readonly addresses: readonly string[];
}

export function writeElectionHandshake(writer: ByteWriter, handshake: ElectionHandshake): void {
  if (handshake.version > 0) writer.safeInt64(handshake.version === 1 ? HANDSHAKE_VERSION_1 : HANDSHAKE_VERSION_2);
  if (handshake.serverId === undefined) {
    writer.int32(ANONYMOUS_HIGH);
    writer.int32(-1);
  } else {
    writer.safeInt64(handshake.serverId);
  }
  if (handshake.version > 0) writer.buffer(Buffer.from(handshake.addresses.join("|")));
}

/**
 * Reads a handshake from the start of a connection and moves the reader past it; undefined, with the reader where it
 * was, while its end has not arrived. Throws `MalformedBytesError` for what is no handshake.
 */
export function readElectionHandshake(reader: ByteReader): ElectionHandshake | undefined {
  const start = reader.offset;
  if (reader.remaining < 8) return undefined;
  if (reader.bytes.readInt32BE(start) >= 0) return { version: 0, serverId: readServerId(reader), addresses: [] };
  const protocol = reader.safeInt64();
  if (protocol !== HANDSHAKE_VERSION_1 && protocol !== HANDSHAKE_VERSION_2) {
    throw new MalformedBytesError(`election protocol version ${protocol} is not known`);
  }
  if (reader.remaining < 12) {
    reader.offset = start;
    return undefined;
  }
  const serverId = readServerId(reader);
  const length = reader.int32();
  if (length <= 0 || length > ADDRESSES_BYTES_MAX) {
    throw new MalformedBytesError(`Unreasonable length = ${length} of the addresses in an election handshake`);
  }
  if (reader.remaining < length) {
    reader.offset = start;
    return undefined;
  }
  const at = reader.advance(length);
  const addresses = reader.bytes.toString("utf8", at, at + length).split("|");
  return { version: protocol === HANDSHAKE_VERSION_1 ? 1 : 2, serverId, addresses };
}

function readServerId(reader: ByteReader): number | undefined {
  const { bytes, offset } = reader;
  if (bytes.readInt32BE(offset) === ANONYMOUS_HIGH && bytes.readUInt32BE(offset + 4) === 0xffff_ffff) {
    reader.advance(8);
    return undefined;
  }
  return reader.safeInt64();
}
