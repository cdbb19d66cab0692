import { assert } from "../../base/assert.js";
import { ByteReader, type ByteWriter, MalformedBytesError } from "../../base/bytes.js";
import { adler32 } from "../../base/checksum.js";
import type { Zxid } from "../../base/zxid.js";
import { type ByteSource, ByteWindow } from "./byte-source.js";
import { isTransactionType, type LogRecord, readLogRecord, TXN_HEADER_BYTES } from "./transactions.js";

// A log file is a header, then entries back to back, then zeros where it was preallocated (upstream: FileTxnLog):
//   entry = checksum long (Adler-32 of the record), length int, record, byte 'B'

export const LOG_MAGIC = 0x5a4b_4c47;
export const LOG_VERSION = 2;
export const LOG_HEADER_BYTES = 16;
const ENTRY_PREFIX_BYTES = 12;
/** Where the zxid stands in a transaction header, after the client id and the cxid. */
const ZXID_OFFSET_BYTES = 12;
const END_OF_ENTRY = 0x42;
/** Disks write a sector whole or not at all, so what lies in one sector cannot be torn by a crash. */
const SECTOR_BYTES = 512;
const WINDOW_BYTES = 1 << 20;

export function writeLogHeader(writer: ByteWriter): void {
  writer.int32(LOG_MAGIC);
  writer.int32(LOG_VERSION);
  writer.safeInt64(0);
}

/** Opens an entry: write the record after it, then call `endEntry` with what this returned. */
export function beginEntry(writer: ByteWriter): number {
  return writer.reserve(ENTRY_PREFIX_BYTES);
}

export function endEntry(writer: ByteWriter, start: number): void {
  const record = start + ENTRY_PREFIX_BYTES;
  const end = writer.offset;
  assert(end - record >= TXN_HEADER_BYTES, "a log entry without a transaction header");
  writer.bytes.writeUInt32BE(0, start);
  writer.bytes.writeUInt32BE(adler32(writer.bytes, record, end), start + 4);
  writer.bytes.writeUInt32BE(end - record, start + 8);
  writer.int8(END_OF_ENTRY);
}

/** The zxid of the first of some framed entries. */
export function firstZxidOf(entries: Buffer): Zxid {
  return new ByteReader(entries, ENTRY_PREFIX_BYTES + ZXID_OFFSET_BYTES).zxid();
}

/** How the entries of a file end. `offset` is where the last good one ends, in bytes from the start of the file. */
export type LogEnd =
  /** The end of the file, or nothing but zeros from there on. */
  | { readonly kind: "clean"; readonly offset: number }
  /** A write that a crash cut short: nothing whole comes after it, so it was never acknowledged and may be cut off. */
  | { readonly kind: "torn"; readonly offset: number; readonly reason: string }
  /** What cannot come from a crash: acknowledged entries may be lost there, so nothing may be cut. */
  | { readonly kind: "damaged"; readonly offset: number; readonly reason: string };

/** `offset` is where the entry begins. The record's byte fields are views that are valid during the call only. */
export type OnLogEntry = (record: LogRecord, offset: number) => void;

/**
 * Reads every entry of a log file in order. Entries are checked before they are handed on, so the caller sees a prefix
 * of what was written, whatever the end. A whole entry anywhere behind a bad place makes it damage: a torn write is the
 * last thing in a file, except where a disk persisted a later page of one unsynced write and lost an earlier one, which
 * looks the same and is refused as well, because the other reading would lose acknowledged writes.
 */
export function readLog(source: ByteSource, onEntry: OnLogEntry): LogEnd {
  const window = new ByteWindow(source, WINDOW_BYTES);
  const headerFault = checkHeader(window);
  if (headerFault !== undefined) return judge(source, 0, headerFault);
  for (;;) {
    const offset = window.position;
    if (window.remaining === 0) return { kind: "clean", offset };
    const fault = checkEntry(window);
    if (fault !== undefined) return judge(source, offset, fault);
    const reader = window.reader;
    const end = reader.offset + ENTRY_PREFIX_BYTES + reader.bytes.readInt32BE(reader.offset + 8);
    let record: LogRecord;
    try {
      record = readLogRecord(
        new ByteReader(reader.bytes, reader.offset + ENTRY_PREFIX_BYTES, end, end - reader.offset),
      );
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      return { kind: "damaged", offset, reason: `an entry with a good checksum cannot be read: ${error.message}` };
    }
    reader.offset = end + 1;
    onEntry(record, offset);
  }
}

interface Fault {
  readonly reason: string;
  /** Whether a crash in the middle of a write can explain it. */
  readonly mayBeTorn: boolean;
}

