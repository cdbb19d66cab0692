import { randomInt } from "node:crypto";
import { EventEmitter } from "node:events";
import type { ByteReader } from "../base/bytes.js";
import { type RandomSource, SeededRandom } from "../base/random.js";
import type { Zxid } from "../base/zxid.js";
import { type Codec, empty } from "../jute/codec.js";
import { ERROR } from "../jute/errors.js";
import { MultiReadRequest as MultiReadCodec, MultiResponse, MultiWriteRequest } from "../jute/multi.js";
import { EVENT_TYPE, type EventType, OP, WATCH_MODE, WATCHER_TYPE } from "../jute/opcodes.js";
import type { Acl, Stat } from "../jute/records.js";
import * as records from "../jute/records.js";
import { parseConnectionString } from "./connection-string.js";
import { OrderedDelivery } from "./delivery.js";
import { type InconsistencyError, ZooKeeperError } from "./errors.js";
import { HostList, type HostOrder } from "./host-list.js";
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS, SESSION_TIMEOUT_MS_DEFAULT, SET_WATCHES_BYTES_MAX } from "./limits.js";
import {
  decodeMultiReadResults,
  decodeMultiResults,
  encodeMultiRead,
  encodeMultiRequest,
  type MultiReadRequest,
  type MultiReadResults,
  type MultiRequest,
  type MultiResults,
} from "./multi.js";
import { Operation, type Outcome } from "./operation.js";
import { Chroot, pathProblem } from "./paths.js";
import { type CreateOptions, createTemplate, isSequential, OPEN_ACL } from "./requests.js";
import { type ConnectKind, Session, type SessionCredentials, type SessionState } from "./session.js";
import { type Watcher, type WatcherKind, WatchRegistry, type WatchTable } from "./watches.js";

export interface ClientOptions {
  /** "h1:2181,h2:2181,[::1]:2181/app"; see `parseConnectionString`. */
  readonly servers: string;
  /** What is asked for; the server grants what lies within its own limits. Default 30 s. */
  readonly sessionTimeoutMs?: number;
  /** How long `connect` may take. Default: the session timeout. */
  readonly connectTimeoutMs?: number;
  /**
   * How long one server may take to give a session. Default: the session timeout divided by the number of servers. Where
   * there are several, the first round of attempts takes a second for each at the most, the next ones twice as long each.
   */
  readonly attemptTimeoutMs?: number;
  /** Servers in random order (default) or as they are given. */
  readonly hostOrder?: HostOrder;
  readonly backoffMinMs?: number;
  readonly backoffMaxMs?: number;
  /** After the session expired, begin a new one and set the watches again; ephemerals and locks are gone all the same. */
  readonly renewSession?: boolean;
  /** A session to take over. */
  readonly credentials?: SessionCredentials;
  /** Decides server order and jitter. */
  readonly random?: RandomSource;
}

/** `disconnected` is the state between two connections of one session; `expired` and later ones are final. */
export type StateChange =
  | { readonly state: "connected"; readonly kind: ConnectKind; readonly server: string }
  | { readonly state: "disconnected"; readonly reason: Error }
  | { readonly state: "expired"; readonly renewing: boolean }
  | { readonly state: "authFailed" }
  | { readonly state: "closed" };

interface ClientEvents {
  state: [StateChange];
  /** A server broke a promise. Without a listener it is thrown, since nobody should go on unaware. */
  inconsistency: [InconsistencyError];
  /** A watch callback threw or rejected. Without a listener it is thrown. */
  watcherError: [unknown];
}

export interface DataAndStat {
  readonly data: Buffer | null;
  readonly stat: Stat;
}

export interface ChildrenAndStat {
  readonly children: readonly string[];
  readonly stat: Stat;
}

export interface PathAndStat {
  readonly path: string;
  readonly stat: Stat;
}

const EVENT_NAMES = new Map<number, EventType>(
  Object.entries(EVENT_TYPE).map(([name, code]) => [code, name as EventType]),
);

/**
 * Connects and waits for the session. Throws UserError for a connection string that is none, and ZooKeeperError
 * CONNECTIONLOSS, SESSIONEXPIRED or AUTHFAILED where no session came about; nothing is left behind then.
 */
