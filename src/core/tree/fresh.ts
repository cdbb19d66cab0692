import type { StatPersisted } from "../../jute/records.js";
import { OPEN_ACL_ID, READ_ACL } from "./acl-cache.js";
import { CONFIG_PATH, QUOTA_PATH, ROOT_PATH, SYSTEM_PATH } from "./paths.js";
import type { ZnodeStore } from "./store.js";

/** Of a node that no transaction has made. */
export const ZERO_STAT: StatPersisted = {
  czxid: 0,
  mzxid: 0,
  ctime: 0,
  mtime: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  pzxid: 0,
};
const NO_DATA = new Uint8Array(0);

/** The nodes of a new database, as upstream's DataTree makes them: the root and the service's own nodes. */
export function createFreshTree(store: ZnodeStore): void {
  for (const path of [ROOT_PATH, SYSTEM_PATH, QUOTA_PATH, CONFIG_PATH]) {
    store.load(path, NO_DATA, OPEN_ACL_ID, ZERO_STAT);
  }
  // Upstream sets this ACL with version -1, and that becomes the aversion.
  store.setAcl(CONFIG_PATH, store.acls.acquire(READ_ACL), -1);
}
