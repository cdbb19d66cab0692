import { assert } from "../base/assert.js";
import { RingBuffer } from "../base/ring.js";
import type { Zxid } from "../base/zxid.js";
import type { Database } from "./database.js";
import type { Command, ConnectionId, LogEntry, Role } from "./zab/effects.js";
import type { ServerId } from "./zab/quorum-verifier.js";

export type EpochName = "acceptedEpoch" | "currentEpoch";

/**
 * The disk of a member. What takes a `done` calls it once that is durable, at once or later, and is told nothing else
 * until then. Where it fails it says so to whoever owns the process, which has to end, and calls nothing.
 */
export interface MemberStorage {
  /** Behind everything that was appended before; `CommandRunner.synced` is to be told how far it is durable. */
  append(entries: readonly LogEntry[]): void;
  writeEpoch(name: EpochName, epoch: number, done: () => void): void;
  /** Forgets every transaction after `zxid`, and loads what is left where `reload` says so. */
  truncate(zxid: Zxid, reload: boolean, done: (database: Database | undefined) => void): void;
  /** Makes the image that came over `connection`, which stays until it is dropped, all there is, as of `zxid`. */
  install(zxid: Zxid, connection: ConnectionId, done: (database: Database) => void): void;
  /** What came of an image over `connection` is of no use. */
  dropImage(connection: ConnectionId): void;
}

/** The tree, and who shows it to clients: `MemberCore` is one. */
export interface CommandTarget {
  /** The last transaction that was given to the tree. */
  readonly appliedZxid: Zxid;
  apply(entries: readonly LogEntry[]): void;
  load(database: Database): void;
  open(role: Role, leader: ServerId, epoch: number): void;
  shut(): void;
}

interface PendingAppend {
  readonly sequence: number;
  readonly zxid: Zxid;
}

interface DurableWaiter {
  readonly zxid: Zxid;
  readonly settle: (isDurable: boolean) => void;
}

/**
 * Carries out the commands of a `ZabServer` on disk and tree: in order, and durable in order. Appends are synced together
 * while the next ones come; what may not be on disk before they are waits for them.
 */
export class CommandRunner {
  private readonly storage: MemberStorage;
  private readonly target: CommandTarget;
  /** Every command up to this one is durable. */
  private readonly stored: (sequence: number) => void;
  private readonly queue = new RingBuffer<Command>(16);
  private readonly pending = new RingBuffer<PendingAppend>(16);
  /** Images that have come whole, until they are installed. */
  private readonly wholeImages = new Set<ConnectionId>();
  private installing: ConnectionId | undefined;
  private waiters: DurableWaiter[] = [];
  /** Carrying out something that takes time; what comes behind it waits. */
  private busy = false;
  private ended = false;
  private queuedApplies = 0;
  /** The last command that was begun, and the last that was reported as durable. */
  private begunSequence = 0;
  private reportedSequence = 0;
  private durableZxid: Zxid;

  constructor(storage: MemberStorage, target: CommandTarget, lastZxid: Zxid, stored: (sequence: number) => void) {
    this.storage = storage;
    this.target = target;
    this.durableZxid = lastZxid;
    this.stored = stored;
  }

  /** Whether the log is being appended to, or could be at once. */
  get isAppending(): boolean {
    return !this.busy && !this.ended;
  }

  /** Whether the tree holds everything that it was given. */
  get hasApplied(): boolean {
    return this.queuedApplies === 0;
  }

  submit(commands: readonly Command[]): void {
    for (const command of commands) {
      this.queue.push(command);
      if (command.kind === "apply") this.queuedApplies++;
    }
    if (this.wholeImages.size > 0) this.dropUnwantedImages();
    this.pump();
  }

  /** The log is durable up to there. Nothing is appended from within this call. */
  synced(zxid: Zxid): void {
    this.durableZxid = zxid;
    for (let next = this.pending.peek(); next !== undefined && next.zxid <= zxid; next = this.pending.peek()) {
      this.pending.shift();
    }
    this.settleWaiters();
    // What waits for this goes on with the next `submit`, which the report causes.
    this.report();
  }

  /** `settle` hears once whether the log became durable up to there, or was cut or ended before that. */
  whenDurable(zxid: Zxid, settle: (isDurable: boolean) => void): void {
    if (zxid <= this.durableZxid) settle(true);
    else if (this.ended) settle(false);
    else this.waiters.push({ zxid, settle });
  }

