import { ByteWriter, MalformedBytesError } from "../../base/bytes.js";
import { adler32 } from "../../base/checksum.js";
import type { Zxid } from "../../base/zxid.js";
import { safeLong, ustring, vector, zxid } from "../../jute/codec.js";
import { Acl, StatPersisted } from "../../jute/records.js";
import { type ByteSource, ByteWindow } from "./byte-source.js";

// A snapshot is a header, the sessions, the ACL cache, the nodes, and up to two optional parts, each followed by a seal
// (upstream: FileSnap, SerializeUtils, ReferenceCountedACLCache, DataTree.serialize*).

export const SNAPSHOT_MAGIC = 0x5a4b_534e;
export const SNAPSHOT_VERSION = 2;
const HEADER_BYTES = 16;
const STAT_PERSISTED_BYTES = 60;
/** Seals close every part: the Adler-32 of all bytes so far as a long, then the path that ends the list of nodes. */
const END_PATH = "/";
const SEAL_BYTES = 13;
const LAST_ZXID_PART_BYTES = 8 + SEAL_BYTES;
const WINDOW_BYTES = 1 << 20;

/** The tree's digest at one zxid; `digest` is the 64 bits as upstream writes them, or its hex text below version 2. */
export interface SnapshotDigest {
  readonly zxid: Zxid;
  readonly version: number;
  readonly digest: bigint | string;
}

/**
 * What a snapshot is made from. Sessions are (id, timeout in ms). Nodes are written parents first, the root before all, under
 * the empty path: path, data, the id of the ACL (-1 the open one, others refer to the ACL cache), the persisted Stat;
 * `writeNodes` stops behind each.
 */
export interface SnapshotContent {
  readonly sessions: Iterable<readonly [bigint, number]>;
  readonly acls: Iterable<readonly [number, readonly Acl[]]>;
  writeNodes(writer: ByteWriter): Iterable<unknown>;
  /**
   * Written where given. Asked for after the walk, and after everything of it was taken, so that it may be the digest at
   * the end of a fuzzy one.
   */
  digest?(): SnapshotDigest | undefined;
  /** The last zxid part of release 3.9 and later, written where given. */
  lastZxid?(): Zxid | undefined;
}

/** Takes what a snapshot holds, in the order of the file. `data` and `acl` are valid during the call only. */
export interface SnapshotSink {
  session(id: bigint, timeoutMs: number): void;
  acl(id: number, acl: readonly Acl[]): void;
  load(path: string, data: Uint8Array | null, aclId: number, stat: StatPersisted): void;
}

export interface SnapshotTail {
  readonly digest: SnapshotDigest | undefined;
  readonly lastZxid: Zxid | undefined;
}

const aclList = vector(Acl);

/**
 * The file, in chunks of about `chunkBytes`: each is a view that is valid until the next one is asked for. What stands
 * between two chunks is the caller's time, in which the tree may change: a fuzzy snapshot, put right by the log.
 */
export function* encodeSnapshot(content: SnapshotContent, chunkBytes: number): Generator<Buffer, void, undefined> {
  const writer = new ByteWriter(chunkBytes + 4_096);
  let checksum = 1;
  const take = (): Buffer => {
    const chunk = writer.view();
    checksum = adler32(chunk, 0, chunk.length, checksum);
    writer.reset();
    return chunk;
  };
  const seal = (): void => {
    const sum = adler32(writer.bytes, 0, writer.offset, checksum);
    writer.safeInt64(sum);
    writer.string(END_PATH);
  };
  writer.int32(SNAPSHOT_MAGIC);
  writer.int32(SNAPSHOT_VERSION);
  writer.safeInt64(-1);
  yield* encodeDatabase(writer, content, chunkBytes, take);
  seal();
  yield take();
  const digest = content.digest?.();
  if (digest !== undefined) {
    writer.safeInt64(digest.zxid);
    writer.int32(digest.version);
    if (typeof digest.digest === "string") writer.string(digest.digest);
    else writer.int64(digest.digest);
    seal();
  }
  const lastZxid = content.lastZxid?.();
  if (lastZxid !== undefined) {
    writer.safeInt64(lastZxid);
    seal();
  }
  if (writer.offset > 0) yield take();
}

/** Sessions, ACL cache and nodes, which are what a database consists of. */
function* encodeDatabase(
  writer: ByteWriter,
  content: SnapshotContent,
  chunkBytes: number,
  take: () => Buffer,
): Generator<Buffer, void, undefined> {
  const sessions = [...content.sessions];
  writer.int32(sessions.length);
  for (const [id, timeoutMs] of sessions) {
    writer.int64(id);
    writer.int32(timeoutMs);
    if (writer.offset >= chunkBytes) yield take();
  }
  const acls = [...content.acls];
  writer.int32(acls.length);
  for (const [id, acl] of acls) {
    writer.safeInt64(id);
    aclList.write(writer, acl);
    if (writer.offset >= chunkBytes) yield take();
  }
  for (const _ of content.writeNodes(writer)) {
    if (writer.offset >= chunkBytes) yield take();
  }
  writer.string(END_PATH);
}

/** What stands behind an image in place of a checksum. */
const IMAGE_SIGNATURE = "BenWasHere";

/**
 * What follows SNAP on the wire: the database bare, then a signature (upstream: LearnerHandler). In chunks as
 * `encodeSnapshot`, and as fuzzy.
 */
export function* encodeImage(content: SnapshotContent, chunkBytes: number): Generator<Buffer, void, undefined> {
  const writer = new ByteWriter(chunkBytes + 4_096);
  const take = (): Buffer => {
    const chunk = writer.view();
    writer.reset();
    return chunk;
  };
  yield* encodeDatabase(writer, content, chunkBytes, take);
  writer.string(IMAGE_SIGNATURE);
  yield take();
}

