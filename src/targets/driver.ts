import { assert } from "../base/assert.js";
import type { Address, TargetName } from "./target.js";

/**
 * What load is made of, in the same terms for every target. A driver runs inside a load worker; everything on the hot
 * path is a plain call with numbers, no promise and no object per operation.
 */
export interface TargetDriver {
  readonly target: TargetName;
  /**
   * Creates `root` and below it `keys` values of `valueBytes` bytes, in the folders of `tree` where one is given. `root` is
   * an absolute path such as "/zabench/a1".
   */
  populate(root: string, keys: number, valueBytes: ValueBytes, tree?: TreeShape): Promise<void>;
  /** Removes `root` and all below it. */
  remove(root: string): Promise<void>;
  /**
   * Where every key below `root` that is there now was created in the server's history (czxid, create revision): what
   * `LoadListener.ended` called `written` of a create. Throws where the target cannot be read.
   */
  createdOrders(root: string): Promise<ReadonlySet<number>>;
  openLoadSession(options: LoadSessionOptions): Promise<LoadSession>;
  /** Throws where the target has no such session: what runs on it is what its workload's kind says. */
  openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]>;
  close(): Promise<void>;
}

/** The size of every value, or of each by its key. */
export type ValueBytes = number | ((key: number) => number);

/**
 * Folders within folders: `depth` levels of them with `fanOut` folders in each, so fanOut^depth at the bottom. Those hold the
 * values, key k in the one of number k modulo how many there are. A depth of 0 is the root alone.
 */
export interface TreeShape {
  readonly depth: number;
  readonly fanOut: number;
}

export const FLAT: TreeShape = { depth: 0, fanOut: 1 };

export function folderCount({ depth, fanOut }: TreeShape): number {
  return fanOut ** depth;
}

/** What sort of nodes creates make, by ZooKeeper's names. */
export const CREATE_KINDS = ["persistent", "ephemeral", "persistentSequential", "ephemeralSequential"] as const;
export type CreateKind = (typeof CREATE_KINDS)[number];

/** What sessions of awaited calls there are, each kind in the target's own idiom. */
export interface RecipeSessions {
  readonly lock: LockSession;
  /** A lock that all who wait watch, instead of the one before them. */
  readonly herdLock: LockSession;
  readonly sharedLock: SharedLockSession;
  readonly semaphore: SemaphoreSession;
  readonly coarseLock: CoarseLockSession;
  readonly watch: WatchSession;
  readonly election: ElectionSession;
  readonly leader: LeaderSession;
  readonly queue: QueueSession;
  readonly barrier: BarrierSession;
  readonly naming: NamingSession;
  readonly kafka: KafkaSession;
  readonly codis: CodisSession;
  readonly ha: HaSession;
  /** A cache for each value that is watched: it is told of when the cache has it. */
  readonly configuration: WatchSession;
  /** Watches that outlive connections. */
  readonly movingWatch: MovingWatchSession;
  readonly lifecycle: LifecycleSession;
  readonly registry: RegistrySession;
  readonly membership: RosterSession;
  readonly pubSub: PubSubSession;
}

export type Recipe = keyof RecipeSessions;

/** How one target opens each kind of session it has. */
export type SessionOpeners = {
  readonly [R in Recipe]?: (options: SessionOptions) => Promise<RecipeSessions[R]>;
};

export function openerOf<R extends Recipe>(
  openers: SessionOpeners,
  recipe: R,
  target: TargetName,
): (options: SessionOptions) => Promise<RecipeSessions[R]> {
  const opener = openers[recipe];
  assert(opener, `${target} has no ${recipe} session, and its workload's kind says that it does`);
  return opener;
}

export interface SessionOptions {
  /** The servers of the ensemble; the session is spread by `index`: it goes to member `index` modulo their number. */
  readonly members: readonly Address[];
  readonly index: number;
  readonly root: string;
  readonly sessionTimeoutMs: number;
  /** Of what the session writes; none where left out. */
  readonly valueBytes?: number;
}

