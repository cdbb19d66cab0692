import type { ByteReader } from "../../base/bytes.js";
import { MalformedBytesError } from "../../base/bytes.js";
import type { Zxid } from "../../base/zxid.js";
import { ERROR } from "../../jute/errors.js";
import { MultiWriteRequest } from "../../jute/multi.js";
import { CREATE_MODE, OP, PERMISSION } from "../../jute/opcodes.js";
import {
  type Acl,
  CreateRequest,
  CreateTTLRequest,
  DeleteRequest,
  type Id,
  SetACLRequest,
  SetDataRequest,
} from "../../jute/records.js";
import type { MultiPart, Transaction } from "../log/transactions.js";
import { contentCrc } from "../tree/digest.js";
import { CONTAINER_OWNER, ownerKind, TTL_MS_MAX, TTL_OWNER } from "../tree/owner.js";
import {
  CONFIG_PATH,
  isValidPath,
  parentPath,
  QUOTA_PATH,
  ROOT_PATH,
  SYSTEM_PATH,
  sequenceSuffix,
} from "../tree/paths.js";
import { ZnodeStore } from "../tree/store.js";
import { effectiveAcl, isSuper, permits, type WrittenOutBudget } from "./access.js";
import { NodeState } from "./node-state.js";
import type { OutstandingChanges } from "./outstanding-changes.js";
import { RequestError, refuse } from "./request-error.js";

const CREATE_FLAGS: ReadonlySet<number> = new Set(Object.values(CREATE_MODE));
const NOT_DELETABLE: ReadonlySet<string> = new Set([ROOT_PATH, SYSTEM_PATH, QUOTA_PATH, CONFIG_PATH]);

/** A write as it reaches the one who decides on it: the leader, or the only server. */
export interface WriteRequest {
  readonly sessionId: bigint;
  readonly op: number;
  /** Stands at the request's record, behind the header. */
  readonly body: ByteReader;
  readonly ids: readonly Id[];
}

export interface PrepareOptions {
  readonly extendedTypesEnabled: boolean;
  readonly skipAcl: boolean;
  /**
   * The largest request, in bytes. Ids written out for `auth` may add as much to a transaction: servers of Apache ZooKeeper
   * read twice that of a packet or a log entry, and no more (BinaryInputArchive.checkLength).
   */
  readonly maxBufferBytes: number;
}

interface CreateArguments {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly acl: readonly Acl[] | null;
  readonly flags: number;
  readonly ttl: bigint;
}

function checkVersion(asked: number, current: number): void {
  if (asked !== -1 && asked !== current) refuse(ERROR.BADVERSION);
}

/**
 * Turns requests into transactions: validates each against the tree with every change in flight and decides everything
 * that a replica must not decide for itself - names, versions, owners (upstream: PrepRequestProcessor). A refused request
 * becomes an error transaction, which takes a zxid like any other.
 */
export class Preparer {
  private readonly store: ZnodeStore;
  private readonly changes: OutstandingChanges;
  private readonly options: PrepareOptions;
  private readonly writtenOut: WrittenOutBudget = { bytesLeft: 0 };

  constructor(store: ZnodeStore, changes: OutstandingChanges, options: PrepareOptions) {
    this.store = store;
    this.changes = changes;
    this.options = options;
  }

  /**
   * `data` in the result is what the request's reader gave, so that must outlive the transaction. Undefined where the
   * request cannot be decoded: it takes no zxid and is answered with MARSHALLINGERROR.
   */
  prepare(request: WriteRequest, zxid: Zxid, timeMs: number): Transaction | undefined {
    this.writtenOut.bytesLeft = this.options.maxBufferBytes;
    try {
      return this.decide(request, zxid, timeMs);
    } catch (error) {
      if (error instanceof RequestError) return { type: OP.error, err: error.code };
      if (error instanceof MalformedBytesError) return undefined;
      throw error;
    }
  }

  /** The close of a session, by its client or because its time ran out: every ephemeral of it goes. */
  closeSession(sessionId: bigint, zxid: Zxid): Transaction {
    const paths = new Set(this.store.ephemeralsOf(sessionId));
    for (const change of this.changes.all()) {
      if (change.exists && change.ephemeralOwner === sessionId) paths.add(change.path);
      else paths.delete(change.path);
    }
    const pathsToDelete = [...paths];
    for (const path of pathsToDelete) this.removeNode(path, zxid);
    return { type: OP.closeSession, pathsToDelete };
  }

