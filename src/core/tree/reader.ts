import { AssertionError, assert } from "../../base/assert.js";
import { type ByteWriter, putInt32, putSafeInt64 } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import { STAT_BYTES } from "../../jute/records.js";
import { OUTSIDE, readerWord } from "./epochs.js";
import { hashPath } from "./hash.js";
import {
  BUCKET_OVERFLOW_WORD,
  BYTES_PER_UNIT,
  BYTES_PER_WORD,
  bucketOf,
  bucketWord,
  CHUNK_BYTES,
  DATA_BYTES_MAX,
  HEADER,
  LENGTH_BYTES,
  LINK,
  MAGIC,
  PATH_BYTES_MAX,
  READER,
  RECORD,
  RECORD_BYTES,
  type Reference,
  replyOffset,
  STAT,
  viewsOf,
  WORDS_PER_UNIT,
} from "./layout.js";
import { type OwnerKind, ownerKind } from "./owner.js";

/**
 * A node at one moment: everything read through it belongs to the same version of the node, children included. 0 = none.
 * The writer may use it until its next change, a reader until it next quiesces.
 */
export type NodeRef = number;

/** What `readFields` fills in: everything about a node but its path, its data and its children's names. */
export interface NodeFields {
  czxid: Zxid;
  mzxid: Zxid;
  pzxid: Zxid;
  ctimeMs: number;
  mtimeMs: number;
  version: number;
  /** As stored, which counts creates only (upstream: StatPersisted.cversion). */
  cversion: number;
  aversion: number;
  ephemeralOwner: bigint;
  childCount: number;
  aclId: number;
  contentCrc: number;
  digest: number;
}

const WORD = 2 ** 32;
const SLASH = 0x2f;
/** What a snapshot holds of a node behind its data: the id of its ACL, and its Stat without what follows from the rest. */
const PERSISTED_BYTES = 68;
/** From about this length a copy by the engine is faster than one word by word (measured on Node 20). */
const WORDWISE_BYTES_MAX = 160;
/** Words of the arena are in this machine's order; moving them through a view needs to know it at compile time. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** The reader index of the writer itself, which need not wait for itself. */
export const WRITER = -1;

/**
 * Reads the tree on any thread that was given the shared memory, while the writer changes it. Makes no object per
 * request: a node is a number, and a reply is copied straight into the caller's buffer.
 *
 * Each look-up sees the tree as it was at some moment between its call and its return, so it sees at least every change
 * that was published to this thread before the call.
 */
export class ZnodeReader {
  readonly shared: SharedArrayBuffer;
  protected readonly words: Int32Array;
  protected readonly floats: Float64Array;
  protected readonly bytes: Buffer;
  protected readonly view: DataView;

  protected readonly hashKey0: number;
  protected readonly hashKey1: number;
  private readonly directory: number;
  private readonly heapStart: Reference;
  private readonly extendedTypes: boolean;
  /** Index of this reader's own words, or `WRITER`. */
  private readonly epochWord: number;
  /** True while this reader may hold references; always for the writer. */
  private entered: boolean;
  private scratch = Buffer.allocUnsafeSlow(1_024);

  /**
   * `readerIndex` is below the store's `readersMax`, and claimed by one reader at a time until `unregister`; a thread that
   * ended without that is released by `ZnodeStore.releaseReader`.
   */
  constructor(shared: SharedArrayBuffer, readerIndex: number) {
    const views = viewsOf(shared);
    this.shared = shared;
    this.words = views.words;
    this.floats = views.floats;
    this.bytes = views.bytes;
    this.view = views.view;
    const words = this.words;
    assert(words[HEADER.magic] === MAGIC, "the shared memory holds a store");
    this.hashKey0 = words[HEADER.hashKey0] as number;
    this.hashKey1 = words[HEADER.hashKey1] as number;
    this.directory = words[HEADER.directory] as number;
    this.heapStart = words[HEADER.heapStart] as number;
    this.extendedTypes = words[HEADER.extendedTypes] === 1;
    this.entered = readerIndex === WRITER;
    if (readerIndex === WRITER) {
      this.epochWord = WRITER;
      return;
    }
    assert(readerIndex >= 0 && readerIndex < (words[HEADER.readersMax] as number), `no reader ${readerIndex}`);
    this.epochWord = readerWord(readerIndex) + READER.epoch;
    const claimed = Atomics.compareExchange(words, readerWord(readerIndex) + READER.claimed, 0, 1);
    assert(claimed === 0, `reader ${readerIndex} is claimed already`);
  }

