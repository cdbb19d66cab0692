import { ByteReader, type ByteWriter } from "../../base/bytes.js";
import { ERROR } from "../../jute/errors.js";
import { MultiReadRequest, MultiResponse, type MultiResult } from "../../jute/multi.js";
import { EVENT_TYPE, OP, PERMISSION, WATCH_MODE } from "../../jute/opcodes.js";
import {
  type Acl,
  AddWatchRequest,
  CheckWatchesRequest,
  GetACLResponse,
  GetAllChildrenNumberResponse,
  GetEphemeralsRequest,
  GetEphemeralsResponse,
  type Id,
  PathRequest,
  PathWatchRequest,
  SetWatches,
  SetWatches2,
  STAT_BYTES,
  Stat,
  WhoAmIResponse,
} from "../../jute/records.js";
import type { NodeRef, ZnodeStore } from "../tree/store.js";
import { WATCHER_TYPE, type WatcherType, type WatchTables } from "../tree/watches.js";
import { maskDigests, permits } from "./access.js";
import type { ClientConnection } from "./client-connection.js";
import { refuse } from "./request-error.js";

/** Sends an event to a connection outside of a transaction: what setWatches found to have happened meanwhile. */
export type EventSink = (connection: ClientConnection, type: number, path: string) => void;

/** One small request can name the same large znode thousands of times. */
const MULTI_READ_BYTES_MAX = 1 << 25;

export interface ReadOptions {
  readonly skipAcl: boolean;
}

/**
 * Answers requests that change nothing, straight from the store (upstream: FinalRequestProcessor). Each method writes the
 * response record, or throws a RequestError before it has written anything; a watch is registered only on success, but
 * for exists, whose watch waits for the znode to come.
 */
export class Reads {
  private readonly store: ZnodeStore;
  private readonly watches: WatchTables<ClientConnection>;
  private readonly options: ReadOptions;
  private readonly sendEvent: EventSink;

  constructor(store: ZnodeStore, watches: WatchTables<ClientConnection>, options: ReadOptions, sendEvent: EventSink) {
    this.store = store;
    this.watches = watches;
    this.options = options;
    this.sendEvent = sendEvent;
  }

  /** Whether `op` is answered here. */
  static handles(op: number): boolean {
    return READ_OPS.has(op);
  }

  answer(connection: ClientConnection, op: number, body: ByteReader, output: ByteWriter): void {
    switch (op) {
      case OP.getData:
        this.getData(connection, body, output);
        return;
      case OP.exists:
        this.exists(connection, body, output);
        return;
      case OP.getChildren:
      case OP.getChildren2:
        this.getChildren(connection, body, output, op === OP.getChildren2);
        return;
      case OP.ping:
        return;
      case OP.getACL:
        this.getAcl(connection, body, output);
        return;
      case OP.multiRead:
        this.multiRead(connection, body, output);
        return;
      case OP.addWatch:
        this.addWatch(connection, body, output);
        return;
      case OP.checkWatches:
      case OP.removeWatches:
        this.matchWatches(connection, body, op === OP.removeWatches);
        return;
      case OP.getEphemerals:
        this.getEphemerals(connection, body, output);
        return;
      case OP.getAllChildrenNumber:
        this.getAllChildrenNumber(connection, body, output);
        return;
      case OP.whoAmI:
        this.whoAmI(connection, output);
        return;
      default:
        refuse(ERROR.UNIMPLEMENTED);
    }
  }

  /** The hot path: the path is looked up as the bytes it came in, and data and stat leave in one copy. */
  private getData(connection: ClientConnection, body: ByteReader, output: ByteWriter): void {
    const length = body.length();
    const start = body.advance(Math.max(length, 0));
    const watch = body.bool();
    const node = this.store.find(body.bytes, start, start + Math.max(length, 0));
    if (node === 0) refuse(ERROR.NONODE);
    this.checkAccess(node, PERMISSION.read, connection.ids);
    if (watch) this.watches.addData(connection, body.bytes.toString("utf8", start, start + length));
    const at = output.reserve(this.store.dataReplyBytes(node));
    this.store.copyDataReply(node, output.bytes, at);
  }

