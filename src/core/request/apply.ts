import { assert } from "../../base/assert.js";
import type { Zxid } from "../../base/zxid.js";
import { ERROR } from "../../jute/errors.js";
import { OP } from "../../jute/opcodes.js";
import { type Acl, STAT_BYTES } from "../../jute/records.js";
import type { MultiPart, Transaction } from "../log/transactions.js";
import type { SessionTable } from "../session/session-table.js";
import { OPEN_ACL } from "../tree/acl-cache.js";
import { CONTAINER_OWNER, TTL_OWNER } from "../tree/owner.js";
import { parentPath } from "../tree/paths.js";
import type { ZnodeStore } from "../tree/store.js";
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

/** Told of each change to a znode right after it was made; of a deleted one, with the ACLs as they were before. */
export interface ChangeListener {
  /** False where nobody would hear of a change, which saves the look-ups. */
  readonly watching: boolean;
  created(path: string, zxid: Zxid): void;
  deleted(path: string, acl: readonly Acl[], parentAcl: readonly Acl[], zxid: Zxid): void;
  dataChanged(path: string, zxid: Zxid): void;
}

const CODE_OF = { applied: ERROR.OK, noNode: ERROR.NONODE, nodeExists: ERROR.NODEEXISTS } as const;

/**
 * Applies committed transactions to the tree and the table of sessions, in zxid order (upstream: DataTree.processTxn).
 * Replaying one that the tree already holds is harmless, which recovery from a fuzzy snapshot relies on.
 */
export class Applier {
  private readonly store: ZnodeStore;
  private readonly sessions: SessionTable;
  private readonly listener: ChangeListener;
  private readonly changes: OutstandingChanges | undefined;
  /** The results of the last multi. */
  lastParts: readonly PartResult[] = [];

  /** `changes` is the overlay of a server that prepares transactions itself, to be settled as they are applied. */
  constructor(
    store: ZnodeStore,
    sessions: SessionTable,
    listener: ChangeListener,
    changes: OutstandingChanges | undefined,
  ) {
    this.store = store;
    this.sessions = sessions;
    this.listener = listener;
    this.changes = changes;
  }

  /** Returns the error the transaction stands for, 0 for none. A failed multi is 0: its parts tell. */
  apply(transaction: Transaction, context: TransactionContext): number {
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
        return this.applyPart(transaction, context, true);
    }
  }

  /** `alone`: no other part of the same transaction may change the znode too. */
  private applyPart(part: MultiPart, { zxid, timeMs, sessionId }: TransactionContext, alone: boolean): number {
    switch (part.type) {
      case OP.setData: {
        const known = alone ? this.changes?.madeBy(zxid, part.path) : undefined;
        const outcome = this.store.setData(part.path, part.data, part.version, zxid, timeMs, known);
        this.changes?.settle(part.path, zxid);
        if (outcome === "applied") this.listener.dataChanged(part.path, zxid);
        return CODE_OF[outcome];
      }
      case OP.create:
      case OP.create2:
        return this.create(part, part.ephemeral ? sessionId : 0n, zxid, timeMs);
      case OP.createContainer:
        return this.create(part, CONTAINER_OWNER, zxid, timeMs);
      case OP.createTTL:
        return this.create(part, TTL_OWNER | part.ttl, zxid, timeMs);
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
    const aclId = this.store.acls.acquire(part.acl);
    const { path, data, parentCVersion: parentCversion } = part;
    const outcome = this.store.create({ path, data, aclId, ephemeralOwner, zxid, timeMs, parentCversion });
    this.changes?.settle(path, zxid);
    this.changes?.settle(parentPath(path), zxid);
    if (outcome === "applied") this.listener.created(path, zxid);
    return CODE_OF[outcome];
  }

  private remove(path: string, zxid: Zxid): number {
    const { store } = this;
    const parent = parentPath(path);
    const acl = this.listener.watching ? this.aclOf(path) : OPEN_ACL;
    const parentAcl = this.listener.watching ? this.aclOf(parent) : OPEN_ACL;
    const outcome = store.remove(path, zxid);
    this.changes?.settle(path, zxid);
    this.changes?.settle(parent, zxid);
    if (outcome === "applied") this.listener.deleted(path, acl, parentAcl, zxid);
    return CODE_OF[outcome];
  }

  private setAcl(
    { path, acl, version }: { readonly path: string; readonly acl: readonly Acl[] | null; readonly version: number },
    zxid: Zxid,
  ): number {
    const outcome = this.store.setAcl(path, this.store.acls.acquire(acl), version);
    this.changes?.settle(path, zxid);
    return CODE_OF[outcome];
  }

  private aclOf(path: string): readonly Acl[] {
    const node = this.store.findPath(path);
    return (node === 0 ? undefined : this.store.acls.get(this.store.aclId(node))) ?? OPEN_ACL;
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
      const err = this.applyPart(part, context, false);
      const path = "path" in part ? part.path : "";
      return { type: part.type, err, path, stat: this.statFor(part.type) };
    });
  }

  private statFor(type: number): Buffer | undefined {
    if (type === OP.delete || type === OP.check || type === OP.create) return undefined;
    const stat = Buffer.allocUnsafe(STAT_BYTES);
    this.store.copyStat(this.store.changedNode, stat, 0);
    return stat;
  }
}
