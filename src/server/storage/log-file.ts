import { closeSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync, writevSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../base/assert.js";
import { ByteWriter } from "../../base/bytes.js";
import { formatZxid, type Zxid } from "../../base/zxid.js";
import { LOG_HEADER_BYTES, writeLogHeader } from "../../core/log/log-format.js";
import { syncFolder } from "./folders.js";

/** Room that is left before a file is grown by `preAllocBytes` (upstream: FilePadding). */
const GROW_BEFORE_END_BYTES = 4_096;
/**
 * Preallocation alone is a hole, and each sync that fills new blocks of a hole commits the file system's journal. Zeros
 * written ahead of small batches turn most syncs into plain overwrites, which take half as long; larger batches would
 * only write everything twice. They are written page by page, because Linux accounts a whole large folio as written
 * whenever one of its pages is.
 */
const ZEROS_AHEAD_BYTES = 131_072;
const ZEROS_AHEAD_BATCH_BYTES_MAX = 16_384;
const PAGE = Buffer.alloc(4_096);

/** Given as the first zxid of bytes that go on with an entry begun before, which must be in the same file. */
export const CONTINUES = -1;

/** The words of a log file's state. They may lie in shared memory; then only the side whose turn it is touches them. */
const STATE = { descriptor: 0, positionBytes: 1, allocatedBytes: 2, zeroedToBytes: 3, rollWanted: 4 } as const;
export const LOG_FILE_STATE_BYTES = 8 * Float64Array.BYTES_PER_ELEMENT;
const NOT_OPEN = -1;

export interface LogFileOptions {
  /** The `version-2` folder that holds the logs. */
  readonly folder: string;
  /** A file grows by this many bytes at a time. */
  readonly preAllocBytes: number;
  /** A file that has reached this size is not continued; 0 is no limit. */
  readonly sizeLimitBytes: number;
  /** False leaves syncing to the operating system: `forceSync=no`. */
  readonly forceSync: boolean;
}

/**
 * The log file that is written to. A new one is begun by the first append after it was created or rolled, and named
 * after the first transaction in it. Errors of the file system are thrown as they are; after one nothing may be assumed
 * of what is on disk, a failed sync least of all (the pages may be dropped and marked clean), so the caller must end.
 */
export class LogFile {
  private readonly options: LogFileOptions;
  private readonly state: Float64Array;

  constructor(options: LogFileOptions, state: Float64Array) {
    this.options = options;
    this.state = state;
  }

  static newState(shared: ArrayBufferLike = new ArrayBuffer(LOG_FILE_STATE_BYTES), offset = 0): Float64Array {
    const state = new Float64Array(shared, offset, LOG_FILE_STATE_BYTES / Float64Array.BYTES_PER_ELEMENT);
    state[STATE.descriptor] = NOT_OPEN;
    return state;
  }

  /** True if an append would begin a new file, which takes several syncs. */
  get beginsWithNextAppend(): boolean {
    return this.descriptor === NOT_OPEN || this.state[STATE.rollWanted] === 1 || this.isFull;
  }

  /** The next append begins a new file. */
  roll(): void {
    this.state[STATE.rollWanted] = 1;
  }

  /** Writes framed entries, in pieces as they lie in memory, whose first zxid is given; `sync` makes them durable. */
  append(pieces: readonly Uint8Array[], firstZxid: Zxid): void {
    if (firstZxid !== CONTINUES && this.beginsWithNextAppend) this.begin(firstZxid);
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    const start = this.word(STATE.positionBytes);
    const end = start + bytes;
    this.growFor(end);
    writeFully(this.descriptor, pieces, start);
    this.state[STATE.positionBytes] = end;
    if (end > this.word(STATE.zeroedToBytes)) this.writeZerosAhead(end, bytes);
  }

  sync(): void {
    if (this.options.forceSync && this.descriptor !== NOT_OPEN) fdatasyncSync(this.descriptor);
  }

  /** Syncs and closes; the file may not be used afterwards. */
  close(): void {
    if (this.descriptor === NOT_OPEN) return;
    this.sync();
    closeSync(this.descriptor);
    this.state[STATE.descriptor] = NOT_OPEN;
  }

  private get descriptor(): number {
    return this.word(STATE.descriptor);
  }

  private get isFull(): boolean {
    const limit = this.options.sizeLimitBytes;
    return limit > 0 && this.word(STATE.positionBytes) >= limit;
  }

  private word(index: number): number {
    return this.state[index] as number;
  }

  private begin(firstZxid: Zxid): void {
    this.close();
    // Never an existing file: recovery has removed empty ones, and anything else would be someone's transactions.
    const descriptor = openSync(join(this.options.folder, logFileName(firstZxid)), "wx", 0o644);
    assert(fstatSync(descriptor).size === 0, "a new log file is not empty");
    const header = new ByteWriter(LOG_HEADER_BYTES);
    writeLogHeader(header);
    writeFully(descriptor, [header.view()], 0);
    const allocated = Math.max(this.options.preAllocBytes, LOG_HEADER_BYTES);
    ftruncateSync(descriptor, allocated);
    // The size and the name in the folder must be durable before the first entry can be; later syncs are of data only.
    if (this.options.forceSync) {
      fsyncSync(descriptor);
      syncFolder(this.options.folder);
    }
    this.state[STATE.descriptor] = descriptor;
    this.state[STATE.positionBytes] = LOG_HEADER_BYTES;
    this.state[STATE.allocatedBytes] = allocated;
    this.state[STATE.zeroedToBytes] = LOG_HEADER_BYTES;
    this.state[STATE.rollWanted] = 0;
  }

  private growFor(end: number): void {
    const { preAllocBytes } = this.options;
    const allocated = this.word(STATE.allocatedBytes);
    if (preAllocBytes === 0 || end + GROW_BEFORE_END_BYTES < allocated) return;
    const grown = Math.ceil((end + GROW_BEFORE_END_BYTES + 1) / preAllocBytes) * preAllocBytes;
    ftruncateSync(this.descriptor, grown);
    this.state[STATE.allocatedBytes] = grown;
  }

  private writeZerosAhead(end: number, batchBytes: number): void {
    if (batchBytes > ZEROS_AHEAD_BATCH_BYTES_MAX) return;
    const limit = Math.min(end + ZEROS_AHEAD_BYTES, this.word(STATE.allocatedBytes));
    let position = Math.ceil(end / PAGE.length) * PAGE.length;
    for (; position + PAGE.length <= limit; position += PAGE.length) writeFully(this.descriptor, [PAGE], position);
    this.state[STATE.zeroedToBytes] = Math.max(position, end);
  }
}

export function logFileName(firstZxid: Zxid): string {
  return `log.${formatZxid(firstZxid)}`;
}

/** A write may be cut short, by a signal or a file size limit; what is left is tried again and then fails for good. */
function writeFully(descriptor: number, pieces: readonly Uint8Array[], position: number): void {
  let rest = pieces;
  let at = position;
  for (;;) {
    const wanted = rest.reduce((sum, piece) => sum + piece.length, 0);
    const written = writevSync(descriptor, rest, at);
    if (written === wanted) return;
    if (written === 0) throw new Error(`the file system took none of ${wanted} bytes`);
    at += written;
    rest = dropBytes(rest, written);
  }
}

function dropBytes(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    const dropped = Math.min(left, piece.length);
    left -= dropped;
    if (dropped < piece.length) rest.push(piece.subarray(dropped));
  }
  return rest;
}