  private decide({ op, body, ids, sessionId }: WriteRequest, zxid: Zxid, timeMs: number): Transaction {
    switch (op) {
      case OP.setData:
        return this.setData(SetDataRequest.read(body), ids, zxid, timeMs);
      case OP.create:
      case OP.create2:
      case OP.createContainer:
        return this.create(op, { ...CreateRequest.read(body), ttl: -1n }, sessionId, ids, zxid, timeMs);
      case OP.createTTL:
        return this.create(op, CreateTTLRequest.read(body), sessionId, ids, zxid, timeMs);
      case OP.delete:
        return this.remove(DeleteRequest.read(body), ids, zxid);
      case OP.deleteContainer:
        return this.removeContainer(body.string() ?? refuse(ERROR.BADARGUMENTS), zxid);
      case OP.setACL:
        return this.setAcl(SetACLRequest.read(body), ids, zxid);
      case OP.multi:
        return this.multi(body, sessionId, ids, zxid, timeMs);
      case OP.reconfig:
        return refuse(ERROR.RECONFIGDISABLED);
      default:
        return refuse(ERROR.UNIMPLEMENTED);
    }
  }

  private setData(
    { path, data, version }: { path: string; data: Uint8Array | null; version: number },
    ids: readonly Id[],
    zxid: Zxid,
    timeMs: number,
  ): Transaction & MultiPart {
    this.checkPath(path);
    const before = this.changes.find(path) ?? refuse(ERROR.NONODE);
    this.checkAccess(before, PERMISSION.write, ids);
    checkVersion(version, before.version);
    this.makeRoom(path, data);
    const after = before.changedBy(zxid);
    after.version = (before.version + 1) | 0;
    after.mzxid = zxid;
    after.mtimeMs = timeMs;
    after.contentCrc = contentCrc(path, data);
    this.changes.put(after, before.digest);
    return { type: OP.setData, path, data, version: after.version };
  }

  private create(
    op: typeof OP.create | typeof OP.create2 | typeof OP.createContainer | typeof OP.createTTL,
    { path: askedPath, data, acl: askedAcl, flags, ttl }: CreateArguments,
    sessionId: bigint,
    ids: readonly Id[],
    zxid: Zxid,
    timeMs: number,
  ): Transaction & MultiPart {
    const sequential =
      flags === CREATE_MODE.persistentSequential ||
      flags === CREATE_MODE.ephemeralSequential ||
      flags === CREATE_MODE.persistentSequentialWithTTL;
    const ephemeral = flags === CREATE_MODE.ephemeral || flags === CREATE_MODE.ephemeralSequential;
    const owner = this.ownerFor(op, flags, ttl, sessionId);
    const slash = askedPath.lastIndexOf("/");
    if (slash === -1 || askedPath.includes("\0")) refuse(ERROR.BADARGUMENTS);
    const acl = effectiveAcl(askedAcl, ids, this.writtenOut);
    if (acl === ERROR.INVALIDACL) refuse(ERROR.INVALIDACL);
    const parent = this.changes.find(slash === 0 ? "/" : askedPath.slice(0, slash)) ?? refuse(ERROR.NONODE);
    this.checkAccess(parent, PERMISSION.create, ids);
    const path = sequential ? askedPath + sequenceSuffix(parent.cversion) : askedPath;
    this.checkPath(path);
    if (this.changes.find(path) !== undefined) refuse(ERROR.NODEEXISTS);
    if (this.isPlainEphemeral(parent.ephemeralOwner)) refuse(ERROR.NOCHILDRENFOREPHEMERALS);
    this.makeRoom(path, data);

    const grown = parent.changedBy(zxid);
    grown.cversion = (parent.cversion + 1) | 0;
    grown.pzxid = zxid;
    grown.childCount++;
    this.changes.put(grown, parent.digest);
    const node = new NodeState(path);
    node.zxid = node.czxid = node.mzxid = node.pzxid = zxid;
    node.ctimeMs = node.mtimeMs = timeMs;
    node.ephemeralOwner = owner;
    node.acl = acl;
    node.contentCrc = contentCrc(path, data);
    this.changes.put(node, 0);
    const parentCVersion = grown.cversion;
    if (op === OP.createContainer) return { type: op, path, data, acl, parentCVersion };
    if (op === OP.createTTL) return { type: op, path, data, acl, parentCVersion, ttl };
    return { type: op, path, data, acl, ephemeral, parentCVersion };
  }