export interface LoadSessionOptions extends SessionOptions {
  /** How many operations may be outstanding: slots are 0 to depth - 1. */
  readonly depth: number;
  readonly keys: number;
  /** Of the largest value. */
  readonly valueBytes: number;
  /** As it was populated; flat where left out. */
  readonly tree?: TreeShape;
  /** "persistent" where left out. */
  readonly createKind?: CreateKind;
  /** How many writes a `multi` is made of; 1 where left out. */
  readonly multiWrites?: number;
  readonly listener: LoadListener;
}

export interface LoadListener {
  /**
   * One operation ended. `error` is "" for success, else the target's own name of it: "NONODE", "CONNECTIONLOSS".
   * `order` is where the server's history stood when it answered (zxid, revision); 0 where the answer does not tell. It
   * is no less than that of any operation of the session which had ended before this one was submitted; operations
   * outstanding together may be answered in any order (etcd does so). `written` is where this write stands in history
   * (its own zxid or revision; 0 for a read or an error).
   */
  ended(slot: number, error: string, order: number, written: number): void;
  /**
   * The server sent what its protocol does not allow: what is no reply, or none to the request that was due, for which the
   * connection is dropped; or a value that is younger than the history it was read from. What a lost connection cuts
   * short is no such thing.
   */
  brokeProtocol(detail: string): void;
  /** The connection went; outstanding operations have ended with CONNECTIONLOSS before this call. */
  disconnected(): void;
  /** It is back, by the same session or (`renewed`) by a new one since the old one expired. */
  reconnected(renewed: boolean): void;
}

/**
 * Pipelined operations over one connection. Replies may come in any order; a slot is free again inside its `ended` call.
 * What is submitted in one turn of the event loop leaves in one write at the end of it.
 */
export interface LoadSession {
  /**
   * True while the server can be reached; what is submitted otherwise ends with CONNECTIONLOSS in the next turn of the
   * event loop, never inside the submitting call.
   */
  readonly connected: boolean;
  /** Where a driver knows better than its caller when an operation left and was answered; else the caller's clock. */
  readonly times?: OperationTimes;
  /** What the target calls the error of an operation on a key that is not there. */
  readonly absent: string;
  /** Reads key number `key` (0 to keys - 1), as fast as the target reads by default: ZooKeeper's local read. */
  read(slot: number, key: number): void;
  /** Reads with the target's strongest read: etcd's linearizable range, ZooKeeper's sync + read. */
  readLinearizable(slot: number, key: number): void;
  /** Asks whether it is there, without its value, as fast as the target reads by default. */
  exists(slot: number, key: number): void;
  /** Lists the folder that holds key number `key`, names only, as fast as the target reads by default. */
  children(slot: number, key: number): void;
  /** ZooKeeper's sync alone; a target without such an operation has it not, and the workload's kind says so. */
  sync(slot: number): void;
  /** Overwrites key number `key` with `bytes` bytes, at the most and by default `valueBytes`. */
  write(slot: number, key: number, bytes?: number): void;
  /** Reads it and writes it if nobody has in between, from the start again until that succeeds: one operation. */
  setVersioned(slot: number, key: number, bytes?: number): void;
  /** Overwrites `multiWrites` keys in one transaction: number `key` and those after it, the first again after the last. */
  multi(slot: number, key: number, bytes?: number): void;
  /** Creates a key beside number `key`, by default beside 0, with a name that no other call of any session uses. */
  create(slot: number, key?: number, bytes?: number): void;
  /** Deletes what this session created beside `key`; `number` is what `resultOf` said of that create. */
  delete(slot: number, key: number, number: number): void;
  /**
   * What more there is to know of an operation that succeeded, to be asked inside its `ended` call. create: a number to
   * delete it by. children: how many. multi: how many of its writes stand where `written` says. setVersioned: where in
   * history the value stands that it replaced.
   */
  resultOf(slot: number): number;
  close(): Promise<void>;
}

/** By `performance.now` of this thread, in milliseconds. To be read inside the `ended` call of the slot. */
export interface OperationTimes {
  /** When the write that held the request was handed to the socket. */
  sentAtMs(slot: number): number;
  /** When the bytes that held the reply came from the socket: before the replies ahead of it were handled. */
  readonly receivedAtMs: number;
}

export interface Grant {
  /** Grows with every grant of the same lock; undefined where the target's idiom has none (Redis). */
  readonly fencingToken: number | undefined;
}

