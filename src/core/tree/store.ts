import { AssertionError, assert } from "../../base/assert.js";
import { crc32 } from "../../base/checksum.js";
import type { Zxid } from "../../base/zxid.js";
import { STAT_BYTES, type StatPersisted } from "../../jute/records.js";
import { AclCache, UNKNOWN_ACL_ID } from "./acl-cache.js";
import { Allocator, blockCostBytes, PARTIAL_PAGES_BYTES_MAX } from "./allocator.js";
import { Epochs, OUTSIDE, RETIRED, readerWord } from "./epochs.js";
import { hashPath } from "./hash.js";
import {
  ARENA_BYTES_LIMIT,
  BUCKET_BYTES,
  BYTES_PER_UNIT,
  BYTES_PER_WORD,
  CACHE_LINE_WORDS,
  CHUNK_BYTES,
  DATA_BYTES_MAX,
  HEADER,
  INLINE_DATA_BYTES_MAX,
  LENGTH_BYTES,
  LINK,
  LINK_BYTES,
  LINK_WORDS,
  MAGIC,
  PAGE_BYTES,
  PATH_BYTES_MAX,
  READER,
  READERS_START,
  RECORD,
  RECORD_BYTES,
  type Reference,
  recordBytes,
  replyOffset,
  STAT,
  WORDS_PER_UNIT,
} from "./layout.js";
import { ownerKind } from "./owner.js";
import { type NodeRef, WRITER, ZnodeReader } from "./reader.js";
import { directoryWords, Table } from "./table.js";

export { type NodeRef, ZnodeReader } from "./reader.js";

/** The arena has no room for a change; the tree is as it was before. */
export class ArenaFullError extends Error {
  override readonly name = "ArenaFullError";

  constructor(arenaBytes: number) {
    super(`the znode store's ${arenaBytes} bytes are full`);
  }
}

export interface StoreOptions {
  /** Reserved at once; the operating system provides memory as it is first touched. A multiple of 16 KiB is used. */
  readonly arenaBytesMax: number;
  /** A random integer below 2^53, drawn per process: keys the hash of paths. */
  readonly hashSeed: number;
  /** How many `ZnodeReader`s there may be at a time. */
  readonly readersMax: number;
  /** Upstream's `zookeeper.extendedTypesEnabled`: owners of TTL nodes are such. Off by default. */
  readonly extendedTypesEnabled?: boolean;
  /** An arena of a store that nobody uses any more, `arenaBytesMax` long, to be used again. */
  readonly memory?: SharedArrayBuffer;
}

export interface CreateChange {
  readonly path: string;
  readonly data: Uint8Array | null;
  /** Carries one usage from `acls.acquire`, which the store takes over unless it throws. */
  readonly aclId: number;
  readonly ephemeralOwner: bigint;
  readonly zxid: Zxid;
  readonly timeMs: number;
  /** The parent's persisted cversion after the change; -1 = one more than it is. */
  readonly parentCversion: number;
}

/** What the record of a change will say of its own contents. */
export interface KnownDigests {
  readonly contentCrc: number;
  readonly digest: number;
}

/**
 * What came of a change. Anything but "applied" is a bug while serving, since requests are validated, and tolerated
 * while recovering: a fuzzy snapshot may hold the effect of transactions that are applied again.
 */
export type ApplyOutcome = "applied" | "nodeExists" | "noNode";

const WORD = 2 ** 32;
const SLASH = 0x2f;
const SYSTEM_PREFIX = Buffer.from("/zookeeper/");
const EMPTY = new Uint8Array(0);
/** Up to about this length a loop is faster than a copy by the engine. */
const LOOP_COPY_BYTES_MAX = 64;
/** Between two looks at what readers have given up. */
const CHANGES_PER_RECLAIM = 16;
const RECLAIM_COUNT_MIN = 256;
/** How often to look, a millisecond apart, before a full arena is called full: a reader's turn takes less than that. */
const WAITS_FOR_READERS_MAX = 200;
/** The persisted cversion, the aversion and the stored owner, which end what a node's digest covers. */
const DIGEST_TAIL_BYTES = 16;

