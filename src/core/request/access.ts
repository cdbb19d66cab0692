import { ERROR } from "../../jute/errors.js";
import type { Acl, Id } from "../../jute/records.js";

/** Schemes whose ids prove who somebody is, so that the pseudo scheme `auth` may stand for them; `ip` does not. */
const AUTHENTICATING_SCHEMES = new Set(["digest"]);

const PERMS_BYTES = 4;

function ipv4Bits(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let bits = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    bits = bits * 256 + Number(part);
  }
  return bits;
}

interface AddressRange {
  readonly bits: number;
  readonly prefixLength: number;
}

/** "10.0.0.1" or "10.0.0.0/8". */
function parseAddressRange(text: string): AddressRange | undefined {
  const [address, length, ...rest] = text.split("/");
  const bits = ipv4Bits(address!);
  if (bits === undefined || rest.length > 0) return undefined;
  if (length === undefined) return { bits, prefixLength: 32 };
  if (!/^\d{1,2}$/.test(length) || Number(length) > 32) return undefined;
  return { bits, prefixLength: Number(length) };
}

function addressMatches(address: string, range: string): boolean {
  if (address === range) return true;
  const wanted = parseAddressRange(range);
  const bits = ipv4Bits(address);
  if (wanted === undefined || bits === undefined) return false;
  const shift = 2 ** (32 - wanted.prefixLength);
  return Math.floor(bits / shift) === Math.floor(wanted.bits / shift);
}

/** Whether one of `ids` holds one of the wanted permission bits by `acl` (upstream: ZooKeeperServer.checkACL). */
export function permits(acl: readonly Acl[], wanted: number, ids: readonly Id[]): boolean {
  if (acl.length === 0) return true;
  if (isSuper(ids)) return true;
  for (const entry of acl) {
    if ((entry.perms & wanted) === 0) continue;
    const { scheme, id } = entry.id;
    if (scheme === "world" && id === "anyone") return true;
    for (const held of ids) {
      if (held.scheme !== scheme) continue;
      if (scheme === "ip" ? addressMatches(held.id ?? "", id ?? "") : held.id === id) return true;
    }
  }
  return false;
}

export function isSuper(ids: readonly Id[]): boolean {
  return ids.some((id) => id.scheme === "super");
}

function isValidId(scheme: string, id: string): boolean {
  if (scheme === "digest") return id.split(":").length === 2;
  if (scheme === "ip") return parseAddressRange(id) !== undefined;
  return false;
}

/** What an id takes in a packet, in bytes. */
export function idBytes({ scheme, id }: Id): number {
  return 8 + Buffer.byteLength(scheme ?? "") + Buffer.byteLength(id ?? "");
}

/** What is left for the ids that `auth` stands for to be written out in one transaction. */
export interface WrittenOutBudget {
  bytesLeft: number;
}

/**
 * The ACL that a create or setACL really sets: duplicates dropped, `auth` replaced by the ids that the connection has
 * proved (upstream: PrepRequestProcessor.fixupACL). Returns INVALIDACL where that leaves nothing, an id is not valid, or
 * the ids written out are beyond the budget, which upstream does not limit.
 */
export function effectiveAcl(
  asked: readonly Acl[] | null,
  ids: readonly Id[],
  budget: WrittenOutBudget,
): readonly Acl[] | typeof ERROR.INVALIDACL {
  if (asked === null || asked.length === 0) return ERROR.INVALIDACL;
  const effective = new Map<string, Acl>();
  const add = (perms: number, id: Id): void => {
    effective.set(`${perms}\0${id.scheme}\0${id.id}`, { perms, id });
  };
  for (const { perms, id } of asked) {
    if (id.scheme === null || id.id === null) return ERROR.INVALIDACL;
    if (id.scheme === "world") {
      if (id.id !== "anyone") return ERROR.INVALIDACL;
      add(perms, id);
    } else if (id.scheme === "auth") {
      const proved = ids.filter((held) => AUTHENTICATING_SCHEMES.has(held.scheme ?? ""));
      if (proved.length === 0) return ERROR.INVALIDACL;
      for (const held of proved) {
        const count = effective.size;
        add(perms, held);
        if (effective.size > count) budget.bytesLeft -= PERMS_BYTES + idBytes(held);
        if (budget.bytesLeft < 0) return ERROR.INVALIDACL;
      }
    } else if (isValidId(id.scheme, id.id)) {
      add(perms, id);
    } else {
      return ERROR.INVALIDACL;
    }
  }
  return [...effective.values()];
}

/** What getACL shows to a connection without ADMIN: the hash of a digest id is replaced by `x`. */
export function maskDigests(acl: readonly Acl[]): readonly Acl[] {
  return acl.map(({ perms, id }) =>
    id.scheme === "digest"
      ? { perms, id: { scheme: id.scheme, id: `${(id.id ?? "").split(":")[0]}:x` } }
      : { perms, id },
  );
}