  /** Checks that mode and operation go together (upstream: CreateMode, EphemeralType.validateTTL). */
  private ownerFor(op: number, flags: number, ttl: bigint, sessionId: bigint): bigint {
    switch (flags) {
      case CREATE_MODE.persistent:
      case CREATE_MODE.persistentSequential:
        return op === OP.createContainer || op === OP.createTTL ? refuse(ERROR.BADARGUMENTS) : 0n;
      case CREATE_MODE.ephemeral:
      case CREATE_MODE.ephemeralSequential:
        return op === OP.createContainer || op === OP.createTTL ? refuse(ERROR.BADARGUMENTS) : sessionId;
      case CREATE_MODE.container:
        return op === OP.createContainer ? CONTAINER_OWNER : refuse(ERROR.BADARGUMENTS);
      case CREATE_MODE.persistentWithTTL:
      case CREATE_MODE.persistentSequentialWithTTL:
        if (!this.options.extendedTypesEnabled) refuse(ERROR.UNIMPLEMENTED);
        if (op !== OP.createTTL || ttl <= 0n || ttl > TTL_MS_MAX) refuse(ERROR.BADARGUMENTS);
        return TTL_OWNER | ttl;
      default:
        return refuse(ERROR.BADARGUMENTS);
    }
  }

  private isPlainEphemeral(owner: bigint): boolean {
    if (owner === 0n) return false;
    const high = Number(BigInt.asIntN(32, owner >> 32n));
    const low = Number(BigInt.asIntN(32, owner));
    return ownerKind(high, low, this.options.extendedTypesEnabled) === "ephemeral";
  }

  private remove(
    { path, version }: { path: string; version: number },
    ids: readonly Id[],
    zxid: Zxid,
  ): Transaction & MultiPart {
    if (!path.includes("/") || path.includes("\0") || NOT_DELETABLE.has(path)) refuse(ERROR.BADARGUMENTS);
    const parent = this.changes.find(parentPath(path)) ?? refuse(ERROR.NONODE);
    this.checkAccess(parent, PERMISSION.delete, ids);
    const node = this.changes.find(path) ?? refuse(ERROR.NONODE);
    checkVersion(version, node.version);
    if (node.childCount > 0) refuse(ERROR.NOTEMPTY);
    this.removeNode(path, zxid);
    return { type: OP.delete, path };
  }

  /** Made by the server itself; looked at again here, since the container may have got a child meanwhile. */
  private removeContainer(path: string, zxid: Zxid): Transaction {
    const node = this.changes.find(path) ?? refuse(ERROR.NONODE);
    if (NOT_DELETABLE.has(path)) refuse(ERROR.BADARGUMENTS);
    if (node.childCount > 0) refuse(ERROR.NOTEMPTY);
    if (this.isPlainEphemeral(node.ephemeralOwner)) refuse(ERROR.BADVERSION);
    this.removeNode(path, zxid);
    return { type: OP.deleteContainer, path };
  }

  private setAcl(
    { path, acl: asked, version }: { path: string; acl: readonly Acl[] | null; version: number },
    ids: readonly Id[],
    zxid: Zxid,
  ): Transaction {
    this.checkPath(path);
    const acl = effectiveAcl(asked, ids, this.writtenOut);
    if (acl === ERROR.INVALIDACL) refuse(ERROR.INVALIDACL);
    const before = this.changes.find(path) ?? refuse(ERROR.NONODE);
    this.checkAccess(before, PERMISSION.admin, ids);
    checkVersion(version, before.aversion);
    const after = before.changedBy(zxid);
    after.aversion = (before.aversion + 1) | 0;
    after.acl = acl;
    this.changes.put(after, before.digest);
    return { type: OP.setACL, path, acl, version: after.aversion };
  }

