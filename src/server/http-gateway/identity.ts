import type { Socket } from "node:net";
import type { Id } from "../../jute/records.js";

/** IPv4 peers of a dual-stack socket are named as IPv4, since ACLs and people do so. */
export function addressOf(socket: Socket): string {
  const address = socket.remoteAddress ?? "";
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

/**
 * What the requests of a connection prove their client to be, for the ACLs of znodes: the address, as of any client of the
 * client port. Credentials in a request are to be looked at here, and nowhere else.
 */
export function idsOf(address: string): readonly Id[] {
  return [{ scheme: "ip", id: address }];
}

/** Whether two requests come from the same client, as far as it has proved who it is. */
export function sameIds(one: readonly Id[], other: readonly Id[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ scheme, id }, at) => scheme === other[at]?.scheme && id === other[at]?.id)
  );
}
