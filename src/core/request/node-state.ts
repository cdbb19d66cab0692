import type { Zxid } from "../../base/zxid.js";
import type { Acl } from "../../jute/records.js";

/** A znode as it will stand once every transaction that was proposed so far is applied. */
export class NodeState {
  readonly path: string;
  /** The transaction that made this state; 0 where it was read from the tree. */
  zxid: Zxid = 0;
  exists = true;
  czxid: Zxid = 0;
  mzxid: Zxid = 0;
  pzxid: Zxid = 0;
  ctimeMs = 0;
  mtimeMs = 0;
  version = 0;
  /** As stored, which counts creates only (upstream: StatPersisted.cversion). */
  cversion = 0;
  aversion = 0;
  ephemeralOwner = 0n;
  childCount = 0;
  /** -1 is the open ACL; not to be looked at where `acl` is set. */
  aclId = -1;
  /** The list itself, where a transaction in flight sets it and no id stands for it yet. */
  acl: readonly Acl[] | undefined;
  dataLength = -1;
  /** CRC-32 over path and data, from which the digest goes on over the stat. */
  contentCrc = 0;
  /** What the node counts in the digest of the tree. */
  digest = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** A copy to be changed by the transaction `zxid`. */
  changedBy(zxid: Zxid): NodeState {
    const copy = new NodeState(this.path);
    copy.zxid = zxid;
    copy.exists = this.exists;
    copy.czxid = this.czxid;
    copy.mzxid = this.mzxid;
    copy.pzxid = this.pzxid;
    copy.ctimeMs = this.ctimeMs;
    copy.mtimeMs = this.mtimeMs;
    copy.version = this.version;
    copy.cversion = this.cversion;
    copy.aversion = this.aversion;
    copy.ephemeralOwner = this.ephemeralOwner;
    copy.childCount = this.childCount;
    copy.aclId = this.aclId;
    copy.acl = this.acl;
    copy.dataLength = this.dataLength;
    copy.contentCrc = this.contentCrc;
    copy.digest = this.digest;
    return copy;
  }
}