const CUT_SHORT: Fault = { reason: "the last entry is incomplete", mayBeTorn: true };

function checkHeader(window: ByteWindow): Fault | undefined {
  if (window.remaining < LOG_HEADER_BYTES) return { reason: "the file header is incomplete", mayBeTorn: true };
  window.need(LOG_HEADER_BYTES);
  const magic = window.reader.int32();
  const version = window.reader.int32();
  window.reader.advance(8);
  if (magic === 0 && version === 0) return { reason: "the file header was never written", mayBeTorn: true };
  if (magic !== LOG_MAGIC) return { reason: "it does not begin like a transaction log", mayBeTorn: false };
  if (version !== LOG_VERSION) return { reason: `log version ${version} is not supported`, mayBeTorn: false };
  return undefined;
}

/** Puts a whole entry at the window's position, or says why there is none. */
function checkEntry(window: ByteWindow): Fault | undefined {
  if (window.remaining < ENTRY_PREFIX_BYTES) return CUT_SHORT;
  window.need(ENTRY_PREFIX_BYTES);
  const length = window.reader.bytes.readInt32BE(window.reader.offset + 8);
  const entryBytes = ENTRY_PREFIX_BYTES + length + 1;
  if (length === 0 || (length > 0 && entryBytes > window.remaining)) return CUT_SHORT;
  if (length < TXN_HEADER_BYTES) return { reason: `an entry claims a length of ${length} bytes`, mayBeTorn: true };
  window.need(entryBytes);
  const { bytes, offset } = window.reader;
  if (bytes[offset + entryBytes - 1] !== END_OF_ENTRY) return CUT_SHORT;
  const good =
    bytes.readUInt32BE(offset) === 0 &&
    bytes.readUInt32BE(offset + 4) === adler32(bytes, offset + ENTRY_PREFIX_BYTES, offset + entryBytes - 1);
  if (good) return undefined;
  const sector = (position: number): number => Math.floor(position / SECTOR_BYTES);
  const inOneSector = sector(window.position) === sector(window.position + entryBytes - 1);
  return { reason: "the checksum of an entry is wrong", mayBeTorn: !inOneSector };
}

function judge(source: ByteSource, offset: number, fault: Fault): LogEnd {
  const rest = examineRest(source, offset);
  if (rest === "zeros" && offset > 0) return { kind: "clean", offset };
  if (typeof rest === "number") {
    return { kind: "damaged", offset, reason: `${fault.reason}, yet a whole entry follows at offset ${rest}` };
  }
  return { kind: fault.mayBeTorn ? "torn" : "damaged", offset, reason: fault.reason };
}

const ZEROS = Buffer.alloc(WINDOW_BYTES);

/** Looks behind a bad place: only zeros, the offset of a whole entry, or nothing that makes sense. */
function examineRest(source: ByteSource, offset: number): "zeros" | "fragments" | number {
  const chunk = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  let zeros = true;
  // Chunks overlap by what a candidate needs to be looked at, so that none is missed where two meet.
  for (let base = offset; base < source.sizeBytes; base += WINDOW_BYTES - CANDIDATE_BYTES) {
    const count = source.read(base, chunk, Math.min(WINDOW_BYTES, source.sizeBytes - base));
    if (ZEROS.compare(chunk, 0, count, 0, count) === 0) continue;
    zeros = false;
    const last = count - CANDIDATE_BYTES;
    for (let at = base === offset ? 1 : 0; at <= last; at++) {
      if (chunk[at + 3] !== 0 || chunk[at] !== 0 || chunk[at + 1] !== 0 || chunk[at + 2] !== 0) continue;
      const length = chunk.readInt32BE(at + 8);
      if (length < TXN_HEADER_BYTES || base + at + ENTRY_PREFIX_BYTES + length + 1 > source.sizeBytes) continue;
      if (!isTransactionType(chunk.readInt32BE(at + CANDIDATE_BYTES - 4))) continue;
      if (isWholeEntry(source, base + at, length)) return base + at;
    }
  }
  return zeros ? "zeros" : "fragments";
}

const CANDIDATE_BYTES = ENTRY_PREFIX_BYTES + TXN_HEADER_BYTES;

function isWholeEntry(source: ByteSource, position: number, length: number): boolean {
  const end = Buffer.alloc(1);
  source.read(position + ENTRY_PREFIX_BYTES + length, end, 1);
  if (end[0] !== END_OF_ENTRY) return false;
  const entry = Buffer.allocUnsafeSlow(ENTRY_PREFIX_BYTES + length);
  return (
    source.read(position, entry, entry.length) === entry.length &&
    entry.readUInt32BE(4) === adler32(entry, ENTRY_PREFIX_BYTES, entry.length)
  );
}