/** An exclusive lock in the target's own idiom: ephemeral sequential queue; lease and transaction; key with a lease. */
export interface LockSession {
  /** How many notifications the target has sent this session: watch events, messages. */
  readonly events: number;
  /** Waits for lock number `lock`. */
  acquire(lock: number): Promise<Grant>;
  release(lock: number): Promise<void>;
  close(): Promise<void>;
}

export type LockMode = "read" | "write";

/** Locks that readers share and writers have to themselves. */
export interface SharedLockSession {
  /** See `LockSession.events`. */
  readonly events: number;
  /**
   * Waits for lock number `lock`. The fencing token of a writer is larger than those of everybody granted the lock before,
   * and that of a reader larger than those of all writers before.
   */
  acquire(lock: number, mode: LockMode): Promise<Grant>;
  release(lock: number): Promise<void>;
  close(): Promise<void>;
}

/** One semaphore. */
export interface SemaphoreSession {
  /** See `LockSession.events`. */
  readonly events: number;
  /** Waits for one of `leases` leases; all sessions give the same number. No two holders have the same fencing token. */
  acquire(leases: number): Promise<Grant>;
  release(): Promise<void>;
  close(): Promise<void>;
}

export interface SequencedGrant extends Grant {
  /** Tells a third party who holds the lock: at most 1,024 bytes of UTF-8. */
  readonly sequencer: string;
}

/** Exclusive locks for long tenure. */
export interface CoarseLockSession {
  /** See `LockSession.events`. */
  readonly events: number;
  /** Waits for lock number `lock`; after a holder that was lost for `lockDelayMs` from when the loss was seen. */
  acquire(lock: number, lockDelayMs: number): Promise<SequencedGrant>;
  release(lock: number): Promise<void>;
  /** Whether the holder of `sequencer` holds its lock still. Whoever asks holds nothing. */
  verify(sequencer: string): Promise<boolean>;
  /** Ends the session: the service sees a holder as lost. */
  close(): Promise<void>;
}

/** A session that is told of changes. */
export interface FlushableSession {
  /**
   * Resolves when everything that this session is to be told of changes acknowledged before the call has been told: what
   * has not been told then was lost. Throws where the connection is lost. Only where the target promises an order between
   * events and replies.
   */
  flush?(): Promise<void>;
}

/** Watches in the target's own idiom: one-shot and re-armed; a stream. */
export interface WatchSession extends FlushableSession {
  /**
   * Calls `onChange` for the change that follows, with where it stands in the server's history; keeps watching. A driver
   * that has to re-arm reads the value while it does so, and reports a change it would have missed.
   */
  watch(key: number, onChange: (order: number) => void): Promise<void>;
  /**
   * Changes `count` values from number `key` on, by default one, in one transaction; returns where that stands in the
   * server's history.
   */
  change(key: number, count?: number): Promise<number>;
  close(): Promise<void>;
}

/** A list of who is there, members of a group for one, which each enters for itself. */
export interface RosterSession extends FlushableSession {
  /** Until it leaves, or the session is over; once at a time. Resolves once others can see it. */
  enter(name: string): Promise<void>;
  leave(): Promise<void>;
  /**
   * Calls `onNames` with the names that are there, then with all of them after every change, in order; changes that
   * follow at once may come as one. Called once for a session.
   */
  observe(onNames: (names: readonly string[]) => void): Promise<void>;
  /**
   * Calls `doubtful` when its connection is lost, since its name may be gone then, and `returns` when its session has expired
   * and a name that it has entered comes back with the next one, before it does. Left out where no name comes back.
   */
  onLoss?(doubtful: () => void, returns: () => void): void;
  /** Ends the session, so that its name is gone at once. */
  close(): Promise<void>;
}

/** Providers of one service, and the discovery cache of a consumer, which `observe` fills. */
export interface RegistrySession extends RosterSession {
  /** The load of the provider that this session has entered. */
  report(load: number): Promise<void>;
  /** The provider with the least load, from the cache alone; undefined where there is none. */
  pick(): string | undefined;
}

/** A message is told apart by its publisher and its number, from 1, of that publisher in that topic. */
export interface TopicMessage {
  readonly topic: number;
  readonly publisher: number;
  readonly sequence: number;
}