  /**
   * "I hold no NodeRef": lets the writer reuse what it freed since. Call it at the end of each turn, and always before
   * waiting for anything; a reader that was quiet holds nothing back. The next look-up enters again by itself.
   */
  quiesce(): void {
    if (!this.entered || this.epochWord === WRITER) return;
    this.entered = false;
    Atomics.store(this.words, this.epochWord, OUTSIDE);
  }

  /** Gives the reader index back; this object must not be used afterwards. */
  unregister(): void {
    assert(this.epochWord !== WRITER, "the writer is no reader");
    this.quiesce();
    Atomics.store(this.words, this.epochWord - READER.epoch + READER.claimed, 0);
  }

  private enter(): void {
    Atomics.store(this.words, this.epochWord, Atomics.load(this.words, HEADER.epoch));
    this.entered = true;
  }

  /** The node whose path is `bytes[start, end)`, as it stands in a request. `/` and the empty path are the root. */
  find(bytes: Uint8Array, start: number, end: number): NodeRef {
    if (!this.entered) this.enter();
    const from = end - start === 1 && bytes[start] === SLASH ? end : start;
    return this.lookUp(hashPath(this.hashKey0, this.hashKey1, bytes, from, end), bytes, from, end - from);
  }

  findPath(path: string): NodeRef {
    const length = this.encode(path);
    return this.find(this.scratch, 0, length);
  }

  /** Writes the path's UTF-8 into the scratch buffer and returns its length in bytes. */
  protected encode(path: string): number {
    if (path.length * 3 > this.scratch.length) this.scratch = Buffer.allocUnsafeSlow(path.length * 6);
    const scratch = this.scratch;
    for (let index = 0; index < path.length; index++) {
      const unit = path.charCodeAt(index);
      if (unit >= 0x80) return scratch.write(path, 0, "utf8");
      scratch[index] = unit;
    }
    return path.length;
  }

  protected get encoded(): Buffer {
    return this.scratch;
  }

  protected lookUp(hash: number, bytes: Uint8Array, start: number, length: number): NodeRef {
    const words = this.words;
    for (;;) {
      const count = Atomics.load(words, HEADER.bucketCount);
      let bucket = bucketWord(words, this.directory, bucketOf(hash, count));
      for (;;) {
        for (let entry = bucket; entry < bucket + BUCKET_OVERFLOW_WORD; entry += 2) {
          // The hash may be that of another entry just being written or removed; the path decides.
          if (words[entry] !== hash) continue;
          const node = Atomics.load(words, entry + 1) as NodeRef;
          if (node !== 0 && this.hasPath(node, bytes, start, length)) return node;
        }
        const overflow = Atomics.load(words, bucket + BUCKET_OVERFLOW_WORD);
        if (overflow === 0) break;
        bucket = overflow * WORDS_PER_UNIT;
      }
      // A split moves entries away from a bucket after it raised the count, so a miss is final only at the same count.
      if (Atomics.load(words, HEADER.bucketCount) === count) return 0;
    }
  }

  private hasPath(node: NodeRef, bytes: Uint8Array, start: number, length: number): boolean {
    if (this.words[node * WORDS_PER_UNIT + RECORD.pathBytes] !== length) return false;
    const own = this.bytes;
    const path = node * BYTES_PER_UNIT + RECORD_BYTES;
    for (let index = 0; index < length; index++) {
      if (own[path + index] !== bytes[start + index]) return false;
    }
    return true;
  }

  // A reference is checked where it is used, and so is every length in what it leads to: a wrong one, which would be a bug,
  // ends in an assertion or in wrong bytes of the arena, never outside it.

  private garbage(node: NodeRef): never {
    throw new AssertionError(`${node} is not a reference to a node`);
  }

  // Messages are made where they are thrown: to make one per call would take as long as the call.
  private noRoom(bytes: number): never {
    throw new AssertionError(`the target has no room for ${bytes} bytes`);
  }