/** Reads what `encodeImage` wrote; throws `MalformedBytesError`, when the sink may already hold parts of it. */
export function decodeImage(source: ByteSource, sink: SnapshotSink): void {
  const window = new ByteWindow(source, Math.min(WINDOW_BYTES, source.sizeBytes));
  readSessions(window, sink);
  readAcls(window, sink);
  readNodes(window, sink);
  needPrefixed(window);
  if (ustring.read(window.reader) !== IMAGE_SIGNATURE) throw new MalformedBytesError("an image without its signature");
}

/**
 * Reads a whole snapshot into `sink`. Throws `MalformedBytesError` for anything that is not one, also when parts of it
 * were already handed to the sink, because the checksum comes last: the sink's content is good only if this returns.
 */
export function decodeSnapshot(source: ByteSource, sink: SnapshotSink): SnapshotTail {
  let checksum = 1;
  const window = new ByteWindow(source, Math.min(WINDOW_BYTES, source.sizeBytes), (bytes, start, end) => {
    checksum = adler32(bytes, start, end, checksum);
  });
  const readSeal = (): void => {
    window.pass();
    const expected = checksum;
    const position = window.position;
    window.need(SEAL_BYTES);
    const stated = safeLong.read(window.reader);
    if (stated !== expected) {
      throw new MalformedBytesError(`the checksum at offset ${position} is ${stated}, not ${expected}`);
    }
    if (ustring.read(window.reader) !== END_PATH) throw new MalformedBytesError(`no seal at offset ${position}`);
  };
  readHeader(window);
  readSessions(window, sink);
  readAcls(window, sink);
  readNodes(window, sink);
  readSeal();
  let digest: SnapshotDigest | undefined;
  let lastZxid: Zxid | undefined;
  // A server with the digest off may still write the last zxid; only the length tells the two parts apart.
  if (window.remaining > 0 && window.remaining !== LAST_ZXID_PART_BYTES) {
    digest = readDigest(window);
    readSeal();
  }
  if (window.remaining > 0) {
    window.need(8);
    lastZxid = zxid.read(window.reader);
    readSeal();
  }
  if (window.remaining > 0) throw new MalformedBytesError(`${window.remaining} bytes follow the end of the snapshot`);
  return { digest, lastZxid };
}

function readHeader(window: ByteWindow): void {
  window.need(HEADER_BYTES);
  const { reader } = window;
  if (reader.int32() !== SNAPSHOT_MAGIC) throw new MalformedBytesError("it does not begin like a snapshot");
  const version = reader.int32();
  if (version !== SNAPSHOT_VERSION) throw new MalformedBytesError(`snapshot version ${version} is not supported`);
  reader.advance(8);
}

/** Reads a count and checks it against the bytes that are really there. */
function readCount(window: ByteWindow, elementBytesMin: number): number {
  window.need(4);
  const count = window.reader.int32();
  if (count < 0 || count * elementBytesMin > window.remaining) {
    throw new MalformedBytesError(`Unreasonable length = ${count} of a list at offset ${window.position - 4}`);
  }
  return count;
}

/** Puts a whole string or buffer at the window's position. */
function needPrefixed(window: ByteWindow): void {
  window.need(4);
  const { bytes, offset } = window.reader;
  const length = bytes.readInt32BE(offset);
  if (length < -1) throw new MalformedBytesError(`Unreasonable length = ${length} at offset ${window.position}`);
  window.need(4 + Math.max(length, 0));
}

function readSessions(window: ByteWindow, sink: SnapshotSink): void {
  const count = readCount(window, 12);
  for (let index = 0; index < count; index++) {
    window.need(12);
    const id = window.reader.int64();
    sink.session(id, window.reader.int32());
  }
}

function readAcls(window: ByteWindow, sink: SnapshotSink): void {
  const count = readCount(window, 12);
  for (let index = 0; index < count; index++) {
    window.need(8);
    const id = window.reader.safeInt64();
    const acl: Acl[] = [];
    const entries = readCount(window, Acl.bytesMin);
    for (let entry = 0; entry < entries; entry++) {
      window.need(4);
      const perms = window.reader.int32();
      needPrefixed(window);
      const scheme = window.reader.string();
      needPrefixed(window);
      acl.push({ perms, id: { scheme, id: window.reader.string() } });
    }
    sink.acl(id, acl);
  }
}

function readNodes(window: ByteWindow, sink: SnapshotSink): void {
  for (;;) {
    needPrefixed(window);
    const path = ustring.read(window.reader);
    if (path === END_PATH) return;
    needPrefixed(window);
    const data = window.reader.buffer();
    // Sliding the window would overwrite the bytes that `data` is a view of, so they are moved out of the way.
    const kept = window.reader.remaining >= 8 + STAT_PERSISTED_BYTES || data === null ? data : Buffer.from(data);
    window.need(8 + STAT_PERSISTED_BYTES);
    const aclId = window.reader.safeInt64();
    sink.load(path === "" ? END_PATH : path, kept, aclId, StatPersisted.read(window.reader));
  }
}

function readDigest(window: ByteWindow): SnapshotDigest {
  window.need(12);
  const at = zxid.read(window.reader);
  const version = window.reader.int32();
  if (version < 2) {
    needPrefixed(window);
    return { zxid: at, version, digest: ustring.read(window.reader) };
  }
  window.need(8);
  return { zxid: at, version, digest: window.reader.int64() };
}