/** Topics whose subscribers get every message, in the order of publication. */
export interface PubSubSession extends FlushableSession {
  /**
   * Publishes a message of `valueBytes` bytes, and forgets the one of the same publisher `retained` before it. May be repeated
   * where it failed: the message is published once.
   */
  publish(message: TopicMessage, retained: number): Promise<void>;
  /**
   * Calls `onMessage` for every message published from now on, with where it stands in the server's history: each once and
   * in that order, also over lost connections, while no message is forgotten before it was read.
   */
  subscribe(topic: number, onMessage: (message: TopicMessage, order: number) => void): Promise<void>;
  close(): Promise<void>;
}

export interface MovingWatchSession extends WatchSession {
  /** How long the server lets it live without hearing of it. */
  readonly timeoutMs: number;
  /**
   * Loses its connection, calls `onAway`, and connects again after `awayMs` at the earliest, to the next server where there
   * are several. Resolves once the server has all watches of the session again; `connectedAtMs` (by performance.now) is
   * when it had a connection.
   */
  move(awayMs: number, onAway: () => void): Promise<{ readonly sameSession: boolean; readonly connectedAtMs: number }>;
}

/** A session for its own sake, which may hold a name for as long as it lasts. It is not renewed once it has expired. */
export interface LifecycleSession {
  /** How long the server lets it live without hearing of it. */
  readonly timeoutMs: number;
  /** How often it has lost its connection. */
  readonly disconnects: number;
  hold(name: string): Promise<void>;
  /** Whether the name is held, and by this session. */
  holds(): Promise<boolean>;
  /** Loses its connection, and resolves once it has another; false where the session was over by then. */
  resume(): Promise<boolean>;
  /** Loses its connection for good, without a word to the server. */
  abandon(): Promise<void>;
  /** The names held by all sessions, no older than what anybody knew before; `onChange` is called when that changes. */
  names(onChange: () => void): Promise<ReadonlySet<string>>;
  /** Ends the session, so that its name is gone at once. */
  close(): Promise<void>;
}

/** A candidate of one election, in the target's own idiom. */
export interface ElectionSession {
  /** Waits until this candidate leads. The term is a fencing token: it grows with every leader. */
  campaign(): Promise<{ readonly term: number }>;
  resign(): Promise<void>;
  /** Cuts the connection as a failing network would. The session, and the leadership, lasts. */
  cut(): void;
  /** Ends the session, and with it the leadership. */
  close(): Promise<void>;
}

/** Who is told of every leader of the election. */
export interface LeaderSession {
  /** Calls `onLeader` with the term of the leader there is and of those that follow; of several at once perhaps the last only. */
  observe(onLeader: (term: number) => void): Promise<void>;
  close(): Promise<void>;
}

/** One queue, first in, first out. */
export interface QueueSession {
  /** Where it fails with a lost connection, the item may be in the queue. */
  enqueue(data: Uint8Array): Promise<void>;
  /** Waits for the first item and removes it. Throws the reason of `signal` only where none was taken. */
  dequeue(signal: AbortSignal): Promise<Buffer | null>;
  /** As of every enqueue that had ended before the call. */
  isEmpty(): Promise<boolean>;
  close(): Promise<void>;
}

/** One double barrier. */
export interface BarrierSession {
  /** Waits until `parties` have come. */
  enter(parties: number): Promise<void>;
  /** Waits until everybody who came wants to leave. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

export interface NamingSession {
  /** How often its session has expired. A call that was under way then may have taken an id that nobody was told. */
  readonly expirations: number;
  /** A whole number that nobody else is given, from 0, larger than every one that was given before the call. */
  nextId(): Promise<number>;
  close(): Promise<void>;
}

/**
 * A broker or a consumer of Kafka, as it used ZooKeeper. Brokers, consumers and groups are numbers; partitions are counted
 * in their topic by brokers, and over all topics by consumers.
 */
