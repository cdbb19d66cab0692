import { assert } from "../../base/assert.js";
import type { Zxid } from "../../base/zxid.js";
import { ERROR } from "../../jute/errors.js";
import { OP } from "../../jute/opcodes.js";
import { type Acl, STAT_BYTES } from "../../jute/records.js";
import type { MultiPart, Transaction } from "../log/transactions.js";
import type { SessionTable } from "../session/session-table.js";
import type { AclCache } from "../tree/acl-cache.js";
import { parentPath } from "../tree/paths.js";
import type { NodeRef, ZnodeStore } from "../tree/store.js";
import type { OutstandingChanges } from "./outstanding-changes.js";

export interface TransactionContext {
  readonly zxid: Zxid;
  readonly timeMs: number;
  readonly sessionId: bigint;
}

/** What a part of a multi came to, kept since later parts may change the same znode. */
export interface PartResult {
  readonly type: number;
  readonly err: number;
  readonly path: string;
  /** 68 bytes in wire form, where the result carries a Stat. */
  readonly stat: Buffer | undefined;
}

/** Told of each change to a znode right after it was made, with the znode's ACL as of before. */
export interface ChangeListener {
  created(path: string, zxid: Zxid): void;
  deleted(path: string, aclId: number, parentAclId: number, zxid: Zxid): void;
  dataChanged(path: string, zxid: Zxid): void;
}

/**
 * Applies committed transactions to the tree and the table of sessions, in zxid order (upstream: DataTree.processTxn).
 * Replaying one that the tree already holds is harmless, which recovery from a fuzzy snapshot relies on.
 */
export class Applier {
  private readonly store: ZnodeStore;
  private readonly acls: AclCache;
  private readonly sessions: SessionTable;
  private readonly listener: ChangeListener;
  private readonly changes: OutstandingChanges | undefined;
  /** The znode that the last transaction wrote; 0 where it wrote none. Valid until the next change. */
  lastNode: NodeRef = 0;
  /** The results of the last multi. */
  lastParts: readonly PartResult[] = [];

  /** `changes` is the overlay of a server that prepares transactions itself, to be settled as they are applied. */
  constructor(
    store: ZnodeStore,
    acls: AclCache,
    sessions: SessionTable,
    listener: ChangeListener,
    changes: OutstandingChanges | undefined,
  ) {
    this.store = store;
    this.acls = acls;
    this.sessions = sessions;
    this.listener = listener;
    this.changes = changes;
  }

  /** Returns the error the transaction stands for, 0 for none. A failed multi is 0: its parts tell. */
  apply(transaction: Transaction, context: TransactionContext): number {
    this.lastNode = 0;
    switch (transaction.type) {
      case OP.error:
        return transaction.err;
      case OP.createSession:
        this.sessions.put(context.sessionId, transaction.timeOut);
        return ERROR.OK;
      case OP.closeSession:
        this.closeSession(transaction.pathsToDelete ?? this.store.ephemeralsOf(context.sessionId), context);
        return ERROR.OK;
      case OP.multi:
        this.applyMulti(transaction.parts, context);
        return ERROR.OK;
      case OP.setACL:
        return this.setAcl(transaction, context.zxid);
      case OP.reconfig:
        assert(false, "reconfig transactions are refused before they are applied");
        return ERROR.SYSTEMERROR;
      default:
        return this.applyPart(transaction, context);
    }
  }

  private applyPart(part: MultiPart, { zxid, timeMs, sessionId }: TransactionContext): number {
    switch (part.type) {
      case OP.setData: {
        this.lastNode = this.store.setData(part.path, part.data, part.version, zxid, timeMs);
        this.changes?.settle(part.path, zxid);
        if (this.lastNode === 0) return ERROR.NONODE;
        this.listener.dataChanged(part.path, zxid);
        return ERROR.OK;
      }
      case OP.create:
      case OP.create2:
        return this.create(part, part.ephemeral ? sessionId : 0n, zxid, timeMs);
      case OP.createContainer:
        return this.create(part, CONTAINER_OWNER, zxid, timeMs);
      case OP.createTTL:
        return this.create(part, BigInt.asIntN(64, (0xffn << 56n) | part.ttl), zxid, timeMs);
      case OP.delete:
      case OP.deleteContainer:
        return this.remove(part.path, zxid);
      case OP.check:
        return ERROR.OK;
      case OP.error:
        return part.err;
    }
  }

  private create(
    part: {
      readonly path: string;
      readonly data: Uint8Array | null;
      readonly acl: readonly Acl[] | null;
      readonly parentCVersion: number;
    },
    ephemeralOwner: bigint,
    zxid: Zxid,
    timeMs: number,
  ): number {
    const aclId = this.acls.acquire(part.acl);
    const { path, data, parentCVersion } = part;
    this.lastNode = this.store.create({
      path,
      data,
      aclId,
      ephemeralOwner,
      zxid,
      timeMs,
      parentCversion: parentCVersion,
    });
    this.changes?.settle(path, zxid);
    this.changes?.settle(parentPath(path), zxid);
    if (this.lastNode === 0) {
      this.acls.release(aclId);
      return this.store.findPath(path) === 0 ? ERROR.NONODE : ERROR.NODEEXISTS;
    }
    this.listener.created(path, zxid);
    return ERROR.OK;
  }

  private remove(path: string, zxid: Zxid): number {
    const { store } = this;
    const node = store.findPath(path);
    const parent = parentPath(path);
    const aclId = node === 0 ? -1 : store.aclId(node);
    const parentNode = store.findPath(parent);
    const parentAclId = parentNode === 0 ? -1 : store.aclId(parentNode);
    const removed = store.remove(path, zxid);
    this.changes?.settle(path, zxid);
    this.changes?.settle(parent, zxid);
    if (!removed) return ERROR.NONODE;
    this.acls.release(aclId);
    this.listener.deleted(path, aclId, parentAclId, zxid);
    return ERROR.OK;
  }

  private setAcl(
    { path, acl, version }: { readonly path: string; readonly acl: readonly Acl[] | null; readonly version: number },
    zxid: Zxid,
  ): number {
    const node = this.store.findPath(path);
    if (node === 0) return ERROR.NONODE;
    const before = this.store.aclId(node);
    const aclId = this.acls.acquire(acl);
    this.lastNode = this.store.setAcl(path, aclId, version);
    this.acls.release(before);
    this.changes?.settle(path, zxid);
    return ERROR.OK;
  }

  private closeSession(paths: readonly string[], context: TransactionContext): void {
    for (const path of paths) this.remove(path, context.zxid);
    this.sessions.delete(context.sessionId);
  }

  private applyMulti(parts: readonly MultiPart[], context: TransactionContext): void {
    const failed = parts.some((part) => part.type === OP.error);
    this.lastParts = parts.map((part) => {
      if (failed)
        return { type: OP.error, err: part.type === OP.error ? part.err : ERROR.OK, path: "", stat: undefined };
      const err = this.applyPart(part, context);
      const path = "path" in part ? part.path : "";
      return { type: part.type, err, path, stat: this.statFor(part.type) };
    });
  }

  private statFor(type: number): Buffer | undefined {
    if (type === OP.delete || type === OP.check || type === OP.create || this.lastNode === 0) return undefined;
    const stat = Buffer.allocUnsafe(STAT_BYTES);
    this.store.copyStat(this.lastNode, stat, 0);
    return stat;
  }
}

const CONTAINER_OWNER = -(2n ** 63n);