  /** The image that came over this connection is whole. The command to install it comes with the next ones, or never. */
  imageEnded(connection: ConnectionId): void {
    this.wholeImages.add(connection);
  }

  /** What came of an image is of use only if it is whole. */
  disconnected(connection: ConnectionId): void {
    if (!this.wholeImages.has(connection)) this.storage.dropImage(connection);
  }

  /** Carries out nothing more. */
  end(): void {
    this.ended = true;
    this.refuseWaiters();
  }

  /** What is durable by itself may not be so before the appends that stand before it. */
  protected waitsForAppends({ kind }: Command): boolean {
    return kind === "acceptedEpoch" || kind === "currentEpoch" || kind === "truncate" || kind === "install";
  }

  private pump(): void {
    while (!this.busy && !this.ended) {
      const command = this.queue.peek();
      if (command === undefined || (this.pending.length > 0 && this.waitsForAppends(command))) break;
      this.queue.shift();
      this.begunSequence = command.sequence;
      this.carryOut(command);
    }
    this.report();
  }

  private carryOut(command: Command): void {
    switch (command.kind) {
      case "append":
        this.pending.push({ sequence: command.sequence, zxid: command.entries[command.entries.length - 1]!.zxid });
        this.storage.append(command.entries);
        return;
      case "apply":
        this.queuedApplies--;
        this.target.apply(command.entries);
        return;
      case "open":
        this.target.open(command.role, command.leader, command.epoch);
        return;
      case "shut":
        this.target.shut();
        return;
      case "acceptedEpoch":
      case "currentEpoch":
        this.takeTime((done) => this.storage.writeEpoch(command.kind, command.epoch, done));
        return;
      case "truncate":
        this.truncate(command.zxid);
        return;
      case "install":
        this.install(command.zxid, command.connection);
        return;
    }
  }

  private truncate(zxid: Zxid): void {
    const reload = this.target.appliedZxid > zxid;
    this.takeTime((done) =>
      this.storage.truncate(zxid, reload, (database) => {
        assert((database === undefined) === !reload, "a tree that is beyond what was cut is loaded again");
        if (database !== undefined) this.load(database, zxid);
        this.durableZxid = zxid;
        this.refuseWaiters();
        done();
      }),
    );
  }

  private install(zxid: Zxid, connection: ConnectionId): void {
    assert(this.wholeImages.has(connection), "what is installed has come");
    this.installing = connection;
    this.takeTime((done) =>
      this.storage.install(zxid, connection, (database) => {
        this.installing = undefined;
        this.wholeImages.delete(connection);
        this.storage.dropImage(connection);
        this.load(database, zxid);
        this.durableZxid = zxid;
        this.refuseWaiters();
        done();
      }),
    );
  }

  private load(database: Database, zxid: Zxid): void {
    assert(database.lastZxid === zxid, "a history that was cut, or replaced, ends where it has to");
    if (!this.ended) this.target.load(database);
  }

  private takeTime(work: (done: () => void) => void): void {
    let returned = false;
    this.busy = true;
    work(() => {
      this.busy = false;
      if (returned) this.pump();
    });
    returned = true;
  }

  private report(): void {
    const first = this.pending.peek();
    const sequence = this.busy ? this.reportedSequence : first === undefined ? this.begunSequence : first.sequence - 1;
    if (sequence <= this.reportedSequence) return;
    this.reportedSequence = sequence;
    this.stored(sequence);
  }

  private settleWaiters(): void {
    if (this.waiters.length === 0) return;
    const { waiters } = this;
    this.waiters = waiters.filter(({ zxid }) => zxid > this.durableZxid);
    for (const { zxid, settle } of waiters) if (zxid <= this.durableZxid) settle(true);
  }

  private refuseWaiters(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const { settle } of waiters) settle(false);
  }

  private dropUnwantedImages(): void {
    const wanted = new Set<ConnectionId | undefined>([this.installing]);
    for (const command of this.queue) if (command.kind === "install") wanted.add(command.connection);
    for (const connection of this.wholeImages) {
      if (wanted.has(connection)) continue;
      this.wholeImages.delete(connection);
      this.storage.dropImage(connection);
    }
  }
}
