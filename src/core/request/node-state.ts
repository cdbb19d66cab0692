import type { Zxid } from "../../base/zxid.js";
import type { Acl } from "../../jute/records.js";
import type { NodeFields } from "../tree/reader.js";

/** A znode as it will stand once every transaction that was proposed so far is applied. */
export class NodeState implements NodeFields {
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
  cversion = 0;
  aversion = 0;
  ephemeralOwner = 0n;
  childCount = 0;
  /** -1 is the open ACL; not to be looked at where `acl` is set. */
  aclId = -1;
  /** The list itself, where a transaction in flight sets it and no id stands for it yet. */
  acl: readonly Acl[] | undefined;
  /** CRC-32 over path and data, from which the digest goes on over the stat. */
  contentCrc = 0;
  /** What the node counts in the digest of the tree. */
  digest = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** To be changed by the transaction `zxid`: a copy, or this itself where it was only read from the tree. */
  changedBy(zxid: Zxid): NodeState {
    if (this.zxid === 0) {
      this.zxid = zxid;
      return this;
    }
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
    copy.contentCrc = this.contentCrc;
    copy.digest = this.digest;
    return copy;
  }
}
