import { ByteReader, type ByteWriter, MalformedBytesError } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import {
  bool,
  buffer,
  type Codec,
  int,
  long,
  nullableVector,
  record,
  safeLong,
  ustring,
  type ValueOf,
  vector,
  zxid,
} from "../../jute/codec.js";
import { OP } from "../../jute/opcodes.js";
import { Acl, SetDataRequest } from "../../jute/records.js";

// The records of the transaction log, which are also the payload of a proposal (upstream: zookeeper.jute, module
// org.apache.zookeeper.txn; SerializeUtils for what may be missing in files of old releases).

export const TXN_HEADER_BYTES = 32;
/** `time` is in milliseconds since 1970, `clientId` the session id. */
export const TxnHeader = record({ clientId: long, cxid: int, zxid, time: safeLong, type: int });
export type TxnHeader = ValueOf<typeof TxnHeader>;

/** `TxnHeader` field by field, for the hot path: the session id in two 32-bit words, nothing allocated. */
export function writeTxnHeader(
  writer: ByteWriter,
  clientIdHigh: number,
  clientIdLow: number,
  cxid: number,
  zxid: Zxid,
  timeMs: number,
  type: number,
): void {
  writer.int32(clientIdHigh | 0);
  writer.int32(clientIdLow | 0);
  writer.int32(cxid);
  writer.safeInt64(zxid);
  writer.safeInt64(timeMs);
  writer.int32(type);
}

export const TXN_DIGEST_VERSION = 2;
const TXN_DIGEST_BYTES = 12;
/** The digest of the whole tree after the transaction was applied. Servers with `digest.enabled=false` write none. */
export const TxnDigest = record({ version: int, treeDigest: long });
export type TxnDigest = ValueOf<typeof TxnDigest>;

/** What an older or differently configured server ended before; -1 asks the applier to count for itself. */
const parentCVersion: Codec<number> = {
  bytesMin: 0,
  read: (reader) => (reader.remaining === 0 || reader.remaining === TXN_DIGEST_BYTES ? -1 : reader.int32()),
  write: (writer, value) => writer.int32(value),
};

/**
 * The paths a closed session takes with it; null is a record without a body, as releases before 3.6 write it, and the
 * applier looks up the session's ephemerals. A bare digest of 12 bytes cannot be taken for paths: as a vector of two it
 * would hold two empty ones.
 */
const pathsToDelete: Codec<readonly string[] | null> = {
  bytesMin: 0,
  read: (reader) => {
    if (reader.remaining === 0) return null;
    const bareDigest =
      reader.remaining === TXN_DIGEST_BYTES && reader.bytes.readInt32BE(reader.offset) === TXN_DIGEST_VERSION;
    return bareDigest ? null : vector(ustring).read(reader);
  },
  write: (writer, value) => {
    if (value !== null) vector(ustring).write(writer, value);
  },
};

const acl = nullableVector(Acl);
const CreateTxn = record({ path: ustring, data: buffer, acl, ephemeral: bool, parentCVersion });
const CreateContainerTxn = record({ path: ustring, data: buffer, acl, parentCVersion: int });
const CreateTTLTxn = record({ path: ustring, data: buffer, acl, parentCVersion: int, ttl: long });
const DeleteTxn = record({ path: ustring });
/** `version` is the one the node has afterwards. */
const SetDataTxn = SetDataRequest;
/** `version` is the ACL version the node has afterwards. */
const SetACLTxn = record({ path: ustring, acl, version: int });
const CheckVersionTxn = record({ path: ustring, version: int });
const ErrorTxn = record({ err: int });

const PARTS = {
  [OP.create]: CreateTxn,
  [OP.create2]: CreateTxn,
  [OP.createContainer]: CreateContainerTxn,
  [OP.createTTL]: CreateTTLTxn,
  [OP.delete]: DeleteTxn,
  [OP.deleteContainer]: DeleteTxn,
  [OP.setData]: SetDataTxn,
  [OP.check]: CheckVersionTxn,
  [OP.error]: ErrorTxn,
} as const;

type Tagged<T extends Readonly<Record<number, Codec<never> | Codec<unknown>>>> = {
  [K in keyof T & number]: { readonly type: K } & ValueOf<T[K]>;
}[keyof T & number];