  private exists(connection: ClientConnection, body: ByteReader, output: ByteWriter): void {
    const { path, watch } = PathWatchRequest.read(body);
    if (path.includes("\0")) refuse(ERROR.BADARGUMENTS);
    const node = this.store.findPath(path);
    if (node !== 0) this.checkAccess(node, PERMISSION.read, connection.ids);
    if (watch) this.watches.addData(connection, path);
    if (node === 0) refuse(ERROR.NONODE);
    this.writeStat(node, output);
  }

  private getChildren(connection: ClientConnection, body: ByteReader, output: ByteWriter, withStat: boolean): void {
    const { path, watch } = PathWatchRequest.read(body);
    const node = this.findReadable(path, connection.ids);
    if (watch) this.watches.addChild(connection, path);
    this.store.writeChildren(node, output);
    if (withStat) this.writeStat(node, output);
  }

  private getAcl(connection: ClientConnection, body: ByteReader, output: ByteWriter): void {
    const { path } = PathRequest.read(body);
    const node = this.find(path);
    this.checkAccess(node, PERMISSION.read | PERMISSION.admin, connection.ids);
    const acl = this.aclOf(node);
    const whole = this.options.skipAcl || permits(acl, PERMISSION.admin, connection.ids);
    GetACLResponse.write(output, { acl: whole ? acl : maskDigests(acl), stat: this.stat(node) });
  }

  /**
   * Each read has a result of its own; those for which the reply has no room get SYSTEMERROR. The watch flags count for
   * nothing, as upstream drops them when it decodes.
   */
  private multiRead(connection: ClientConnection, body: ByteReader, output: ByteWriter): void {
    let bytes = 0;
    const results = MultiReadRequest.read(body).map(({ type, request: { path } }): MultiResult => {
      const node = this.store.findPath(path);
      if (node === 0) return { type: OP.error, response: { err: ERROR.NONODE } };
      if (!this.permitted(node, PERMISSION.read, connection.ids)) {
        return { type: OP.error, response: { err: ERROR.NOAUTH } };
      }
      if (bytes > MULTI_READ_BYTES_MAX) return { type: OP.error, response: { err: ERROR.SYSTEMERROR } };
      if (type === OP.getData) {
        const data = this.store.data(node);
        bytes += data?.length ?? 0;
        return { type, response: { data, stat: this.stat(node) } };
      }
      const children = this.store.children(node);
      for (const child of children) bytes += child.length;
      return { type, response: { children } };
    });
    MultiResponse.write(output, results);
  }

  /**
   * A client that reconnected (setWatches, setWatches2): what happened to its watches meanwhile is sent as events, the
   * rest is registered again. To be called before the reply is begun, since the events go out ahead of it.
   */
  restoreWatches(connection: ClientConnection, op: number, body: ByteReader): void {
    const { store, watches } = this;
    const asked =
      op === OP.setWatches2
        ? SetWatches2.read(body)
        : { ...SetWatches.read(body), persistentWatches: [], persistentRecursiveWatches: [] };
    for (const path of asked.dataWatches) {
      const node = store.findPath(path);
      if (node === 0) this.sendEvent(connection, EVENT_TYPE.nodeDeleted, path);
      else if (store.mzxid(node) > asked.relativeZxid) this.sendEvent(connection, EVENT_TYPE.nodeDataChanged, path);
      else watches.addData(connection, path);
    }
    for (const path of asked.existWatches) {
      if (store.findPath(path) !== 0) this.sendEvent(connection, EVENT_TYPE.nodeCreated, path);
      else watches.addData(connection, path);
    }
    for (const path of asked.childWatches) {
      const node = store.findPath(path);
      if (node === 0) this.sendEvent(connection, EVENT_TYPE.nodeDeleted, path);
      else if (store.pzxid(node) > asked.relativeZxid) this.sendEvent(connection, EVENT_TYPE.nodeChildrenChanged, path);
      else watches.addChild(connection, path);
    }
    for (const path of asked.persistentWatches) watches.add(connection, path, "persistent");
    for (const path of asked.persistentRecursiveWatches) watches.add(connection, path, "persistentRecursive");
  }

