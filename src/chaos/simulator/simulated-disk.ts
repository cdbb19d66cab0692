import { assert } from "../../base/assert.js";
import { ByteReader } from "../../base/bytes.js";
import { type RandomSource, randomBelow, randomFraction } from "../../base/random.js";
import { isNextZxid, type Zxid } from "../../base/zxid.js";
import type { EpochName, MemberStorage } from "../../core/command-runner.js";
import {
  contentOf,
  type Database,
  DatabaseLoader,
  databaseOfImage,
  type LoadedDatabase,
  oldestWithLog,
  type TreeSource,
  treeSource,
} from "../../core/database.js";
import { memorySource } from "../../core/log/byte-source.js";
import { decodeSnapshot, encodeSnapshot } from "../../core/log/snapshot-format.js";
import { readLogRecord } from "../../core/log/transactions.js";
import type { ZnodeStore } from "../../core/tree/store.js";
import type { ConnectionId, LogEntry } from "../../core/zab/effects.js";
import type { Arenas } from "./arenas.js";
import type { EventQueue } from "./event-queue.js";
import { SimulatedTree } from "./simulated-tree.js";
import { Violation } from "./violation.js";

/** How a disk behaves at the moment. */
export interface DiskHealth {
  /** How long a sync takes, on the average, in milliseconds. */
  syncMs: number;
  /** The next sync fails, which ends the process. */
  failing: boolean;
}

/** What a snapshot, or an image, stands for. */
export interface SnapshotMeaning {
  /** Through the transaction that it is named after. */
  readonly history: SimulatedTree;
  /** It may show something of transactions up to this one, which were applied while it was made. */
  readonly shownZxid: Zxid;
}

export interface SimulatedSnapshot extends SnapshotMeaning {
  readonly bytes: Buffer;
}

export interface DiskContents {
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /** In order of their zxids, each of another. */
  readonly snapshots: readonly SimulatedSnapshot[];
  readonly log: SimulatedTree;
  /** What recovery makes of the newest snapshot and the log behind it. */
  readonly history: SimulatedTree;
}

interface ReceivedImage {
  readonly chunks: Buffer[];
  meaning: SnapshotMeaning | undefined;
}

/** The process that uses a disk. */
export interface DiskUser {
  /** Lets it hear of something, unless it is gone. */
  hear(run: () => void): void;
  synced(zxid: Zxid): void;
  failed(): void;
}

/** One of the steps in which several files are changed. */
export type Step = (contents: DiskContents) => DiskContents;

/** As `autopurge` keeps them. */
const SNAPSHOTS_KEPT = 3;
const SNAPSHOT_CHUNK_BYTES = 65_536;
/** A change of several files takes as long as so many syncs. */
const SYNCS_OF_REPLACEMENT = 3;

const EMPTY = new SimulatedTree();

/**
 * A disk whose writes last once they are synced. A crash keeps any first part of the log that is not, entry by entry,
 * because a torn entry is cut off by recovery, and of a change of several files any first part of its steps.
 */
export class SimulatedDisk implements MemberStorage {
  readonly health: DiskHealth = { syncMs: 0.5, failing: false };
  protected contents: DiskContents = { acceptedEpoch: 0, currentEpoch: 0, snapshots: [], log: EMPTY, history: EMPTY };
  /** Appended and not synced. */
  private unsynced: LogEntry[] = [];
  private syncing = false;
  /** Of the change of files under way; undefined where there is none. */
  private steps: readonly Step[] | undefined;
  private readonly images = new Map<ConnectionId, ReceivedImage>();
  /** Distinguishes what was begun by a process that is gone. */
  private incarnation = 0;
  protected user: DiskUser | undefined;
  protected readonly events: EventQueue;
  protected readonly random: RandomSource;
  private readonly arenas: Arenas;
  /** Counts the stores that were made, each of which has its own hash. */
  private stores = 0;

  constructor(events: EventQueue, random: RandomSource, arenas: Arenas) {
    this.events = events;
    this.random = random;
    this.arenas = arenas;
  }

  /** What would be there after a crash now at the least. */
  get durableHistory(): SimulatedTree {
    return this.contents.history;
  }

  /** What the newest snapshot may show something of. */
  get shownZxid(): Zxid {
    return this.contents.snapshots[this.contents.snapshots.length - 1]?.shownZxid ?? 0;
  }

  get epochs(): { readonly acceptedEpoch: number; readonly currentEpoch: number } {
    return this.contents;
  }