/** What one operation of a multi did; in a failed multi every part is an error. */
export type MultiPart = Tagged<typeof PARTS>;

function readTagged(table: object, type: number, reader: ByteReader, where: string): unknown {
  const codec = (table as Record<number, Codec<object> | undefined>)[type];
  if (codec === undefined) throw new MalformedBytesError(`type ${type} is no transaction${where}`);
  return { type, ...codec.read(reader) };
}

function writeTagged(table: object, writer: ByteWriter, value: { readonly type: number }): void {
  (table as Record<number, Codec<unknown>>)[value.type]?.write(writer, value);
}

/** One part: its type, then its record as a buffer. */
const multiPart: Codec<MultiPart> = {
  bytesMin: 8,
  read: (reader) => {
    const type = reader.int32();
    const length = reader.length();
    if (length === -1) throw new MalformedBytesError(`a part of a multi without a record at offset ${reader.offset}`);
    const start = reader.advance(length);
    const inner = new ByteReader(reader.bytes, start, start + length, reader.lengthMax);
    return readTagged(PARTS, type, inner, " inside a multi") as MultiPart;
  },
  write: (writer, part) => {
    writer.int32(part.type);
    const start = writer.reserve(4);
    writeTagged(PARTS, writer, part);
    writer.bytes.writeInt32BE(writer.offset - start - 4, start);
  },
};

const TRANSACTIONS = {
  ...PARTS,
  /** Of a reconfig: the new text of the configuration node. */
  [OP.reconfig]: SetDataTxn,
  [OP.setACL]: SetACLTxn,
  [OP.multi]: record({ parts: vector(multiPart) }),
  [OP.createSession]: record({ timeOut: int }),
  [OP.closeSession]: record({ pathsToDelete }),
} as const;

/** What happened, told apart by `type`, the opcode. Byte fields are views of what was read: copy them to keep them. */
export type Transaction = Tagged<typeof TRANSACTIONS>;

export function isTransactionType(type: number): boolean {
  return type in TRANSACTIONS;
}

/** Throws `MalformedBytesError` for a type that is no transaction. */
export function readTransaction(reader: ByteReader, type: number): Transaction {
  return readTagged(TRANSACTIONS, type, reader, "") as Transaction;
}

export function writeTransaction(writer: ByteWriter, transaction: Transaction): void {
  if (transaction.type === OP.setData) SetDataTxn.write(writer, transaction);
  else writeTagged(TRANSACTIONS, writer, transaction);
}

/**
 * What a leader proposes and the log keeps: header, transaction and the digest of the tree after it, as two unsigned words;
 * an error changes nothing and has none.
 */
export function writeProposal(
  writer: ByteWriter,
  clientIdHigh: number,
  clientIdLow: number,
  cxid: number,
  zxid: Zxid,
  timeMs: number,
  transaction: Transaction,
  digestHigh: number,
  digestLow: number,
): void {
  writeTxnHeader(writer, clientIdHigh, clientIdLow, cxid, zxid, timeMs, transaction.type);
  writeTransaction(writer, transaction);
  if (transaction.type === OP.error) return;
  writer.int32(TXN_DIGEST_VERSION);
  writer.int32(digestHigh | 0);
  writer.int32(digestLow | 0);
}

export interface LogRecord {
  readonly header: TxnHeader;
  readonly transaction: Transaction;
  readonly digest: TxnDigest | undefined;
}

/** The bytes of one log entry, or of a proposal: header, transaction and, where there is one, the digest. */
export function readLogRecord(reader: ByteReader): LogRecord {
  const header = TxnHeader.read(reader);
  const transaction = readTransaction(reader, header.type);
  const digest = reader.remaining >= TXN_DIGEST_BYTES ? TxnDigest.read(reader) : undefined;
  if (reader.remaining > 0) {
    throw new MalformedBytesError(`${reader.remaining} bytes too many after transaction 0x${header.zxid.toString(16)}`);
  }
  return { header, transaction, digest };
}

export function writeLogRecord(
  writer: ByteWriter,
  header: TxnHeader,
  transaction: Transaction,
  digest: TxnDigest | undefined,
): void {
  TxnHeader.write(writer, header);
  writeTransaction(writer, transaction);
  if (digest !== undefined) TxnDigest.write(writer, digest);
}
