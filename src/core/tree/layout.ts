import { assert } from "../../base/assert.js";
import { STAT_BYTES } from "../../jute/records.js";

// Where everything stands in the arena: one SharedArrayBuffer of 32-bit words. A reference is a byte offset divided by 8;
// 0 is no reference, since the header stands there.

/** A reference into the arena in units of 8 bytes; 0 = none. */
export type Reference = number;

export const WORDS_PER_UNIT = 2;
export const BYTES_PER_UNIT = 8;
export const BYTES_PER_WORD = 4;
/** Words of different owners stand this far apart, so that one thread's store does not take another's cache line. */
export const CACHE_LINE_WORDS = 16;

/** The unit in which the allocator hands memory to a size class, and the largest block. */
export const PAGE_BYTES = 16_384;
export const PAGE_UNITS = PAGE_BYTES / BYTES_PER_UNIT;

/** One typed array reaches no further on every supported Node version; references could address eight times as much. */
export const ARENA_BYTES_LIMIT = 2 ** 32 - PAGE_BYTES;

/** Words of the header. Each has one owner: the writer; all but `bucketCount` and `epoch` are set once, at creation. */
export const HEADER = {
  magic: 0,
  hashKey0: 1,
  hashKey1: 2,
  readersMax: 3,
  /** Word index of the first entry of the directory of table segments. */
  directory: 4,
  heapStart: 5,
  arenaUnits: 6,
  extendedTypes: 7,
  /** How many buckets the hash table has; grows by one per split. */
  bucketCount: CACHE_LINE_WORDS,
  /** The number of the current epoch, see `epochs.ts`. */
  epoch: 2 * CACHE_LINE_WORDS,
} as const;
export const READERS_START = 3 * CACHE_LINE_WORDS;
export const MAGIC = 0x7a61_6231;

/** Words of one reader's cache line. `claimed` belongs to whoever claims or releases it, `epoch` to the reader. */
export const READER = {
  claimed: 0,
  /** The epoch this reader entered at, or `OUTSIDE` while it holds no reference. */
  epoch: 1,
} as const;

/** A bucket is one cache line: seven pairs of (hash, reference of record), then the reference of an overflow bucket. */
export const BUCKET_WORDS = CACHE_LINE_WORDS;
export const BUCKET_BYTES = BUCKET_WORDS * BYTES_PER_WORD;
export const BUCKET_ENTRIES = 7;
export const BUCKET_OVERFLOW_WORD = 2 * BUCKET_ENTRIES;
/** The table's memory is allocated a page at a time. */
export const SEGMENT_BUCKETS = PAGE_BYTES / BUCKET_BYTES;
export const SEGMENT_BUCKETS_BITS = 31 - Math.clz32(SEGMENT_BUCKETS);

/**
 * Words of a record: everything a reply needs of one node at one moment. Immutable once its reference is published; the
 * path follows the words, then, from the next whole word, the reply of a getData as it goes on the wire: the data's length,
 * the data, the Stat. Data longer than `INLINE_DATA_BYTES_MAX` stands in an extent of its own, and the Stat then follows
 * the length.
 */
export const RECORD = {
  pathBytes: 0,
  /** Reference of the node's link. */
  link: 1,
  /** CRC-32 of path, data and persisted Stat, 0 below /zookeeper/. */
  digest: 2,
  /** CRC-32 of path and data alone, so that a change of the Stat does not read the data again. */
  digestPrefix: 3,
  aclId: 4,
  /** The permissions that the ACL gives to everyone. */
  openPermissions: 5,
  /** A 64-bit float: how many changes of children there had been in the whole tree when this record was made. */
  sequence: 6,
  /** -1 for null. */
  dataBytes: 8,
  /** Reference of the extent that holds the data, 0 if it stands inline. */
  extent: 9,
  persistedCversion: 10,
  /** The owner as stored, which says what kind of node it is; the Stat shows clients a session only. */
  ownerHigh: 11,
  ownerLow: 12,
} as const;
export const RECORD_WORDS = 13;
export const RECORD_BYTES = RECORD_WORDS * BYTES_PER_WORD;