  /** Images that came, or began to come, and were not dropped. */
  get imageCount(): number {
    return this.images.size;
  }

  /** A process begins to use it. */
  open(user: DiskUser): void {
    this.user = user;
  }

  crash(): void {
    const { unsynced, steps } = this;
    const kept = randomBelow(this.random, unsynced.length + 1);
    this.contents = this.appended(this.contents, unsynced.slice(0, kept));
    if (steps !== undefined) this.take(steps.slice(0, randomBelow(this.random, steps.length + 1)));
    this.unsynced = [];
    this.steps = undefined;
    this.syncing = false;
    this.incarnation++;
    this.user = undefined;
    this.health.failing = false;
    this.images.clear();
  }

  /** The database of newest snapshot and log, with as many of the newest entries; to be used by one process. */
  recover(recentMax: number): LoadedDatabase {
    return this.load(this.contents, recentMax);
  }

  /** Takes a whole snapshot, durable at once: the file has been written before, and gets its name. */
  addSnapshot(snapshot: SimulatedSnapshot): void {
    const { contents } = this;
    const snapshots = withSnapshot(contents.snapshots, snapshot).slice(-SNAPSHOTS_KEPT);
    this.contents = recovered({ ...contents, snapshots, log: contents.log.behind(zxidOf(snapshots[0]!)) });
  }

  append(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.unsynced.push(entry);
    this.sync();
  }

  writeEpoch(name: EpochName, epoch: number, done: () => void): void {
    this.change([(contents) => this.withEpoch(contents, name, epoch)], 1, done);
  }

  truncate(zxid: Zxid, reload: boolean, done: (database: Database | undefined) => void): void {
    const kept = upTo(this.contents.snapshots, zxid);
    if (kept.some(({ shownZxid }) => shownZxid > zxid)) {
      throw new Violation(`a snapshot shows parts of what is cut off behind 0x${zxid.toString(16)}`);
    }
    this.change(this.stepsToCut(zxid), SYNCS_OF_REPLACEMENT, () => {
      const { contents } = this;
      const snapshots = upTo(contents.snapshots, zxid);
      done(reload ? this.load({ ...contents, snapshots, log: contents.log.through(zxid) }, 0) : undefined);
    });
  }

  install(zxid: Zxid, connection: ConnectionId, done: (database: Database) => void): void {
    const image = this.images.get(connection)!;
    const bytes = memorySource(Buffer.concat(image.chunks));
    const database = databaseOfImage(bytes, () => this.createStore(), zxid);
    const source = treeSource(database.store, database.sessions, () => zxid);
    assert(image.meaning !== undefined, "an image comes whole");
    const snapshot = { ...image.meaning, bytes: encoded(source) };
    assert(zxidOf(snapshot) === zxid, "an image is installed as what it is");
    this.change(this.stepsToReplace(snapshot), SYNCS_OF_REPLACEMENT, () => done(database));
  }

  imageBytes(connection: ConnectionId, bytes: Buffer): void {
    const image = this.images.get(connection);
    if (image === undefined) this.images.set(connection, { chunks: [bytes], meaning: undefined });
    else image.chunks.push(bytes);
  }

  /** The image that came is whole. */
  imageEnded(connection: ConnectionId, meaning: SnapshotMeaning): void {
    this.images.get(connection)!.meaning = meaning;
  }

  dropImage(connection: ConnectionId): void {
    this.images.delete(connection);
  }

  private createStore(): ZnodeStore {
    return this.arenas.createStore(++this.stores);
  }

  protected withEpoch(contents: DiskContents, name: EpochName, epoch: number): DiskContents {
    return { ...contents, [name]: epoch };
  }

  /** Snapshots that are beyond go first, then entries, the newest first. */
  protected stepsToCut(zxid: Zxid): readonly Step[] {
    const somewhere = this.somewhereAfter(zxid);
    return [
      (contents) => recovered({ ...contents, snapshots: upTo(contents.snapshots, zxid) }),
      (contents) => recovered({ ...contents, log: contents.log.through(somewhere) }),
      (contents) => recovered({ ...contents, log: contents.log.through(zxid) }),
    ];
  }

