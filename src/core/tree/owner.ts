/** The owner of a container node, as stored (upstream: EphemeralType). */
export const CONTAINER_OWNER = -(2n ** 63n);
/** A TTL node's owner has this top byte, 0 in the next two, and the TTL in milliseconds in the low five. */
export const TTL_OWNER = -(2n ** 56n);
export const TTL_MS_MAX = 2 ** 40 - 1;

export type OwnerKind = "persistent" | "ephemeral" | "container" | "ttl";

const CONTAINER_HIGH = -(2 ** 31);
/** The top three bytes of a TTL owner: 0xff and the feature number 0. */
const TTL_HIGH_MASK = 0xffff_ff00 | 0;
const TTL_HIGH = 0xff00_0000 | 0;

/**
 * What kind of node an owner makes, from the owner's two words. Without extended types (upstream:
 * `zookeeper.extendedTypesEnabled`) the owner of a TTL node is a session like any other.
 */
export function ownerKind(high: number, low: number, extendedTypes: boolean): OwnerKind {
  if (high === 0 && low === 0) return "persistent";
  if (high === CONTAINER_HIGH && low === 0) return "container";
  if (extendedTypes && (high & TTL_HIGH_MASK) === TTL_HIGH) return "ttl";
  return "ephemeral";
}