/** A parent's record is rewritten at every change of a child, so what stands in it must be quick to copy. */
export const INLINE_DATA_BYTES_MAX = 2_048;
export const LENGTH_BYTES = 4;
/** The longest path that the store holds: a record must fit a page. Upstream has no limit but that of a packet. */
export const PATH_BYTES_MAX = PAGE_BYTES - RECORD_BYTES - LENGTH_BYTES - INLINE_DATA_BYTES_MAX - STAT_BYTES;

/** The length of a record whose data stands inline with so many bytes. */
export function recordBytes(pathBytes: number, inlineBytes: number): number {
  return replyOffset(pathBytes) + LENGTH_BYTES + inlineBytes + STAT_BYTES;
}

/** Where the reply begins in a record, in bytes. */
export function replyOffset(pathBytes: number): number {
  return RECORD_BYTES + ((pathBytes + BYTES_PER_WORD - 1) & -BYTES_PER_WORD);
}

/** Words of a link: a node's place in the tree. Lives as long as the node, and changes in place. */
export const LINK = {
  parent: 0,
  firstChild: 1,
  nextSibling: 2,
  /** For the writer only. */
  previousSibling: 3,
  /** The record that is current; the last one once the node is dead. */
  record: 4,
  /** The low word of the sequence at which the node was removed, 0 while it lives. */
  died: 5,
  /** A 64-bit float: the sequence at which the node was made. Set before the link is published. */
  born: 6,
  /** The list of one session's ephemerals, for the writer only. */
  nextEphemeral: 8,
  previousEphemeral: 9,
} as const;
export const LINK_WORDS = 10;
export const LINK_BYTES = LINK_WORDS * BYTES_PER_WORD;

/** An extent is a block of references to chunks of a page each, the last one shorter. */
export const CHUNK_BYTES = PAGE_BYTES;
export const EXTENT_CHUNKS_MAX = PAGE_BYTES / BYTES_PER_WORD;
export const DATA_BYTES_MAX = EXTENT_CHUNKS_MAX * CHUNK_BYTES;

/** Offsets in the 68 bytes of a client-visible Stat. */
export const STAT = {
  czxid: 0,
  mzxid: 8,
  ctime: 16,
  mtime: 24,
  version: 32,
  cversion: 36,
  aversion: 40,
  ephemeralOwner: 44,
  dataLength: 52,
  numChildren: 56,
  pzxid: 60,
} as const;

assert(STAT.pzxid + 8 === STAT_BYTES, "the offsets of the Stat end where it ends");
assert(PATH_BYTES_MAX % BYTES_PER_WORD === 0, "the longest path needs no padding");
assert(RECORD.sequence % 2 === 0 && LINK.born % 2 === 0, "64-bit floats are aligned");
assert(PATH_BYTES_MAX > 4_096, "a path as long as any file system allows fits");

/** The views of one arena. */
export interface ArenaViews {
  readonly shared: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly floats: Float64Array;
  readonly bytes: Buffer;
  /** For what stands in network byte order. */
  readonly view: DataView;
}

export function viewsOf(shared: SharedArrayBuffer): ArenaViews {
  return {
    shared,
    words: new Int32Array(shared),
    floats: new Float64Array(shared),
    bytes: Buffer.from(shared),
    view: new DataView(shared),
  };
}

/** The word where a bucket begins, given the word index of the directory. */
export function bucketWord(words: Int32Array, directory: number, bucket: number): number {
  const segment = words[directory + (bucket >>> SEGMENT_BUCKETS_BITS)] as number;
  return segment * WORDS_PER_UNIT + (bucket & (SEGMENT_BUCKETS - 1)) * BUCKET_WORDS;
}

/** Linear hashing: which of `count` buckets a hash belongs to. */
export function bucketOf(hash: number, count: number): number {
  const mask = 0xffff_ffff >>> Math.clz32(count - 1);
  const bucket = hash & mask;
  return bucket < count ? bucket : bucket & (mask >>> 1);
}