  /** A snapshot is written; then the log goes, the newest entries first, and what is beyond the snapshot. */
  private stepsToReplace(snapshot: SimulatedSnapshot): readonly Step[] {
    const somewhere = this.somewhereAfter(0);
    return [
      (contents) => recovered({ ...contents, snapshots: withSnapshot(contents.snapshots, snapshot) }),
      (contents) => recovered({ ...contents, log: contents.log.through(somewhere) }),
      (contents) => recovered({ ...contents, log: EMPTY }),
      (contents) => recovered({ ...contents, snapshots: upTo(contents.snapshots, zxidOf(snapshot)) }),
    ];
  }

  private somewhereAfter(zxid: Zxid): Zxid {
    const entries = this.contents.log.after(zxid);
    return entries[randomBelow(this.random, Math.max(1, entries.length))]?.zxid ?? zxid;
  }

  private take(steps: readonly Step[]): void {
    for (const step of steps) this.contents = step(this.contents);
  }

  private load(contents: DiskContents, recentMax: number): LoadedDatabase {
    const loader = new DatabaseLoader(() => this.createStore(), recentMax);
    const newest = contents.snapshots[contents.snapshots.length - 1];
    const tail = newest === undefined ? undefined : decodeSnapshot(memorySource(newest.bytes), loader);
    const snapshotZxid = newest === undefined ? 0 : zxidOf(newest);
    let lastZxid = snapshotZxid;
    const logged = contents.log.after(0);
    for (const { zxid, payload } of logged) {
      const { header, transaction, digest } = readLogRecord(new ByteReader(payload));
      if (zxid <= snapshotZxid) {
        loader.covered(header, transaction, digest);
        continue;
      }
      if (!isNextZxid(lastZxid, zxid)) throw new Violation(`the log has a gap before 0x${zxid.toString(16)}`);
      loader.apply(header, transaction, digest);
      lastZxid = zxid;
    }
    const oldestZxid = oldestWithLog(contents.snapshots.map(zxidOf), logged[0]?.zxid, snapshotZxid);
    return loader.finish(lastZxid, tail === undefined ? undefined : { ...tail, zxid: snapshotZxid }, oldestZxid);
  }

  private appended(contents: DiskContents, entries: readonly LogEntry[]): DiskContents {
    if (entries.length === 0) return contents;
    return { ...contents, log: contents.log.apply(entries), history: contents.history.apply(entries) };
  }

  private sync(): void {
    if (this.syncing || this.unsynced.length === 0) return;
    this.syncing = true;
    const { incarnation } = this;
    const batch = this.unsynced.length;
    this.after(1, () => {
      const stored = this.unsynced.splice(0, batch);
      this.contents = this.appended(this.contents, stored);
      this.syncing = false;
      this.user!.hear(() => this.user!.synced(stored[stored.length - 1]!.zxid));
      if (incarnation === this.incarnation) this.sync();
    });
  }

  private change(steps: readonly Step[], syncs: number, done: () => void): void {
    assert(this.steps === undefined, "one change of files at a time");
    this.steps = steps;
    this.after(syncs, () => {
      this.steps = undefined;
      this.take(steps);
      this.user!.hear(done);
    });
  }

  private after(syncs: number, run: () => void): void {
    const { incarnation } = this;
    this.events.after(syncs * this.health.syncMs * (0.3 + 1.4 * randomFraction(this.random)), () => {
      if (incarnation !== this.incarnation) return;
      if (this.health.failing) this.user!.failed();
      else run();
    });
  }
}

export function encoded(source: TreeSource): Buffer {
  return Buffer.concat(
    Array.from(encodeSnapshot(contentOf(source), SNAPSHOT_CHUNK_BYTES), (chunk) => Buffer.from(chunk)),
  );
}

/** What a snapshot is named after. */
function zxidOf({ history }: SimulatedSnapshot): Zxid {
  return history.lastZxid;
}

function withSnapshot(snapshots: readonly SimulatedSnapshot[], added: SimulatedSnapshot): SimulatedSnapshot[] {
  const others = snapshots.filter((snapshot) => zxidOf(snapshot) !== zxidOf(added));
  return [...others, added].sort((left, right) => zxidOf(left) - zxidOf(right));
}

function upTo(snapshots: readonly SimulatedSnapshot[], zxid: Zxid): readonly SimulatedSnapshot[] {
  return snapshots.filter((snapshot) => zxidOf(snapshot) <= zxid);
}

/** With the history that recovery would find. */
function recovered(contents: DiskContents): DiskContents {
  const base = contents.snapshots[contents.snapshots.length - 1]?.history ?? EMPTY;
  return { ...contents, history: base.apply(contents.log.after(base.lastZxid)) };
}