  /** The index of the record's first word. */
  private recordWord(node: NodeRef): number {
    const word = node * WORDS_PER_UNIT;
    if ((node | 0) !== node || node < this.heapStart || word >= this.words.length) this.garbage(node);
    return word;
  }

  private field(node: NodeRef, field: number): number {
    const value = this.words[this.recordWord(node) + field];
    if (value === undefined) this.garbage(node);
    return value;
  }

  private pathBytesOf(node: NodeRef): number {
    const pathBytes = this.field(node, RECORD.pathBytes);
    if (pathBytes < 0 || pathBytes > PATH_BYTES_MAX) this.garbage(node);
    return pathBytes;
  }

  /** The offset in bytes of the reply of a getData: the data's length, what stands inline of it, the Stat. */
  private replyAt(node: NodeRef): number {
    return node * BYTES_PER_UNIT + replyOffset(this.pathBytesOf(node));
  }

  private inlineBytesOf(node: NodeRef): number {
    return this.field(node, RECORD.extent) === 0 ? this.dataLength(node) : 0;
  }

  protected statAt(node: NodeRef): number {
    const stat = this.replyAt(node) + LENGTH_BYTES + this.inlineBytesOf(node);
    if (stat + STAT_BYTES > this.bytes.length) this.garbage(node);
    return stat;
  }

  /** The length in bytes of what `copyDataReply` writes. */
  dataReplyBytes(node: NodeRef): number {
    return LENGTH_BYTES + this.dataLength(node) + STAT_BYTES;
  }

  /**
   * Writes the reply of a getData, a GetDataResponse: the data as a buffer, then the Stat. One copy, unless the data is
   * longer than `INLINE_DATA_BYTES_MAX`. Returns how many bytes were written; `target` must have room for them.
   */
  copyDataReply(node: NodeRef, target: Buffer, at: number): number {
    const reply = this.replyAt(node);
    const dataBytes = this.dataLength(node);
    const extent = this.field(node, RECORD.extent);
    const total = LENGTH_BYTES + dataBytes + STAT_BYTES;
    if (!(at >= 0 && at + total <= target.length)) this.noRoom(total);
    if (extent === 0) {
      if (reply + total > this.bytes.length) this.garbage(node);
      this.copyFrom(reply, total, target, at);
      return total;
    }
    target.writeInt32BE(dataBytes, at);
    this.copyExtent(extent, dataBytes, target, at + LENGTH_BYTES);
    this.copyStat(node, target, at + LENGTH_BYTES + dataBytes);
    return total;
  }

  /** Writes the 68 bytes of the Stat that clients see. */
  copyStat(node: NodeRef, target: Buffer, at: number): void {
    const stat = this.statAt(node);
    if (!(at >= 0 && at + STAT_BYTES <= target.length)) this.noRoom(STAT_BYTES);
    this.copyFrom(stat, STAT_BYTES, target, at);
  }

  /**
   * Copies out of the arena, bounds checked before. The engine's way costs a view and a call, 0.2 microseconds whatever the
   * length; a Stat or a short reply is moved faster word by word.
   */
  private copyFrom(source: number, length: number, target: Buffer, at: number): void {
    if (length > WORDWISE_BYTES_MAX || (source & (BYTES_PER_WORD - 1)) !== 0 || !IS_LITTLE_ENDIAN) {
      target.set(new Uint8Array(this.shared, source, length), at);
      return;
    }
    const { words, bytes } = this;
    const word = source >>> 2;
    const wordsEnd = word + (length >>> 2);
    let to = at;
    for (let index = word; index < wordsEnd; index++, to += BYTES_PER_WORD) {
      const value = words[index] as number;
      target[to] = value;
      target[to + 1] = value >>> 8;
      target[to + 2] = value >>> 16;
      target[to + 3] = value >>> 24;
    }
    for (let from = wordsEnd * BYTES_PER_WORD; from < source + length; from++, to++) target[to] = bytes[from] as number;
  }

  private copyExtent(extent: Reference, dataBytes: number, target: Buffer, at: number): void {
    for (let done = 0, index = 0; done < dataBytes; done += CHUNK_BYTES, index++) {
      const chunk = this.chunkOf(extent, index);
      const length = Math.min(CHUNK_BYTES, dataBytes - done);
      if (chunk + length > this.bytes.length) this.garbage(extent);
      this.copyFrom(chunk, length, target, at + done);
    }
  }

