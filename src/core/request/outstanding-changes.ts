import type { Zxid } from "../../base/zxid.js";
import type { Acl } from "../../jute/records.js";
import { nodeDigest } from "../tree/digest.js";
import type { ZnodeStore } from "../tree/store.js";
import { NodeState } from "./node-state.js";

const NOBODY: readonly Acl[] = [{ perms: 0, id: { scheme: "world", id: "anyone" } }];

/**
 * The tree as it will be once everything proposed is applied: the store, overlaid with what the transactions in flight
 * change. Requests are validated against it, so that many can be in flight at once and none sees a state that a later
 * commit could contradict (upstream: ZooKeeperServer.outstandingChanges).
 */
export class OutstandingChanges {
  private readonly changes = new Map<string, NodeState>();
  /** What `put` replaced since `begin`, newest last, so that a failing multi leaves no trace. */
  private undo: { readonly path: string; readonly before: NodeState | undefined }[] | undefined;
  private readonly store: ZnodeStore;
  /** The digest of the tree with every outstanding change, as two unsigned words. */
  digestHigh: number;
  digestLow: number;

  /** What all writes so far may take of the store's memory, and how much of that was for writes applied since. */
  proposedCostBytes = 0;
  appliedCostBytes = 0;

  constructor(store: ZnodeStore) {
    this.store = store;
    this.digestHigh = store.digestHigh;
    this.digestLow = store.digestLow;
  }

  /** How many znodes have a change in flight. */
  get size(): number {
    return this.changes.size;
  }

  get outstandingCostBytes(): number {
    return this.proposedCostBytes - this.appliedCostBytes;
  }

  /** The state of an existing znode; undefined where there is none or a change in flight deletes it. Not to be changed. */
  find(path: string): NodeState | undefined {
    const change = this.changes.get(path);
    if (change !== undefined) return change.exists ? change : undefined;
    const { store } = this;
    const node = store.findPath(path);
    if (node === 0) return undefined;
    const state = new NodeState(path);
    store.readFields(node, state);
    return state;
  }

  /** An id that is not known permits nobody anything (upstream: an unknown ACL in a damaged snapshot). */
  aclOf(state: NodeState): readonly Acl[] {
    return state.acl ?? this.store.acls.get(state.aclId) ?? NOBODY;
  }

  /** Records what a transaction makes of a znode and moves the digest along. */
  put(state: NodeState, digestBefore: number): void {
    state.digest = state.exists ? nodeDigest(state) : 0;
    this.addDigest(state.digest - digestBefore);
    this.undo?.push({ path: state.path, before: this.changes.get(state.path) });
    this.changes.set(state.path, state);
  }

  /** Begins what `rollback` takes back or `keep` makes stand. */
  begin(): void {
    this.undo = [];
  }

  keep(): void {
    this.undo = undefined;
  }

  rollback(): void {
    const undo = this.undo ?? [];
    this.undo = undefined;
    for (let index = undo.length - 1; index >= 0; index--) {
      const { path, before } = undo[index]!;
      const after = this.changes.get(path)!;
      const node = before === undefined ? this.store.findPath(path) : 0;
      const digestBefore = before === undefined ? (node === 0 ? 0 : this.store.digest(node)) : before.digest;
      this.addDigest(digestBefore - after.digest);
      if (before === undefined) this.changes.delete(path);
      else this.changes.set(path, before);
    }
  }

  /** What `zxid` makes of the znode, where no later transaction in flight changes it again. */
  madeBy(zxid: Zxid, path: string): NodeState | undefined {
    const change = this.changes.get(path);
    return change?.zxid === zxid ? change : undefined;
  }

  /** The transaction `zxid` has been applied to the store; what it was the last to change is read from there again. */
  settle(path: string, zxid: Zxid): void {
    const change = this.changes.get(path);
    if (change !== undefined && change.zxid <= zxid) this.changes.delete(path);
  }

  /** Every change in flight: for a closing session, whose ephemerals may not have been applied yet. */
  all(): Iterable<NodeState> {
    return this.changes.values();
  }

  private addDigest(delta: number): void {
    const low = this.digestLow + delta;
    if (low < 0) {
      this.digestLow = low + 2 ** 32;
      this.digestHigh = (this.digestHigh - 1) >>> 0;
    } else if (low >= 2 ** 32) {
      this.digestLow = low - 2 ** 32;
      this.digestHigh = (this.digestHigh + 1) >>> 0;
    } else {
      this.digestLow = low;
    }
  }
}