export interface KafkaSession {
  /** For as long as the session lasts. */
  registerBroker(broker: number): Promise<void>;
  /** The brokers registered, ascending; `onChange` is called once, when that has changed. */
  liveBrokers(onChange: () => void): Promise<readonly number[]>;
  /**
   * Becomes the controller for as long as the session lasts, and returns its epoch; undefined where there is one, and then
   * `onGone` is called once, when that is gone.
   */
  becomeController(broker: number, onGone: () => void): Promise<number | undefined>;
  /** The controller's: `replicas` by partition, each led by its first. False where the topic is there already. */
  createTopic(topic: string, replicas: readonly (readonly number[])[], controllerEpoch: number): Promise<boolean>;
  /** The controller's. */
  deleteTopic(topic: string, partitions: number): Promise<void>;
  /** How many partitions a topic has; 0 where there is none of that name. */
  partitionsOf(topic: string): Promise<number>;
  leaderOf(topic: string, partition: number): Promise<number>;
  /** The controller's: gives the partition to `replicas`, to be led by the first. */
  assignPartition(
    topic: string,
    partition: number,
    replicas: readonly number[],
    controllerEpoch: number,
  ): Promise<void>;
  /** The leader's; false where `broker` does not lead the partition, or somebody else wrote its state in between. */
  changeIsr(topic: string, partition: number, broker: number, isr: readonly number[]): Promise<boolean>;
  /** For as long as the session lasts. */
  joinGroup(group: number, consumer: number): Promise<void>;
  /** The consumers of the group, ascending; `onChange` is called once, when that has changed. */
  groupMembers(group: number, onChange: () => void): Promise<readonly number[]>;
  /** False where another consumer owns it. */
  claimPartition(group: number, partition: number, consumer: number): Promise<boolean>;
  releasePartition(group: number, partition: number): Promise<void>;
  /** 0 where none was committed. */
  fetchOffset(group: number, partition: number): Promise<number>;
  commitOffset(group: number, partition: number, offset: number): Promise<void>;
  /** Ends the session, so that the registrations and what it owns go at once. */
  close(): Promise<void>;
}

/** One row of a slot table. */
export interface SlotRow {
  readonly group: number;
  /** Where the slot comes from while it is on its way. */
  readonly from?: number;
  /** The command that tells of this row; 0 before the first. */
  readonly command: number;
}

export interface RoutingCommand {
  /** From 1, without gaps. */
  readonly number: number;
  readonly slot: number;
}

/** The dashboard or a proxy of Codis. */
export interface CodisSession {
  /** Makes the rows of `slots` slots, all of group 0. */
  createSlots(slots: number): Promise<void>;
  writeSlot(slot: number, row: SlotRow): Promise<void>;
  readSlot(slot: number): Promise<SlotRow>;
  readSlots(slots: number): Promise<readonly SlotRow[]>;
  /**
   * Tells every proxy that is registered, and resolves once each has acknowledged or is gone; `onAcknowledged` is called
   * once for each that has. One command at a time.
   */
  broadcast(command: RoutingCommand, onAcknowledged: (proxy: number) => void): Promise<void>;
  /** For as long as the session lasts. */
  registerProxy(proxy: number): Promise<void>;
  /**
   * Calls `handle` for every command for this proxy, in order and one at a time, and acknowledges it when that resolves.
   * What is returned is aborted when no more will come.
   */
  follow(proxy: number, handle: (command: RoutingCommand) => Promise<void>): Promise<AbortSignal>;
  close(): Promise<void>;
}

/** One node of an active and its standbys. */
export interface HaSession {
  /** Waits until no other node holds the lock, and takes it. */
  acquireLock(node: number): Promise<void>;
  /**
   * Fences the active before, whose writes are refused from then on: `epoch` is where that stands in history. `fenced` is
   * false where there was none, or it had stepped down. `writes` is how many were made by all actives so far.
   */
  fence(node: number): Promise<{ readonly epoch: number; readonly fenced: boolean; readonly writes: number }>;
  /**
   * Writes as the active that this node became by `fence`. Undefined where it was refused, because another has fenced this
   * one; else where the write stands in history, and how many were made by all actives so far.
   */
  write(data: Uint8Array): Promise<{ readonly order: number; readonly writes: number } | undefined>;
  /** Says that nobody need be fenced, and releases the lock. */
  stepDown(): Promise<void>;
  /** Loses the lock as by a lost session; what it could write before, it can until it is fenced. */
  loseLock(): Promise<void>;
  close(): Promise<void>;
}