  /** The offset in bytes of a chunk of an extent. */
  private chunkOf(extent: Reference, index: number): number {
    const chunk = this.words[this.recordWord(extent) + index];
    if (chunk === undefined || chunk < this.heapStart) this.garbage(extent);
    return chunk * BYTES_PER_UNIT;
  }

  /** The data, in memory of its own. */
  data(node: NodeRef): Buffer | null {
    if (this.field(node, RECORD.dataBytes) === -1) return null;
    const dataBytes = this.dataLength(node);
    const extent = this.field(node, RECORD.extent);
    const copy = Buffer.allocUnsafeSlow(dataBytes);
    if (extent !== 0) {
      this.copyExtent(extent, dataBytes, copy, 0);
      return copy;
    }
    const start = this.replyAt(node) + LENGTH_BYTES;
    if (start + dataBytes > this.bytes.length) this.garbage(node);
    this.copyFrom(start, dataBytes, copy, 0);
    return copy;
  }

  path(node: NodeRef): string {
    const start = node * BYTES_PER_UNIT + RECORD_BYTES;
    return this.bytes.toString("utf8", start, start + this.pathBytesOf(node));
  }

  /** -1 = the open ACL. */
  aclId(node: NodeRef): number {
    return this.field(node, RECORD.aclId);
  }

  /** Whether the node's ACL gives the permission to everyone, so that nothing else need be looked at. */
  isOpenToAll(node: NodeRef, permission: number): boolean {
    return (this.field(node, RECORD.openPermissions) & permission) !== 0;
  }

  /** 0 for null data, as clients see it. */
  dataLength(node: NodeRef): number {
    const dataBytes = this.field(node, RECORD.dataBytes);
    if (dataBytes < -1 || dataBytes > DATA_BYTES_MAX) this.garbage(node);
    return dataBytes === -1 ? 0 : dataBytes;
  }

  version(node: NodeRef): number {
    return this.view.getInt32(this.statAt(node) + STAT.version);
  }

  aversion(node: NodeRef): number {
    return this.view.getInt32(this.statAt(node) + STAT.aversion);
  }

  /** Counts creations of children only; clients see `persistedCversion * 2 - numChildren`. */
  persistedCversion(node: NodeRef): number {
    return this.field(node, RECORD.persistedCversion);
  }

  numChildren(node: NodeRef): number {
    return this.view.getInt32(this.statAt(node) + STAT.numChildren);
  }

  czxid(node: NodeRef): Zxid {
    return this.int64(this.statAt(node) + STAT.czxid);
  }

  mzxid(node: NodeRef): Zxid {
    return this.int64(this.statAt(node) + STAT.mzxid);
  }

  pzxid(node: NodeRef): Zxid {
    return this.int64(this.statAt(node) + STAT.pzxid);
  }

  ctimeMs(node: NodeRef): number {
    return this.int64(this.statAt(node) + STAT.ctime);
  }

  mtimeMs(node: NodeRef): number {
    return this.int64(this.statAt(node) + STAT.mtime);
  }

  private int64(at: number): number {
    return this.view.getInt32(at) * WORD + this.view.getUint32(at + 4);
  }

  /** The owner as stored: a session, or what says that the node is a container or has a TTL; 0 for a persistent node. */
  ephemeralOwner(node: NodeRef): bigint {
    const high = this.field(node, RECORD.ownerHigh);
    const low = this.field(node, RECORD.ownerLow);
    return high === 0 && low === 0 ? 0n : (BigInt(high) << 32n) | BigInt(low >>> 0);
  }

  ownerKind(node: NodeRef): OwnerKind {
    return ownerKind(this.field(node, RECORD.ownerHigh), this.field(node, RECORD.ownerLow), this.extendedTypes);
  }

  /** Of a TTL node. */
  ttlMs(node: NodeRef): number {
    return (this.field(node, RECORD.ownerHigh) & 0xff) * WORD + (this.field(node, RECORD.ownerLow) >>> 0);
  }

  isEphemeral(node: NodeRef): boolean {
    return this.ownerKind(node) === "ephemeral";
  }