function pageAligned(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/**
 * The tree of znodes, and the one thread that changes it. Changes are applied as they are, in zxid order, with the
 * semantics of upstream's DataTree; whether they are allowed was decided before.
 *
 * A change first allocates all it needs, and only then publishes, so that `ArenaFullError` leaves the tree as it was.
 * To know beforehand, sum `writeCostBytes` of the writes accepted but not applied, and ask `canHold`.
 */
export class ZnodeStore extends ZnodeReader {
  readonly acls = new AclCache();
  private readonly allocator: Allocator;
  private readonly epochs: Epochs;
  private readonly table: Table;
  private readonly extended: boolean;
  private readonly readersMax: number;
  /** Counts changes of children in the whole tree; its low word is never 0, which means "not dead". */
  private sequence = 0;
  private changes = 0;
  /** What the change at hand has allocated and not yet published: the first so many; the array itself never shrinks. */
  private readonly allocated: Reference[] = [];
  private allocatedCount = 0;
  /** The first link of each session's ephemerals. */
  private readonly ephemeralHeads = new Map<bigint, Reference>();
  private ephemerals = 0;
  private readonly reapable = new Set<string>();
  private dataBytesSum = 0;
  /** The node that the last create, setData or setAcl wrote, until the next change. */
  changedNode: NodeRef = 0;
  private digestHighWord = 0;
  private digestLowWord = 0;
  private readonly digestTailBytes = Buffer.alloc(DIGEST_TAIL_BYTES);
  private readonly digestTail = new DataView(this.digestTailBytes.buffer, this.digestTailBytes.byteOffset);
  private readonly release = (reference: Reference, kind: number): void => {
    if (kind === RETIRED.block) this.allocator.free(reference);
    else this.unchain(reference);
  };

  /** An empty tree, without even a root: load a snapshot into it, or see `createFreshTree`. */
  static create(options: StoreOptions): ZnodeStore {
    return new ZnodeStore(formatArena(options));
  }

  private constructor(shared: SharedArrayBuffer) {
    super(shared, WRITER);
    this.allocator = new Allocator(this.words, this.words[HEADER.heapStart] as number);
    this.epochs = new Epochs(this.words);
    this.table = new Table(this.words, this.allocator, this.epochs);
    this.extended = this.words[HEADER.extendedTypes] === 1;
    this.readersMax = this.words[HEADER.readersMax] as number;
  }

  /** As upstream reports it: the root counts twice, under its two names. */
  get nodeCount(): number {
    return this.table.length === 0 ? 0 : this.table.length + 1;
  }

  get ephemeralsCount(): number {
    return this.ephemerals;
  }

  /** The length of all paths, in UTF-16 units as upstream has it, and of all data. */
  get approximateDataBytes(): number {
    return this.dataBytesSum;
  }

  /** The high word of the tree's digest, unsigned. */
  get digestHigh(): number {
    return this.digestHighWord;
  }

  get digestLow(): number {
    return this.digestLowWord;
  }

  get treeDigest(): bigint {
    return (BigInt(this.digestHighWord) << 32n) | BigInt(this.digestLowWord);
  }

  /** Buckets of the hash table, which grows with the tree. */
  get bucketCount(): number {
    return this.table.bucketCount;
  }

  /** Bytes of the arena in no use at all. */
  get freeBytes(): number {
    return this.allocator.freePagesBytes;
  }

  /** Blocks that wait for readers to quiesce. */
  get retiredCount(): number {
    return this.epochs.waiting;
  }

  /** What a create or a setData takes of the arena at the most, in bytes. */
  static writeCostBytes(pathBytes: number, dataBytes: number): number {
    const inline = dataBytes <= INLINE_DATA_BYTES_MAX;
    const parentRecord = recordBytes(pathBytes, INLINE_DATA_BYTES_MAX);
    let cost = blockCostBytes(LINK_BYTES) + blockCostBytes(parentRecord) + 2 * blockCostBytes(BUCKET_BYTES);
    cost += blockCostBytes(recordBytes(pathBytes, inline ? dataBytes : 0));
    if (inline) return cost;
    const chunks = Math.ceil(dataBytes / CHUNK_BYTES);
    return cost + blockCostBytes(chunks * BYTES_PER_WORD) + chunks * PAGE_BYTES;
  }

  /** Whether the store can hold what no request may exceed. */
  static fits(pathBytes: number, dataBytes: number): boolean {
    return pathBytes <= PATH_BYTES_MAX && dataBytes <= DATA_BYTES_MAX;
  }

  /**
   * Whether writes that cost so many bytes together (`writeCostBytes`) will all succeed. A reserve is kept back, so that a
   * full tree can still be deleted from.
   */
  canHold(bytes: number): boolean {
    // One page of each class may be left half used, and the table may grow by a page.
    const needed = bytes + PARTIAL_PAGES_BYTES_MAX + PAGE_BYTES;
    if (this.allocator.freePagesBytes >= needed) return true;
    this.epochs.reclaim(this.release, this.epochs.waiting);
    return this.allocator.freePagesBytes >= needed;
  }

  /** For a reader whose thread ended without `unregister`: it no longer holds anything. */
  releaseReader(readerIndex: number): void {
    assert(readerIndex >= 0 && readerIndex < this.readersMax, `no reader ${readerIndex}`);
    Atomics.store(this.words, readerWord(readerIndex) + READER.epoch, OUTSIDE);
    Atomics.store(this.words, readerWord(readerIndex) + READER.claimed, 0);
  }

  /**
   * Adds a node. The parent's cversion and pzxid change only if the cversion becomes larger, also where the node exists
   * already, so that a transaction may be applied again.
   */
  create(change: CreateChange): ApplyOutcome {
    const { path, zxid } = change;
    this.beginChange();
    const length = this.encode(path);
    const parentLength = this.encoded.lastIndexOf(SLASH, length - 1);
    if (length === 0 || parentLength < 0 || length === 1) return this.refuse(change.aclId, this.findPath(path));
    const parentHash = this.hashOf(0, parentLength);
    const parent = this.lookUp(parentHash, this.encoded, 0, parentLength);
    if (parent === 0) return this.refuse(change.aclId, 0);
    const parentCversion =
      change.parentCversion === -1 ? (this.persistedCversion(parent) + 1) | 0 : change.parentCversion;
    const newer = parentCversion > this.persistedCversion(parent);
    const hash = this.hashOf(0, length);
    const existing = this.lookUp(hash, this.encoded, 0, length);
    if (existing !== 0) {
      if (newer) {
        const record = this.copyOf(parent);
        this.setParentFields(record, parentCversion, zxid, this.numChildren(parent));
        this.publish(parentHash, parent, record);
      }
      // A fuzzy snapshot lists the ACLs first: that of a znode which it shows by way of this very change is not among them.
      if (this.czxid(existing) === zxid && this.aclId(existing) === UNKNOWN_ACL_ID) {
        this.publish(hash, existing, this.copyWithAcl(existing, change.aclId));
        return "nodeExists";
      }
      return this.refuse(change.aclId, existing);
    }
    const { aclId, ephemeralOwner, timeMs } = change;
    const stat = {
      czxid: zxid,
      mzxid: zxid,
      ctime: timeMs,
      mtime: timeMs,
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner,
      pzxid: zxid,
    };
    const record = this.writeRecord(this.encoded, length, change.data, aclId, stat);
    const parentRecord = this.copyOf(parent);
    this.attach(record, hash, parent);
    if (newer) this.setParentFields(parentRecord, parentCversion, zxid, this.numChildren(parent) + 1);
    else
      this.setParentFields(
        parentRecord,
        this.persistedCversion(parent),
        this.pzxid(parent),
        this.numChildren(parent) + 1,
      );
    this.publish(parentHash, parent, parentRecord);
    this.dataBytesSum += path.length + (change.data === null ? 0 : change.data.length);
    this.changedNode = record;
    return "applied";
  }

  /**
   * Removes a node. The parent's pzxid becomes `zxid` if that is larger, also where the node is missing already. What is
   * below the node goes with it: there is something only while recovering, when a later transaction brings it back.
   */
  remove(path: string, zxid: Zxid): ApplyOutcome {
    this.beginChange();
    const length = this.encode(path);
    assert(length > 1, "the root cannot be removed");
    const parentLength = this.encoded.lastIndexOf(SLASH, length - 1);
    if (parentLength < 0) return "noNode";
    const parentHash = this.hashOf(0, parentLength);
    const parent = this.lookUp(parentHash, this.encoded, 0, parentLength);
    if (parent === 0) return "noNode";
    const hash = this.hashOf(0, length);
    const node = this.lookUp(hash, this.encoded, 0, length);
    if (node !== 0 && this.numChildren(node) > 0) {
      for (const name of this.children(node)) this.remove(`${path}/${name}`, zxid);
      return this.remove(path, zxid);
    }
    const pzxid = Math.max(zxid, this.pzxid(parent));
    if (node === 0 && pzxid === this.pzxid(parent)) return "noNode";
    const parentRecord = this.copyOf(parent);
    const cversion = this.persistedCversion(parent);
    if (node === 0) {
      this.setParentFields(parentRecord, cversion, pzxid, this.numChildren(parent));
      this.publish(parentHash, parent, parentRecord);
      return "noNode";
    }
    const dataBytes = this.dataLength(node);
    this.detach(node, hash);
    this.setParentFields(parentRecord, cversion, pzxid, this.numChildren(parent) - 1);
    this.publish(parentHash, parent, parentRecord);
    this.dataBytesSum -= path.length + dataBytes;
    return "applied";
  }

  /** `version` is the new one. `known` are digests that whoever decided on the change has computed already. */
  setData(
    path: string,
    data: Uint8Array | null,
    version: number,
    zxid: Zxid,
    timeMs: number,
    known?: KnownDigests,
  ): ApplyOutcome {
    this.beginChange();
    const length = this.encodeNode(path);
    const hash = this.hashOf(0, length);
    const node = this.lookUp(hash, this.encoded, 0, length);
    if (node === 0) return "noNode";
    const record = this.copyWithData(node, data);
    const stat = this.statAt(record);
    this.view.setInt32(stat + STAT.version, version);
    this.setInt64(stat + STAT.mzxid, zxid);
    this.setInt64(stat + STAT.mtime, timeMs);
    const word = record * WORDS_PER_UNIT;
    // 0 is also what the service's own nodes have, so it says nothing.
    if (known !== undefined && known.digest !== 0) {
      this.words[word + RECORD.digestPrefix] = known.contentCrc;
      this.words[word + RECORD.digest] = known.digest;
    } else {
      this.words[word + RECORD.digestPrefix] = contentCrcOf(this.encoded, length, data);
      this.updateDigest(record);
    }
    this.dataBytesSum += this.dataLength(record) - this.dataLength(node);
    this.retireExtent(node);
    this.publish(hash, node, record);
    this.changedNode = record;
    return "applied";
  }

  /** `aversion` is the new one. `aclId` carries a usage, as in a create. */
  setAcl(path: string, aclId: number, aversion: number): ApplyOutcome {
    this.beginChange();
    const length = this.encodeNode(path);
    const hash = this.hashOf(0, length);
    const node = this.lookUp(hash, this.encoded, 0, length);
    if (node === 0) return this.refuse(aclId, 0);
    const record = this.copyWithAcl(node, aclId);
    this.view.setInt32(this.statAt(record) + STAT.aversion, aversion);
    this.updateDigest(record);
    this.publish(hash, node, record);
    this.changedNode = record;
    return "applied";
  }

  /**
   * Adds a node from a snapshot, parents first, the root (under either name) before all. Counts the usage of its ACL. False
   * if the parent is missing or the node is there already: such a snapshot is damaged.
   */
  load(path: string, data: Uint8Array | null, listId: number, stat: StatPersisted): boolean {
    this.beginChange();
    // The list that gets this id next would be another one.
    const aclId = this.acls.get(listId) === undefined ? UNKNOWN_ACL_ID : listId;
    const length = this.encodeNode(path);
    const hash = this.hashOf(0, length);
    if (this.lookUp(hash, this.encoded, 0, length) !== 0) return false;
    if (length === 0) {
      this.attach(this.writeRecord(EMPTY, 0, data, aclId, stat), hash, 0);
    } else {
      const parentLength = this.encoded.lastIndexOf(SLASH, length - 1);
      if (parentLength < 0) return false;
      const parentHash = this.hashOf(0, parentLength);
      const parent = this.lookUp(parentHash, this.encoded, 0, parentLength);
      if (parent === 0) return false;
      const record = this.writeRecord(this.encoded, length, data, aclId, stat);
      const parentRecord = this.copyOf(parent);
      this.attach(record, hash, parent);
      const numChildren = this.numChildren(parent) + 1;
      this.setParentFields(parentRecord, this.persistedCversion(parent), this.pzxid(parent), numChildren);
      this.publish(parentHash, parent, parentRecord);
    }
    this.acls.addUsage(aclId);
    // The root is counted under its longer name as well.
    this.dataBytesSum += (length === 0 ? 1 : path.length) + (data === null ? 0 : data.length);
    return true;
  }

  /** The paths of a session's ephemeral nodes, the youngest first. */
  ephemeralsOf(sessionId: bigint): readonly string[] {
    const paths: string[] = [];
    for (let link = this.ephemeralHeads.get(sessionId) ?? 0; link !== 0; ) {
      const word = link * WORDS_PER_UNIT;
      paths.push(this.path(this.words[word + LINK.record] as number));
      link = this.words[word + LINK.nextEphemeral] as number;
    }
    return paths;
  }

  /** The paths of all container and TTL nodes. */
  containersAndTtls(): Iterable<string> {
    return this.reapable;
  }

  sessionsWithEphemerals(): IterableIterator<bigint> {
    return this.ephemeralHeads.keys();
  }

  // Memory

  private beginChange(): void {
    if (++this.changes % CHANGES_PER_RECLAIM === 0) {
      this.epochs.reclaim(this.release, RECLAIM_COUNT_MIN + (this.epochs.waiting >>> 3));
    }
  }

  /** A block for the change at hand, which fails if there is none. */
  private allocate(bytes: number): Reference {
    let block = this.allocator.allocate(bytes);
    for (let waits = 0; block === 0; waits++) {
      if (this.epochs.waiting === 0 || waits === WAITS_FOR_READERS_MAX) this.fail();
      this.epochs.reclaim(this.release, this.epochs.waiting);
      block = this.allocator.allocate(bytes);
      // What is accepted must be applied, so it is better to hold this thread up until readers end their turn.
      // biome-ignore lint/plugin: bounded, and only where the arena is full of blocks that readers still hold.
      if (block === 0 && waits > 1) Atomics.wait(this.words, HEADER.magic, MAGIC, 1);
    }
    this.allocated[this.allocatedCount++] = block;
    return block;
  }

  private roomFor(hash: number): number {
    for (;;) {
      const entry = this.table.makeRoom(hash);
      if (entry !== 0) return entry;
      // The table does not wait for readers; this does, or fails.
      this.allocate(BUCKET_BYTES);
      this.allocator.free(this.allocated[--this.allocatedCount] as Reference);
    }
  }

  private fail(): never {
    while (this.allocatedCount > 0) this.allocator.free(this.allocated[--this.allocatedCount] as Reference);
    throw new ArenaFullError(this.bytes.length);
  }

  private retireExtent(node: NodeRef): void {
    const extent = this.words[node * WORDS_PER_UNIT + RECORD.extent] as number;
    if (extent === 0) return;
    const chunks = Math.ceil(this.dataLength(node) / CHUNK_BYTES);
    for (let index = 0; index < chunks; index++) {
      this.epochs.retire(this.words[extent * WORDS_PER_UNIT + index] as number, RETIRED.block);
    }
    this.epochs.retire(extent, RETIRED.block);
  }

  // Records

  private hashOf(start: number, end: number): number {
    return hashPath(this.hashKey0, this.hashKey1, this.encoded, start, end);
  }

  /** Encodes a path and returns its length in bytes, 0 for the root under either name. */
  private encodeNode(path: string): number {
    const length = this.encode(path);
    return length === 1 && this.encoded[0] === SLASH ? 0 : length;
  }

  private refuse(aclId: number, existing: NodeRef): ApplyOutcome {
    this.acls.release(aclId);
    return existing === 0 ? "noNode" : "nodeExists";
  }

  /** `aclId` carries a usage. */
  private copyWithAcl(node: NodeRef, aclId: number): NodeRef {
    const record = this.copyOf(node);
    const word = record * WORDS_PER_UNIT;
    this.acls.release(this.aclId(node));
    this.words[word + RECORD.aclId] = aclId;
    this.words[word + RECORD.openPermissions] = this.acls.openPermissions(aclId);
    return record;
  }

  /** A new record, not yet published, of a node without children. */
  private writeRecord(
    path: Uint8Array,
    pathBytes: number,
    data: Uint8Array | null,
    aclId: number,
    stat: StatPersisted,
  ): NodeRef {
    const dataBytes = data === null ? 0 : data.length;
    if (!ZnodeStore.fits(pathBytes, dataBytes)) {
      throw new AssertionError(`a path of ${pathBytes} and data of ${dataBytes} bytes were accepted`);
    }
    const inlineBytes = dataBytes <= INLINE_DATA_BYTES_MAX ? dataBytes : 0;
    const record = this.allocate(recordBytes(pathBytes, inlineBytes));
    const extent = data === null || inlineBytes === dataBytes ? 0 : this.writeExtent(data);
    const { words, bytes, view } = this;
    const word = record * WORDS_PER_UNIT;
    const pathAt = record * BYTES_PER_UNIT + RECORD_BYTES;
    const replyAt = record * BYTES_PER_UNIT + replyOffset(pathBytes);
    const statAt = replyAt + LENGTH_BYTES + inlineBytes;
    for (let index = 0; index < pathBytes; index++) bytes[pathAt + index] = path[index] as number;
    view.setInt32(replyAt, data === null ? -1 : dataBytes);
    if (data !== null && inlineBytes > 0) bytes.set(data, replyAt + LENGTH_BYTES);

    const prefix = contentCrcOf(path, pathBytes, data);
    const high = stat.ephemeralOwner === 0n ? 0 : Number(BigInt.asIntN(32, stat.ephemeralOwner >> 32n));
    const low = stat.ephemeralOwner === 0n ? 0 : Number(BigInt.asIntN(32, stat.ephemeralOwner));
    words[word + RECORD.pathBytes] = pathBytes;
    words[word + RECORD.link] = 0;
    words[word + RECORD.digestPrefix] = prefix;
    words[word + RECORD.aclId] = aclId;
    words[word + RECORD.openPermissions] = this.acls.openPermissions(aclId);
    this.floats[(word + RECORD.sequence) / 2] = this.sequence;
    words[word + RECORD.dataBytes] = data === null ? -1 : dataBytes;
    words[word + RECORD.extent] = extent;
    words[word + RECORD.persistedCversion] = stat.cversion;
    words[word + RECORD.ownerHigh] = high;
    words[word + RECORD.ownerLow] = low;

    const isSession = ownerKind(high, low, this.extended) === "ephemeral";
    this.setInt64(statAt + STAT.czxid, stat.czxid);
    this.setInt64(statAt + STAT.mzxid, stat.mzxid);
    this.setInt64(statAt + STAT.ctime, stat.ctime);
    this.setInt64(statAt + STAT.mtime, stat.mtime);
    view.setInt32(statAt + STAT.version, stat.version);
    view.setInt32(statAt + STAT.aversion, stat.aversion);
    view.setInt32(statAt + STAT.ephemeralOwner, isSession ? high : 0);
    view.setInt32(statAt + STAT.ephemeralOwner + 4, isSession ? low : 0);
    view.setInt32(statAt + STAT.dataLength, dataBytes);
    this.setInt64(statAt + STAT.pzxid, stat.pzxid);
    this.setNumChildren(record, 0);
    this.updateDigest(record);
    return record;
  }

  private writeExtent(data: Uint8Array): Reference {
    const chunks = Math.ceil(data.length / CHUNK_BYTES);
    const extent = this.allocate(chunks * BYTES_PER_WORD);
    for (let index = 0; index < chunks; index++) {
      const part = data.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
      const chunk = this.allocate(part.length);
      this.words[extent * WORDS_PER_UNIT + index] = chunk;
      this.bytes.set(part, chunk * BYTES_PER_UNIT);
    }
    return extent;
  }

  /** A copy of a record with other data, to be changed and published; its digests are not set. */
  private copyWithData(node: NodeRef, data: Uint8Array | null): NodeRef {
    const { words, bytes, view } = this;
    const dataBytes = data === null ? 0 : data.length;
    const pathBytes = words[node * WORDS_PER_UNIT + RECORD.pathBytes] as number;
    assert(ZnodeStore.fits(pathBytes, dataBytes), "what does not fit is refused before");
    const inlineBytes = dataBytes <= INLINE_DATA_BYTES_MAX ? dataBytes : 0;
    const record = this.allocate(recordBytes(pathBytes, inlineBytes));
    const extent = data === null || inlineBytes === dataBytes ? 0 : this.writeExtent(data);
    const word = record * WORDS_PER_UNIT;
    const replyBytes = replyOffset(pathBytes);
    const nodeWord = node * WORDS_PER_UNIT;
    for (let index = 0; index < replyBytes / BYTES_PER_WORD; index++) {
      words[word + index] = words[nodeWord + index] as number;
    }
    words[word + RECORD.dataBytes] = data === null ? -1 : dataBytes;
    words[word + RECORD.extent] = extent;
    const replyAt = record * BYTES_PER_UNIT + replyBytes;
    view.setInt32(replyAt, data === null ? -1 : dataBytes);
    if (inlineBytes > LOOP_COPY_BYTES_MAX) bytes.set(data as Uint8Array, replyAt + LENGTH_BYTES);
    else
      for (let index = 0; index < inlineBytes; index++) bytes[replyAt + LENGTH_BYTES + index] = data![index] as number;
    const from = this.statAt(node);
    const to = replyAt + LENGTH_BYTES + inlineBytes;
    if (((from | to) & (BYTES_PER_WORD - 1)) === 0) {
      for (let index = 0; index < STAT_BYTES / BYTES_PER_WORD; index++) {
        words[to / BYTES_PER_WORD + index] = words[from / BYTES_PER_WORD + index] as number;
      }
    } else {
      for (let index = 0; index < STAT_BYTES; index++) bytes[to + index] = bytes[from + index] as number;
    }
    view.setInt32(to + STAT.dataLength, dataBytes);
    return record;
  }

  /** A copy of a record, to be changed and published; it shares the extent. */
  private copyOf(node: NodeRef): NodeRef {
    const { extent, dataBytes, pathBytes } = RECORD;
    const word = node * WORDS_PER_UNIT;
    const inlineBytes = this.words[word + extent] === 0 ? Math.max(0, this.words[word + dataBytes] as number) : 0;
    const length = recordBytes(this.words[word + pathBytes] as number, inlineBytes);
    const copy = this.allocate(length);
    const start = node * BYTES_PER_UNIT;
    this.bytes.copyWithin(copy * BYTES_PER_UNIT, start, start + length);
    return copy;
  }

  private setInt64(at: number, value: number): void {
    const high = Math.floor(value / WORD);
    this.view.setInt32(at, high);
    this.view.setUint32(at + 4, value - high * WORD);
  }

  private setParentFields(record: NodeRef, cversion: number, pzxid: Zxid, numChildren: number): void {
    const word = record * WORDS_PER_UNIT;
    this.words[word + RECORD.persistedCversion] = cversion;
    this.floats[(word + RECORD.sequence) / 2] = this.sequence;
    this.setInt64(this.statAt(record) + STAT.pzxid, pzxid);
    this.setNumChildren(record, numChildren);
    this.updateDigest(record);
  }

  /** With the persisted cversion set: clients see twice that, less the children there are. */
  private setNumChildren(record: NodeRef, numChildren: number): void {
    const stat = this.statAt(record);
    const cversion = this.words[record * WORDS_PER_UNIT + RECORD.persistedCversion] as number;
    this.view.setInt32(stat + STAT.numChildren, numChildren);
    this.view.setInt32(stat + STAT.cversion, (cversion * 2 - numChildren) | 0);
  }

  /** Upstream's DigestCalculator: path, data, then the persisted Stat in an order of its own. */
  private updateDigest(record: NodeRef): void {
    const word = record * WORDS_PER_UNIT;
    const prefix = this.words[word + RECORD.digestPrefix] as number;
    const path = record * BYTES_PER_UNIT + RECORD_BYTES;
    if (isBelowSystem(this.bytes, path, this.words[word + RECORD.pathBytes] as number)) {
      this.words[word + RECORD.digest] = 0;
      return;
    }
    // Most of it stands in the Stat already, in runs; what does not is put together.
    const stat = this.statAt(record);
    const { bytes, words, digestTail } = this;
    digestTail.setInt32(0, words[word + RECORD.persistedCversion] as number);
    digestTail.setInt32(4, this.view.getInt32(stat + STAT.aversion));
    digestTail.setInt32(8, words[word + RECORD.ownerHigh] as number);
    digestTail.setInt32(12, words[word + RECORD.ownerLow] as number);
    let crc = crc32(bytes, stat + STAT.czxid, stat + STAT.ctime, prefix);
    crc = crc32(bytes, stat + STAT.pzxid, stat + STAT_BYTES, crc);
    crc = crc32(bytes, stat + STAT.ctime, stat + STAT.cversion, crc);
    words[word + RECORD.digest] = crc32(this.digestTailBytes, 0, DIGEST_TAIL_BYTES, crc);
  }

  private addDigest(node: NodeRef): void {
    const sum = this.digestLowWord + this.digest(node);
    this.digestLowWord = sum >>> 0;
    if (sum >= WORD) this.digestHighWord = (this.digestHighWord + 1) >>> 0;
  }

  private subtractDigest(node: NodeRef): void {
    const difference = this.digestLowWord - this.digest(node);
    this.digestLowWord = difference >>> 0;
    if (difference < 0) this.digestHighWord = (this.digestHighWord - 1) >>> 0;
  }

  // The tree

  /** Puts a record in the place of another of the same node. */
  private publish(hash: number, node: NodeRef, record: NodeRef): void {
    const link = this.words[node * WORDS_PER_UNIT + RECORD.link] as number;
    this.words[record * WORDS_PER_UNIT + RECORD.link] = link;
    Atomics.store(this.words, link * WORDS_PER_UNIT + LINK.record, record);
    this.table.replace(hash, node, record);
    this.epochs.retire(node, RETIRED.block);
    this.subtractDigest(node);
    this.addDigest(record);
    this.allocatedCount = 0;
  }

  private nextSequence(): number {
    this.sequence++;
    if ((this.sequence | 0) === 0) this.sequence++;
    return this.sequence;
  }

  /**
   * Publishes the first record of a node, as a child of `parent` unless that is 0. The parent's own record follows; until
   * then the child is younger than any version of the parent that readers see.
   */
  private attach(record: NodeRef, hash: number, parent: NodeRef): void {
    const words = this.words;
    const link = this.allocate(LINK_BYTES);
    const entry = this.roomFor(hash);
    this.allocatedCount = 0;
    const word = link * WORDS_PER_UNIT;
    words.fill(0, word, word + LINK_WORDS);
    words[word + LINK.record] = record;
    words[record * WORDS_PER_UNIT + RECORD.link] = link;
    this.floats[(word + LINK.born) / 2] = this.nextSequence();
    if (parent !== 0) {
      const parentLink = words[parent * WORDS_PER_UNIT + RECORD.link] as number;
      const first = words[parentLink * WORDS_PER_UNIT + LINK.firstChild] as number;
      words[word + LINK.parent] = parentLink;
      words[word + LINK.nextSibling] = first;
      if (first !== 0) words[first * WORDS_PER_UNIT + LINK.previousSibling] = link;
      Atomics.store(words, parentLink * WORDS_PER_UNIT + LINK.firstChild, link);
    }
    this.table.insert(entry, hash, record);
    this.addDigest(record);
    const kind = this.ownerKind(record);
    if (kind === "ephemeral") this.listEphemeral(record, link);
    else if (kind !== "persistent") this.reapable.add(this.path(record));
  }

  /** Takes a node without children out of sight. Its place among its siblings stays while readers may see it there. */
  private detach(node: NodeRef, hash: number): void {
    const link = this.words[node * WORDS_PER_UNIT + RECORD.link] as number;
    const kind = this.ownerKind(node);
    if (kind === "ephemeral") this.unlistEphemeral(node, link);
    else if (kind !== "persistent") this.reapable.delete(this.path(node));
    Atomics.store(this.words, link * WORDS_PER_UNIT + LINK.died, this.nextSequence() | 0);
    this.table.remove(hash, node);
    this.subtractDigest(node);
    this.acls.release(this.aclId(node));
    this.retireExtent(node);
    this.epochs.retire(link, RETIRED.link);
  }

  /**
   * Takes a dead link out of the chain of its siblings, once no reader is left that can see a version of the parent in which
   * the child lives. A reader may still stand on the link, on its way along the chain, and needs the last record to know
   * it by; so both wait once more. From there it goes on to links that were in the chain when this one was taken out: they
   * wait for that reader too.
   */
  private unchain(link: Reference): void {
    const words = this.words;
    const word = link * WORDS_PER_UNIT;
    const next = words[word + LINK.nextSibling] as number;
    const previous = words[word + LINK.previousSibling] as number;
    if (next !== 0) words[next * WORDS_PER_UNIT + LINK.previousSibling] = previous;
    if (previous !== 0) Atomics.store(words, previous * WORDS_PER_UNIT + LINK.nextSibling, next);
    else Atomics.store(words, (words[word + LINK.parent] as number) * WORDS_PER_UNIT + LINK.firstChild, next);
    this.epochs.retire(words[word + LINK.record] as number, RETIRED.block);
    this.epochs.retire(link, RETIRED.block);
  }

  private listEphemeral(node: NodeRef, link: Reference): void {
    const owner = this.ephemeralOwner(node);
    const first = this.ephemeralHeads.get(owner) ?? 0;
    this.words[link * WORDS_PER_UNIT + LINK.nextEphemeral] = first;
    if (first !== 0) this.words[first * WORDS_PER_UNIT + LINK.previousEphemeral] = link;
    this.ephemeralHeads.set(owner, link);
    this.ephemerals++;
  }

  private unlistEphemeral(node: NodeRef, link: Reference): void {
    const words = this.words;
    const next = words[link * WORDS_PER_UNIT + LINK.nextEphemeral] as number;
    const previous = words[link * WORDS_PER_UNIT + LINK.previousEphemeral] as number;
    if (next !== 0) words[next * WORDS_PER_UNIT + LINK.previousEphemeral] = previous;
    if (previous !== 0) words[previous * WORDS_PER_UNIT + LINK.nextEphemeral] = next;
    else if (next !== 0) this.ephemeralHeads.set(this.ephemeralOwner(node), next);
    else this.ephemeralHeads.delete(this.ephemeralOwner(node));
    this.ephemerals--;
  }
}

function isBelowSystem(bytes: Uint8Array, start: number, pathBytes: number): boolean {
  if (pathBytes < SYSTEM_PREFIX.length) return false;
  for (let index = 0; index < SYSTEM_PREFIX.length; index++) {
    if (bytes[start + index] !== SYSTEM_PREFIX[index]) return false;
  }
  return true;
}

/** What the digest of a node begins with: path and data; 0 below /zookeeper/, where nothing counts. */
function contentCrcOf(path: Uint8Array, pathBytes: number, data: Uint8Array | null): number {
  if (isBelowSystem(path, 0, pathBytes)) return 0;
  const crc = crc32(path, 0, pathBytes);
  return data === null ? crc : crc32(data, 0, data.length, crc);
}

function formatArena(options: StoreOptions): SharedArrayBuffer {
  const { hashSeed, readersMax } = options;
  const arenaBytes = Math.min(pageAligned(options.arenaBytesMax), ARENA_BYTES_LIMIT);
  assert(Number.isSafeInteger(hashSeed) && hashSeed >= 0, "the seed is a non-negative integer below 2^53");
  assert(Number.isSafeInteger(readersMax) && readersMax >= 0, `readersMax: ${readersMax}`);
  const directory = READERS_START + readersMax * CACHE_LINE_WORDS;
  const headerBytes = pageAligned((directory + directoryWords(arenaBytes)) * BYTES_PER_WORD);
  assert(arenaBytes >= headerBytes + 2 * PAGE_BYTES, `an arena of ${arenaBytes} bytes holds nothing`);
  const { memory: shared = new SharedArrayBuffer(arenaBytes) } = options;
  assert(shared.byteLength === arenaBytes, "an arena is used again for a store of its size");
  const words = new Int32Array(shared);
  // Behind the header nothing is taken for empty: a block's contents are undefined when it is handed out.
  if (options.memory !== undefined) words.fill(0, 0, headerBytes / BYTES_PER_WORD);
  words[HEADER.magic] = MAGIC;
  words[HEADER.hashKey0] = hashSeed | 0;
  words[HEADER.hashKey1] = Math.floor(hashSeed / WORD);
  words[HEADER.readersMax] = readersMax;
  words[HEADER.directory] = directory;
  words[HEADER.heapStart] = headerBytes / BYTES_PER_UNIT;
  words[HEADER.arenaUnits] = arenaBytes / BYTES_PER_UNIT;
  words[HEADER.extendedTypes] = options.extendedTypesEnabled === true ? 1 : 0;
  return shared;
}