  private addWatch(connection: ClientConnection, body: ByteReader, output: ByteWriter): void {
    const { path, mode } = AddWatchRequest.read(body);
    if (mode === WATCH_MODE.persistent) this.watches.add(connection, path, "persistent");
    else if (mode === WATCH_MODE.persistentRecursive) this.watches.add(connection, path, "persistentRecursive");
    else refuse(ERROR.MARSHALLINGERROR);
    output.int32(ERROR.OK);
  }

  private matchWatches(connection: ClientConnection, body: ByteReader, remove: boolean): void {
    const { path, type } = CheckWatchesRequest.read(body);
    if (!isWatcherType(type)) refuse(ERROR.MARSHALLINGERROR);
    const found = remove ? this.watches.remove(connection, path, type) : this.watches.check(connection, path, type);
    if (!found) refuse(ERROR.NOWATCHER);
  }

  private getEphemerals(connection: ClientConnection, body: ByteReader, output: ByteWriter): void {
    const { prefixPath } = GetEphemeralsRequest.read(body);
    const own = this.store.ephemeralsOf(connection.sessionId);
    const all = prefixPath === null || prefixPath.trim() === "" || prefixPath === "/";
    GetEphemeralsResponse.write(output, { ephemerals: all ? own : own.filter((path) => path.startsWith(prefixPath)) });
  }

  private getAllChildrenNumber(connection: ClientConnection, body: ByteReader, output: ByteWriter): void {
    const { path } = PathRequest.read(body);
    const node = this.findReadable(path, connection.ids);
    GetAllChildrenNumberResponse.write(output, { totalNumber: this.store.countDescendants(node) });
  }

  private whoAmI(connection: ClientConnection, output: ByteWriter): void {
    const clientInfo = connection.ids.map(({ scheme, id }) => ({
      authScheme: scheme,
      user: scheme === "digest" ? (id ?? "").split(":")[0]! : scheme === "ip" ? id : "",
    }));
    WhoAmIResponse.write(output, { clientInfo });
  }

  private find(path: string): NodeRef {
    const node = this.store.findPath(path);
    return node === 0 ? refuse(ERROR.NONODE) : node;
  }

  private findReadable(path: string, ids: readonly Id[]): NodeRef {
    const node = this.find(path);
    this.checkAccess(node, PERMISSION.read, ids);
    return node;
  }

  private permitted(node: NodeRef, permission: number, ids: readonly Id[]): boolean {
    return (
      this.store.isOpenToAll(node, permission) || this.options.skipAcl || permits(this.aclOf(node), permission, ids)
    );
  }

  private aclOf(node: NodeRef): readonly Acl[] {
    return this.store.acls.get(this.store.aclId(node)) ?? [];
  }

  private checkAccess(node: NodeRef, permission: number, ids: readonly Id[]): void {
    if (!this.permitted(node, permission, ids)) refuse(ERROR.NOAUTH);
  }

  private writeStat(node: NodeRef, output: ByteWriter): void {
    const at = output.reserve(STAT_BYTES);
    this.store.copyStat(node, output.bytes, at);
  }

  private stat(node: NodeRef): Stat {
    const bytes = Buffer.alloc(STAT_BYTES);
    this.store.copyStat(node, bytes, 0);
    return Stat.read(new ByteReader(bytes));
  }
}

function isWatcherType(type: number): type is WatcherType {
  return Object.values(WATCHER_TYPE).includes(type as WatcherType);
}

const READ_OPS: ReadonlySet<number> = new Set([
  OP.getData,
  OP.exists,
  OP.getChildren,
  OP.getChildren2,
  OP.ping,
  OP.getACL,
  OP.multiRead,
  OP.setWatches,
  OP.setWatches2,
  OP.addWatch,
  OP.checkWatches,
  OP.removeWatches,
  OP.getEphemerals,
  OP.getAllChildrenNumber,
  OP.whoAmI,
]);