  /** The node's part in the digest of the tree, an unsigned 32-bit integer; 0 below /zookeeper/. */
  digest(node: NodeRef): number {
    return this.field(node, RECORD.digest) >>> 0;
  }

  /** The CRC-32 of path and data, from which the digest goes on over the Stat; 0 below /zookeeper/. */
  contentCrc(node: NodeRef): number {
    return this.field(node, RECORD.digestPrefix) >>> 0;
  }

  /** All fields at once, which takes a third of the time that one by one takes: the record is checked and measured once. */
  readFields(node: NodeRef, into: NodeFields): void {
    const stat = this.statAt(node);
    const word = node * WORDS_PER_UNIT;
    const { view, words } = this;
    into.czxid = this.int64(stat + STAT.czxid);
    into.mzxid = this.int64(stat + STAT.mzxid);
    into.pzxid = this.int64(stat + STAT.pzxid);
    into.ctimeMs = this.int64(stat + STAT.ctime);
    into.mtimeMs = this.int64(stat + STAT.mtime);
    into.version = view.getInt32(stat + STAT.version);
    into.aversion = view.getInt32(stat + STAT.aversion);
    into.childCount = view.getInt32(stat + STAT.numChildren);
    into.cversion = words[word + RECORD.persistedCversion] as number;
    into.ephemeralOwner = this.ephemeralOwner(node);
    into.aclId = words[word + RECORD.aclId] as number;
    into.contentCrc = (words[word + RECORD.digestPrefix] as number) >>> 0;
    into.digest = (words[word + RECORD.digest] as number) >>> 0;
  }

  /** The names of the children this version of the node has, the youngest first. */
  children(node: NodeRef): string[] {
    const names: string[] = [];
    this.forEachChild(node, (start, length) => {
      names.push(this.bytes.toString("utf8", start, start + length));
    });
    return names;
  }

  /** The same as a vector of strings, without making any. */
  writeChildren(node: NodeRef, writer: ByteWriter): void {
    writer.int32(this.numChildren(node));
    this.forEachChild(node, (start, length) => {
      writer.int32(length);
      const at = writer.reserve(length);
      const target = writer.bytes;
      const own = this.bytes;
      for (let index = 0; index < length; index++) target[at + index] = own[start + index] as number;
    });
  }

  /**
   * Visits the name of every child that `node`, this very version, has: those born at or before its sequence that had not
   * died by then.
   *
   * The chain of siblings changes meanwhile. It still holds them all: a child is put in at the head, and one that died is
   * taken out only when no reader is left that entered before it died; this reader, if it sees a version in which the
   * child lives, is such a reader. What is younger than `node` is passed over by its birth, what is older and dead by its
   * death.
   */
  private forEachChild(node: NodeRef, visit: (start: number, length: number) => void): void {
    const words = this.words;
    const expected = this.numChildren(node);
    if (expected === 0) return;
    const sequence = this.floats[(this.recordWord(node) + RECORD.sequence) / 2] as number;
    // The root's children are "/name", and its own path is empty.
    const nameOffset = this.pathBytesOf(node) + 1;
    let found = 0;
    let child = Atomics.load(words, this.recordWord(this.field(node, RECORD.link)) + LINK.firstChild);
    while (child !== 0) {
      const link = this.recordWord(child);
      if (isChildAt(sequence, this.floats[(link + LINK.born) / 2] as number, Atomics.load(words, link + LINK.died))) {
        const record = Atomics.load(words, link + LINK.record);
        const length = this.pathBytesOf(record) - nameOffset;
        const start = record * BYTES_PER_UNIT + RECORD_BYTES + nameOffset;
        if (length <= 0 || start + length > this.bytes.length || found === expected) this.garbage(node);
        visit(start, length);
        found++;
      }
      child = Atomics.load(words, link + LINK.nextSibling);
    }
    if (found !== expected) throw new AssertionError(`a node with ${expected} children has ${found} in its chain`);
  }