export async function connect(options: ClientOptions): Promise<ZooKeeperClient> {
  const client = new ZooKeeperClient(options);
  try {
    await client.whenConnected(options.connectTimeoutMs ?? options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS_DEFAULT);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

/**
 * A ZooKeeper session for people. Requests are pipelined: none waits for the one before. A request that is outstanding
 * when the connection is lost, or made while there is none, fails with CONNECTIONLOSS; the first kind may have
 * been carried out all the same. Every failure of the service is a `ZooKeeperError`.
 */
export class ZooKeeperClient extends EventEmitter<ClientEvents> {
  /** Watch events that servers have sent, whoever waits for them. */
  eventsReceived = 0;
  private readonly session: Session;
  private readonly chroot: Chroot;
  private readonly servers: string;
  private readonly watches = new WatchRegistry();
  private readonly delivery = new OrderedDelivery((error) => this.reportWatcherError(error));

  constructor(options: ClientOptions) {
    super();
    // Every waiting lock listens, and a client may wait for any number of them.
    this.setMaxListeners(0);
    const { hosts, chroot } = parseConnectionString(options.servers);
    this.servers = options.servers;
    this.chroot = new Chroot(chroot);
    const sessionTimeoutMs = options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS_DEFAULT;
    const backoff = { minMs: options.backoffMinMs ?? BACKOFF_MIN_MS, maxMs: options.backoffMaxMs ?? BACKOFF_MAX_MS };
    const random = options.random ?? new SeededRandom(randomInt(2 ** 32));
    this.session = new Session(
      {
        hosts: new HostList(hosts, options.hostOrder ?? "shuffled", backoff, random),
        sessionTimeoutMs,
        attemptTimeoutMs: options.attemptTimeoutMs ?? Math.ceil(sessionTimeoutMs / hosts.length),
        renewSession: options.renewSession ?? false,
        credentials: options.credentials,
      },
      {
        onConnected: (kind) => {
          for (const { type, codec, value } of this.watches.setWatches(
            this.session.lastZxidSeen,
            SET_WATCHES_BYTES_MAX,
          )) {
            this.session.requestSetWatches(type, codec, value);
          }
          this.emit("state", { state: "connected", kind, server: this.session.server });
        },
        onDisconnected: (reason) => this.emit("state", { state: "disconnected", reason }),
        onExpired: (renewing) => {
          if (!renewing) this.watches.clear();
          this.emit("state", { state: "expired", renewing });
        },
        onAuthFailed: () => this.emit("state", { state: "authFailed" }),
        onClosed: () => {
          this.watches.clear();
          this.emit("state", { state: "closed" });
        },
        onEvent: (event, zxid) => this.handleEvent(event, zxid),
        onInconsistency: (error) => this.report("inconsistency", error),
        onMalformed: (error) => this.report("inconsistency", error),
        onFlush: () => undefined,
      },
    );
    this.session.start();
  }

  get state(): SessionState {
    return this.session.state;
  }

  get connected(): boolean {
    return this.session.connected;
  }

  get sessionId(): bigint {
    return this.session.credentials.sessionId;
  }

  /** What another client needs to take this session over. */
  get credentials(): SessionCredentials {
    return this.session.credentials;
  }

  /** As the server granted it, in milliseconds. */
  get sessionTimeoutMs(): number {
    return this.session.timeoutMs;
  }

  get lastZxidSeen(): Zxid {
    return this.session.lastZxidSeen;
  }

  /** Resolves at once while connected; rejects after `timeoutMs`, and once the session is over for good. */
  async whenConnected(timeoutMs = this.sessionTimeoutMs): Promise<void> {
    if (this.connected) return;
    const outcome = await new Promise<number>((resolve) => {
      const settle = (error: number): void => {
        clearTimeout(timer);
        this.off("state", check);
        resolve(error);
      };
      const check = (): void => {
        const refusal = this.session.refusal();
        if (refusal !== ERROR.CONNECTIONLOSS) settle(refusal);
      };
      const timer = setTimeout(() => settle(ERROR.CONNECTIONLOSS), timeoutMs);
      this.on("state", check);
      check();
    });
    if (outcome === ERROR.OK) return;
    const cause = this.session.lastFailure;
    const detail = `no session from ${this.servers}${cause === undefined ? "" : `: ${cause.message}`}`;
    throw new ZooKeeperError(outcome, "connect", undefined, { cause, detail });
  }

  /** Ends the session, so that its ephemerals go at once. Requests made before it are still answered. */
  async close(): Promise<void> {
    await this.session.close();
  }

  /**
   * Cuts the connection as a failing network would; the client connects again, not before `awayMs` have passed, and
   * resumes the session.
   */
  disconnect(awayMs = 0): void {
    this.session.disconnect(new Error("cut on request"), awayMs);
  }

  /**
   * Lets go of the session without ending it, as a client that dies does: the connection is dropped, and the session lasts
   * until it expires or is taken over by its `credentials`. The state of this client is "closed" then.
   */
  async abandon(): Promise<void> {
    await this.session.abandon();
  }

  // Nodes

  /** With a sequential mode the path in the answer carries the number the server appended. */
  async create(path: string, data: Uint8Array | null = null, options: CreateOptions = {}): Promise<PathAndStat> {
    const serverPath = this.serverPath("create", path, isSequential(options.mode) ? "0" : "");
    const { type, request } = createTemplate(serverPath, data, options, OPEN_ACL);
    const codec: Codec<typeof request> = type === OP.createTTL ? records.CreateTTLRequest : records.CreateRequest;
    const created = await this.call("create", path, type, codec, request, (reader) =>
      records.Create2Response.read(reader),
    );
    return { path: this.chroot.toClient(created.path), stat: created.stat };
  }

  /** `version` -1 matches any, here and in the calls below. */
  async delete(path: string, version = -1): Promise<void> {
    const request = { path: this.serverPath("delete", path), version };
    await this.call("delete", path, OP.delete, records.DeleteRequest, request, nothing);
  }

  /** Null where there is no such node; the watch is set in either case. */
  async exists(path: string, watcher?: Watcher): Promise<Stat | null> {
    const serverPath = this.serverPath("exists", path);
    const request = { path: serverPath, watch: watcher !== undefined };
    const outcome = await this.outcome(
      OP.exists,
      records.ExistsRequest,
      request,
      (reader) => records.StatResponse.read(reader).stat,
      this.watching(serverPath, watcher, (error) =>
        error === ERROR.OK ? "data" : error === ERROR.NONODE ? "exist" : undefined,
      ),
    );
    if (outcome.error === ERROR.NONODE) return null;
    return settled(outcome, "exists", path);
  }

  async getData(path: string, watcher?: Watcher): Promise<DataAndStat> {
    const serverPath = this.serverPath("getData", path);
    const request = { path: serverPath, watch: watcher !== undefined };
    const answered = this.watching(serverPath, watcher, (error) => (error === ERROR.OK ? "data" : undefined));
    return await this.call("getData", path, OP.getData, records.GetDataRequest, request, readData, answered);
  }

  async setData(path: string, data: Uint8Array | null, version = -1): Promise<Stat> {
    const request = { path: this.serverPath("setData", path), data, version };
    return await this.call("setData", path, OP.setData, records.SetDataRequest, request, readStat);
  }

  /** Children in no particular order, and the node's own stat. */
  async getChildren(path: string, watcher?: Watcher): Promise<ChildrenAndStat> {
    const serverPath = this.serverPath("getChildren", path);
    const request = { path: serverPath, watch: watcher !== undefined };
    return await this.call(
      "getChildren",
      path,
      OP.getChildren2,
      records.GetChildren2Request,
      request,
      (reader) => records.GetChildren2Response.read(reader),
      this.watching(serverPath, watcher, (error) => (error === ERROR.OK ? "child" : undefined)),
    );
  }

  /** How many nodes there are below `path`, at any depth. */
  async getAllChildrenNumber(path: string): Promise<number> {
    const request = { path: this.serverPath("getAllChildrenNumber", path) };
    return await this.call(
      "getAllChildrenNumber",
      path,
      OP.getAllChildrenNumber,
      records.GetAllChildrenNumberRequest,
      request,
      (reader) => records.GetAllChildrenNumberResponse.read(reader).totalNumber,
    );
  }

  async getACL(path: string): Promise<{ readonly acl: readonly Acl[]; readonly stat: Stat }> {
    const request = { path: this.serverPath("getACL", path) };
    return await this.call("getACL", path, OP.getACL, records.GetACLRequest, request, (reader) =>
      records.GetACLResponse.read(reader),
    );
  }

  /** `aclVersion` is compared with the `aversion` of the node. */
  async setACL(path: string, acl: readonly Acl[], aclVersion = -1): Promise<Stat> {
    const request = { path: this.serverPath("setACL", path), acl, version: aclVersion };
    return await this.call("setACL", path, OP.setACL, records.SetACLRequest, request, readStat);
  }

  /** After it, this session's reads on this server see every write that was acknowledged to anybody before the call. */
  async sync(path: string): Promise<void> {
    const request = { path: this.serverPath("sync", path) };
    await this.call("sync", path, OP.sync, records.SyncRequest, request, (reader) => records.SyncResponse.read(reader));
  }

  /** All or nothing. Throws MultiError, which names the operation that failed. */
  async multi<const T extends readonly MultiRequest[]>(requests: T): Promise<MultiResults<T>> {
    const operations = requests.map((request) =>
      encodeMultiRequest(
        request,
        (path) =>
          this.serverPath(
            `multi ${request.op}`,
            path,
            request.op === "create" && isSequential(request.mode) ? "0" : "",
          ),
        OPEN_ACL,
      ),
    );
    const results = await this.call("multi", undefined, OP.multi, MultiWriteRequest, operations, (reader) =>
      MultiResponse.read(reader),
    );
    return decodeMultiResults(requests, results, (path) => this.chroot.toClient(path)) as unknown as MultiResults<T>;
  }

  /** Several reads in one request; each has its own outcome. Needs a server of 3.6. */
  async multiRead<const T extends readonly MultiReadRequest[]>(requests: T): Promise<MultiReadResults<T>> {
    const operations = requests.map((request) =>
      encodeMultiRead(request, (path) => this.serverPath(`multiRead ${request.op}`, path)),
    );
    return await this.call(
      "multiRead",
      undefined,
      OP.multiRead,
      MultiReadCodec,
      operations,
      (reader) => decodeMultiReadResults(requests, MultiResponse.read(reader)) as unknown as MultiReadResults<T>,
    );
  }

  /** The ephemerals of this session whose path begins with `prefix`. */
  async getEphemerals(prefix = "/"): Promise<readonly string[]> {
    const request = { prefixPath: this.chroot.toServer(prefix) };
    const ephemerals = await this.call(
      "getEphemerals",
      prefix,
      OP.getEphemerals,
      records.GetEphemeralsRequest,
      request,
      (reader) => records.GetEphemeralsResponse.read(reader).ephemerals,
    );
    return ephemerals.map((path) => this.chroot.toClient(path));
  }

  // Who is asking

  /** "digest" with `user:password`, for one. Sent again on every connection. A refusal ends the session. */
  async addAuth(scheme: string, auth: Uint8Array | string): Promise<void> {
    const bytes = typeof auth === "string" ? Buffer.from(auth) : auth;
    const error = await new Promise<number>((resolve) => this.session.addAuth(scheme, bytes, resolve));
    if (error !== ERROR.OK) throw new ZooKeeperError(error, "addAuth");
  }

  /** Needs a server of 3.7. */
  async whoAmI(): Promise<readonly { readonly authScheme: string | null; readonly user: string | null }[]> {
    return await this.call(
      "whoAmI",
      undefined,
      OP.whoAmI,
      empty,
      null,
      (reader) => records.WhoAmIResponse.read(reader).clientInfo,
    );
  }

  // Watches that stay

  /** Until it is removed: changes of the node and of its list of children, or with `recursive` of everything below. */
  async addWatch(path: string, mode: "persistent" | "persistentRecursive", watcher: Watcher): Promise<void> {
    const serverPath = this.serverPath("addWatch", path);
    const request = { path: serverPath, mode: WATCH_MODE[mode] };
    await this.call(
      "addWatch",
      path,
      OP.addWatch,
      records.AddWatchRequest,
      request,
      (reader) => records.ErrorResponse.read(reader),
      this.watching(serverPath, watcher, (error) => (error === ERROR.OK ? mode : undefined)),
    );
  }

  /** Removes `watcher`, or every one of that kind. NOWATCHER where there is none. */
  async removeWatches(path: string, kind: WatcherKind = "any", watcher?: Watcher): Promise<void> {
    const serverPath = this.serverPath("removeWatches", path);
    if (!this.watches.has(kind, serverPath, watcher)) throw new ZooKeeperError(ERROR.NOWATCHER, "removeWatches", path);
    // The server keeps one watch per connection and path, which goes with the last local one.
    const last = watcher === undefined || !this.watches.hasOther(kind, serverPath, watcher);
    const request = { path: serverPath, type: WATCHER_TYPE[kind] };
    await this.call(
      "removeWatches",
      path,
      last ? OP.removeWatches : OP.checkWatches,
      records.RemoveWatchesRequest,
      request,
      nothing,
      (error) => {
        if (error === ERROR.OK) this.watches.remove(kind, serverPath, watcher);
      },
    );
  }

  /**
   * Registers `watcher` with the reply to the request that sets it. Until then the path counts as watched: a
   * removeWatches that is sent behind that request would take it away on the server.
   */
  private watching(
    serverPath: string,
    watcher: Watcher | undefined,
    tableOf: (error: number) => WatchTable | undefined,
  ): (error: number) => void {
    if (watcher === undefined) return ignore;
    this.watches.begin(serverPath);
    return (error) => {
      this.watches.finish(serverPath);
      const table = tableOf(error);
      if (table !== undefined) this.watches.add(table, serverPath, watcher);
    };
  }

  private handleEvent(event: records.WatcherEvent, zxid: Zxid): void {
    const type = EVENT_NAMES.get(event.type);
    if (type === undefined || type === "none") return;
    this.eventsReceived++;
    const watchers = this.watches.take(type, event.path);
    if (watchers.length === 0) return;
    this.delivery.event({ type, path: this.chroot.toClient(event.path), zxid: Math.max(0, zxid) }, watchers);
  }

  /** For what calls back on behalf of watches: as if the callback of one had thrown `error`. */
  reportWatcherError(error: unknown): void {
    this.report("watcherError", error);
  }

  private report(name: "inconsistency" | "watcherError", error: unknown): void {
    if (this.listenerCount(name) > 0) {
      this.emit(name, error as InconsistencyError);
      return;
    }
    process.nextTick(() => {
      throw error;
    });
  }

  private serverPath(operation: string, path: string, suffix = ""): string {
    const problem = pathProblem(path + suffix);
    if (problem !== undefined) {
      throw new ZooKeeperError(ERROR.BADARGUMENTS, operation, path, { detail: `the path ${problem}` });
    }
    return this.chroot.toServer(path);
  }

  private async call<T, R>(
    operation: string,
    path: string | undefined,
    type: number,
    codec: Codec<T>,
    request: T,
    decode: (reader: ByteReader) => R,
    answered: (error: number) => void = ignore,
  ): Promise<R> {
    return settled(await this.outcome(type, codec, request, decode, answered), operation, path);
  }

  private outcome<T, R>(
    type: number,
    codec: Codec<T>,
    request: T,
    decode: (reader: ByteReader) => R,
    answered: (error: number) => void,
  ): Promise<Outcome<R>> {
    return new Promise((resolve) => {
      const refusal = this.session.refusal();
      if (refusal !== ERROR.OK) {
        answered(refusal);
        resolve({ error: refusal, zxid: 0 });
        return;
      }
      this.session.request(type, codec, request, new Operation(this.delivery, decode, answered, resolve), 0);
    });
  }
}

function ignore(): void {}

function nothing(): null {
  return null;
}

function readStat(reader: ByteReader): Stat {
  return records.StatResponse.read(reader).stat;
}

function readData(reader: ByteReader): DataAndStat {
  const { data, stat } = records.GetDataResponse.read(reader);
  return { data: data === null ? null : Buffer.from(data), stat };
}

/** Errors are made where the call is awaited, so that their stack leads to the caller. */
function settled<T>(outcome: Outcome<T>, operation: string, path: string | undefined): T {
  if ("value" in outcome) return outcome.value;
  throw new ZooKeeperError(outcome.error, operation, path, { cause: outcome.cause });
}
