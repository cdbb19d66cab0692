import type { MultiWriteOperation } from "../jute/multi.js";
import { CREATE_MODE, type CreateMode, OP, PERMISSION } from "../jute/opcodes.js";
import type { Acl } from "../jute/records.js";

export const OPEN_ACL: readonly Acl[] = [{ perms: PERMISSION.all, id: { scheme: "world", id: "anyone" } }];
export const READ_ACL: readonly Acl[] = [{ perms: PERMISSION.read, id: { scheme: "world", id: "anyone" } }];
/** Everything, to whoever the connection is authenticated as. */
export const CREATOR_ACL: readonly Acl[] = [{ perms: PERMISSION.all, id: { scheme: "auth", id: "" } }];

export interface CreateOptions {
  /** "persistent" where left out. */
  readonly mode?: CreateMode;
  /** Open to everybody where left out. */
  readonly acl?: readonly Acl[];
  /** For the modes with TTL only, and there needed: milliseconds without change after which the node goes. */
  readonly ttlMs?: number;
}

export type CreateOperation = Extract<
  MultiWriteOperation,
  { readonly type: typeof OP.create2 | typeof OP.createContainer | typeof OP.createTTL }
>;

/** The request of a create: the opcode depends on the mode, and all of them answer with path and stat. */
export function createTemplate(
  path: string,
  data: Uint8Array | null,
  options: CreateOptions,
  defaultAcl: readonly Acl[],
): CreateOperation {
  const mode = options.mode ?? "persistent";
  const request = { path, data, acl: options.acl ?? defaultAcl, flags: CREATE_MODE[mode] };
  switch (mode) {
    case "persistentWithTTL":
    case "persistentSequentialWithTTL":
      return { type: OP.createTTL, request: { ...request, ttl: BigInt(options.ttlMs ?? 0) } };
    case "container":
      return { type: OP.createContainer, request };
    default:
      return { type: OP.create2, request };
  }
}

/** True where the server appends a number to the name. */
export function isSequential(mode: CreateMode | undefined): boolean {
  return mode === "persistentSequential" || mode === "ephemeralSequential" || mode === "persistentSequentialWithTTL";
}