  /**
   * Writes every node, parents before their children, as snapshots hold them, and stops behind each. Holds no reference from one step to the next, so the tree may
   * change in between: the result is then fuzzy as upstream's snapshots are. It holds every node that was there
   * throughout, each as it was at one moment, and the changes made since the first step, applied again, mend the rest. On
   * another thread than the writer's, quiesce between the steps.
   */
  *writeNodes(writer: ByteWriter): Generator<undefined, void, undefined> {
    // One frame per level: the names of the children, packed as (length, bytes), how far they were visited, and how much of
    // `path` is their parent's.
    const frames: { pathBytes: number; names: Buffer; offset: number }[] = [];
    let path = Buffer.allocUnsafeSlow(1_024);
    let pathBytes = 0;
    for (;;) {
      const node = this.find(path, 0, pathBytes);
      if (node !== 0) {
        this.writeNode(node, writer);
        if (this.numChildren(node) > 0) frames.push({ pathBytes, names: this.packedNames(node), offset: 0 });
        yield;
      }
      let frame = frames.at(-1);
      while (frame !== undefined && frame.offset === frame.names.length) {
        frames.pop();
        frame = frames.at(-1);
      }
      if (frame === undefined) return;
      const start = frame.offset + BYTES_PER_WORD;
      frame.offset = start + frame.names.readInt32LE(frame.offset);
      pathBytes = frame.pathBytes + 1 + frame.offset - start;
      if (pathBytes > path.length) path = Buffer.concat([path], pathBytes * 2);
      path[frame.pathBytes] = SLASH;
      frame.names.copy(path, frame.pathBytes + 1, start, frame.offset);
    }
  }

  private writeNode(node: NodeRef, writer: ByteWriter): void {
    const pathBytes = this.pathBytesOf(node);
    const dataBytes = this.dataLength(node);
    const extent = this.field(node, RECORD.extent);
    const reply = this.replyAt(node);
    const stat = this.statAt(node);
    let at = writer.reserve(LENGTH_BYTES + pathBytes + LENGTH_BYTES + dataBytes + PERSISTED_BYTES);
    const { bytes } = writer;
    putInt32(bytes, at, pathBytes);
    this.copyFrom(node * BYTES_PER_UNIT + RECORD_BYTES, pathBytes, bytes, at + LENGTH_BYTES);
    at += LENGTH_BYTES + pathBytes;
    this.copyFrom(reply, LENGTH_BYTES, bytes, at);
    at += LENGTH_BYTES;
    if (extent === 0) this.copyFrom(reply + LENGTH_BYTES, dataBytes, bytes, at);
    else this.copyExtent(extent, dataBytes, bytes, at);
    at += dataBytes;
    putSafeInt64(bytes, at, this.aclId(node));
    this.copyFrom(stat + STAT.czxid, STAT.cversion, bytes, at + 8);
    putInt32(bytes, at + 8 + STAT.cversion, this.persistedCversion(node));
    this.copyFrom(stat + STAT.aversion, BYTES_PER_WORD, bytes, at + 8 + STAT.aversion);
    putInt32(bytes, at + 8 + STAT.ephemeralOwner, this.field(node, RECORD.ownerHigh));
    putInt32(bytes, at + 12 + STAT.ephemeralOwner, this.field(node, RECORD.ownerLow));
    this.copyFrom(stat + STAT.pzxid, 8, bytes, at + 16 + STAT.ephemeralOwner);
  }

  /** How many nodes there are below this one, at any depth. Looks at each of them. */
  countDescendants(node: NodeRef): number {
    let count = 0;
    const open = [{ path: this.path(node), node }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { path } = next;
      if (next.node === 0 || this.numChildren(next.node) === 0) continue;
      const base = path === "/" ? "" : path;
      for (const name of this.children(next.node)) {
        count++;
        const child = `${base}/${name}`;
        open.push({ path: child, node: this.findPath(child) });
      }
    }
    return count;
  }

  private packedNames(node: NodeRef): Buffer {
    let bytes = 0;
    this.forEachChild(node, (_, length) => {
      bytes += BYTES_PER_WORD + length;
    });
    const names = Buffer.allocUnsafeSlow(bytes);
    let at = 0;
    this.forEachChild(node, (start, length) => {
      at = names.writeInt32LE(length, at);
      at += this.bytes.copy(names, at, start, start + length);
    });
    return names;
  }
}

/** Deaths are compared by distance: they keep the low word only, and matter only while a reader that saw it live is in. */
function isChildAt(sequence: number, born: number, died: number): boolean {
  return born <= sequence && (died === 0 || ((died - (sequence | 0)) | 0) > 0);
}
