import { formatZxid, type Zxid } from "../../base/zxid.js";
import { Problem } from "./problem.js";

// An entity tag is the version, and the zxid of the last change behind it: a znode that was deleted and created again counts
// its versions from 0 again, and a cache must not take the one for the other.

export function entityTag(version: number, mzxid: Zxid): string {
  return `"${version}-${formatZxid(mzxid)}"`;
}

/** The children of a znode as of their last change. */
export function childrenTag(pzxid: Zxid): string {
  return `"${formatZxid(pzxid)}"`;
}

/** Whether If-None-Match, where it is there, says that the client has this already. */
export function isUnchanged(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  if (header === tag) return true;
  return header.trim() === "*" || header.split(",").some((given) => given.trim().replace(/^W\//, "") === tag);
}

/** What a write may find: `exists` any version, `version` that one, `absent` nothing. */
export type Precondition =
  | { readonly kind: "none" }
  | { readonly kind: "exists" }
  | { readonly kind: "absent" }
  | {
      readonly kind: "version";
      readonly version: number;
      /** Where the tag told it. */
      readonly mzxid: Zxid | undefined;
    };

const NONE: Precondition = { kind: "none" };

/**
 * The precondition of a write. If-Match takes an entity tag as this server gave it, or ZooKeeper's version alone: `"3"`;
 * If-None-Match takes `*`.
 */
export function preconditionOf(ifMatch: string | undefined, ifNoneMatch: string | undefined): Precondition {
  if (ifMatch === undefined && ifNoneMatch === undefined) return NONE;
  if (ifMatch !== undefined && ifNoneMatch !== undefined)
    throw new Problem(400, "If-Match and If-None-Match contradict each other", "BADARGUMENTS");
  if (ifMatch === undefined) {
    if (ifNoneMatch!.trim() === "*") return { kind: "absent" };
    throw new Problem(400, "a write takes If-None-Match: * only, which creates", "BADARGUMENTS");
  }
  if (ifMatch.trim() === "*") return { kind: "exists" };
  const match = /^\s*"(-?\d{1,10})(?:-([0-9a-f]{1,14}))?"\s*$/.exec(ifMatch);
  const version = Number(match?.[1]);
  if (match === null || version < -(2 ** 31) || version > 2 ** 31 - 1)
    throw new Problem(400, `If-Match takes one entity tag, a version such as "3", or *`, "BADARGUMENTS");
  // ZooKeeper takes -1 for any version, which is not what a client says that has seen one.
  if (version === -1)
    throw new Problem(400, "a version of -1 is no precondition: If-Match: * asks for any", "BADARGUMENTS");
  return { kind: "version", version, mzxid: match[2] === undefined ? undefined : Number.parseInt(match[2], 16) };
}
