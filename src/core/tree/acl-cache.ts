import { assert } from "../../base/assert.js";
import { MalformedBytesError } from "../../base/bytes.js";
import { PERMISSION } from "../../jute/opcodes.js";
import type { Acl } from "../../jute/records.js";

/** The id of the ACL that lets everyone do everything without being listed: that of a null list and of built-in nodes. */
export const OPEN_ACL_ID = -1;

/** The id of a list that a snapshot names and does not hold: nobody passes it. No list ever has it. */
export const UNKNOWN_ACL_ID = 0;

/** `[world:anyone, all]` given as a list is an ACL like any other, with an id of its own; for this one ask by id. */
export const OPEN_ACL: readonly Acl[] = [{ perms: PERMISSION.all, id: { scheme: "world", id: "anyone" } }];
export const READ_ACL: readonly Acl[] = [{ perms: PERMISSION.read, id: { scheme: "world", id: "anyone" } }];

/** Ids are 64-bit in a snapshot, 32-bit in the store's records. */
const ACL_ID_MAX = 2 ** 31 - 1;

interface Entry {
  readonly list: readonly Acl[];
  readonly key: string;
  readonly openPermissions: number;
  usages: number;
}

/**
 * Lists of ACL entries under small numbers, since most nodes share a few. Counts how many nodes use each (upstream:
 * ReferenceCountedACLCache) and forgets a list with its last usage; an id is never given twice.
 */
export class AclCache {
  private readonly entries = new Map<number, Entry>();
  private readonly ids = new Map<string, number>();
  private lastId = 0;

  get size(): number {
    return this.entries.size;
  }

  /** The id for a list, with one more usage counted; null is the open ACL. */
  acquire(list: readonly Acl[] | null): number {
    if (list === null) return OPEN_ACL_ID;
    const key = keyOf(list);
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.lastId + 1;
      this.add(id, list, key);
    }
    this.addUsage(id);
    return id;
  }

  /** For nodes loaded from a snapshot. An id that is not known is tolerated, as upstream does; nobody passes such an ACL. */
  addUsage(id: number): void {
    const entry = this.entries.get(id);
    if (entry !== undefined) entry.usages++;
  }

  release(id: number): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    entry.usages--;
    if (entry.usages <= 0) this.forget(id, entry);
  }

  /** The list under an id; undefined if there is none. */
  get(id: number): readonly Acl[] | undefined {
    return id === OPEN_ACL_ID ? OPEN_ACL : this.entries.get(id)?.list;
  }

  usagesOf(id: number): number {
    return this.entries.get(id)?.usages ?? 0;
  }

  /** The permissions that the ACL gives to everyone, as bits. */
  openPermissions(id: number): number {
    if (id === OPEN_ACL_ID) return PERMISSION.all;
    return this.entries.get(id)?.openPermissions ?? 0;
  }

  isOpenToAll(id: number, permission: number): boolean {
    return (this.openPermissions(id) & permission) !== 0;
  }

  /** Every list with its id, as a snapshot holds them. */
  *lists(): Generator<[id: number, list: readonly Acl[]]> {
    for (const [id, { list }] of this.entries) yield [id, list];
  }

  /** Takes a list from a snapshot, without usages; each node that is loaded adds its own, and `purgeUnused` ends it. */
  load(id: number, list: readonly Acl[]): void {
    if (id < 1 || id > ACL_ID_MAX) throw new MalformedBytesError(`no ACL list can have the id ${id}`);
    this.add(id, list, keyOf(list));
  }

  purgeUnused(): void {
    for (const [id, entry] of this.entries) if (entry.usages <= 0) this.forget(id, entry);
  }

  private add(id: number, list: readonly Acl[], key: string): void {
    assert(id <= ACL_ID_MAX, "ids of ACLs are 32-bit");
    let openPermissions = 0;
    for (const { perms, id: who } of list) {
      if (who.scheme === "world" && who.id === "anyone") openPermissions |= perms;
    }

    this.entries.set(id, { list: [...list], key, openPermissions, usages: 0 });
    this.ids.set(key, id);
    this.lastId = Math.max(this.lastId, id);
  }

  private forget(id: number, entry: Entry): void {
    this.entries.delete(id);
    if (this.ids.get(entry.key) === id) this.ids.delete(entry.key);
  }
}

/** The same for equal lists and for no others: each text is preceded by its length. */
function keyOf(list: readonly Acl[]): string {
  let key = "";
  for (const { perms, id } of list) key += `${perms},${textKey(id.scheme)}${textKey(id.id)}`;
  return key;
}

function textKey(text: string | null): string {
  return text === null ? "-" : `${text.length}:${text}`;
}