  private check({ path, version }: { path: string; version: number }, ids: readonly Id[]): MultiPart {
    this.checkPath(path);
    const node = this.changes.find(path) ?? refuse(ERROR.NONODE);
    this.checkAccess(node, PERMISSION.read, ids);
    checkVersion(version, node.version);
    return { type: OP.check, path, version };
  }

  /** All or nothing: the first refusal takes back what the earlier parts would have changed. */
  private multi(body: ByteReader, sessionId: bigint, ids: readonly Id[], zxid: Zxid, timeMs: number): Transaction {
    const operations = decodeMulti(body);
    if (operations === "malformed") return { type: OP.error, err: ERROR.MARSHALLINGERROR };
    const parts: MultiPart[] = [];
    let failed = false;
    this.changes.begin();
    for (const operation of operations) {
      if (failed) {
        parts.push({ type: OP.error, err: ERROR.RUNTIMEINCONSISTENCY });
        continue;
      }
      try {
        parts.push(this.part(operation, sessionId, ids, zxid, timeMs));
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        failed = true;
        parts.push({ type: OP.error, err: error.code });
      }
    }
    if (failed) this.changes.rollback();
    else this.changes.keep();
    return { type: OP.multi, parts };
  }

  private part(
    operation: ReturnType<typeof MultiWriteRequest.read>[number],
    sessionId: bigint,
    ids: readonly Id[],
    zxid: Zxid,
    timeMs: number,
  ): MultiPart {
    switch (operation.type) {
      case OP.setData:
        return this.setData(operation.request, ids, zxid, timeMs);
      case OP.delete:
        return this.remove(operation.request, ids, zxid);
      case OP.check:
        return this.check(operation.request, ids);
      case OP.createTTL:
        return this.create(operation.type, operation.request, sessionId, ids, zxid, timeMs);
      default:
        return this.create(operation.type, { ...operation.request, ttl: -1n }, sessionId, ids, zxid, timeMs);
    }
  }

  private removeNode(path: string, zxid: Zxid): void {
    const node = this.changes.find(path);
    const parent = this.changes.find(parentPath(path));
    if (node === undefined || parent === undefined) return;
    const shrunk = parent.changedBy(zxid);
    shrunk.pzxid = zxid;
    shrunk.childCount--;
    this.changes.put(shrunk, parent.digest);
    const gone = node.changedBy(zxid);
    gone.exists = false;
    this.changes.put(gone, node.digest);
  }

  /** What is accepted must be applied, so the memory for it is set aside here. */
  private makeRoom(path: string, data: Uint8Array | null): void {
    const pathBytes = Buffer.byteLength(path);
    const dataBytes = data?.length ?? 0;
    if (!ZnodeStore.fits(pathBytes, dataBytes)) refuse(ERROR.BADARGUMENTS);
    const costBytes = ZnodeStore.writeCostBytes(pathBytes, dataBytes);
    if (!this.store.canHold(this.changes.outstandingCostBytes + costBytes)) refuse(ERROR.SYSTEMERROR);
    this.changes.proposedCostBytes += costBytes;
  }

  private checkPath(path: string): void {
    if (!isValidPath(path)) refuse(ERROR.BADARGUMENTS);
  }

  private checkAccess(state: NodeState, permission: number, ids: readonly Id[]): void {
    if (this.options.skipAcl) return;
    if (state.acl === undefined && this.store.acls.isOpenToAll(state.aclId, permission)) return;
    if (isSuper(ids) || permits(this.changes.aclOf(state), permission, ids)) return;
    refuse(ERROR.NOAUTH);
  }
}

/**
 * Upstream gives a multi a zxid before it finds it malformed, unlike any other request; only a create without an ACL list
 * fails too early for that.
 */
function decodeMulti(body: ByteReader): ReturnType<typeof MultiWriteRequest.read> | "malformed" {
  let operations: ReturnType<typeof MultiWriteRequest.read>;
  try {
    operations = MultiWriteRequest.read(body);
  } catch (error) {
    if (error instanceof MalformedBytesError) return "malformed";
    throw error;
  }
  for (const { type, request } of operations) {
    if (type === OP.delete || type === OP.setData || type === OP.check) continue;
    if (!CREATE_FLAGS.has(request.flags)) return "malformed";
    if (request.acl === null) throw new MalformedBytesError("a create in a multi without an ACL list");
  }
  return operations;
}
