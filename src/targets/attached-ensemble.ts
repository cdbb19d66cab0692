import { AssertionError } from "../base/assert.js";
import { USER_ERRORS, UserError } from "../base/user-error.js";
import { formatAddress } from "./address.js";
import { findLeader } from "./leader.js";
import type { Address, Ensemble, Member, MemberRole, TargetName } from "./target.js";

/** What can be asked of a server that someone else runs. */
export interface AttachedProbe {
  role(): Promise<MemberRole>;
  /** Undefined where it does not answer; throws UserError where it serves others, but not us. */
  version(): Promise<string | undefined>;
}

function attachedMember(id: number, client: Address, http: Address | undefined, probe: AttachedProbe): Member {
  const refuse = async (): Promise<never> => {
    throw new AssertionError(`member ${id} is attached: it has no process of ours to act upon`);
  };
  return {
    id,
    client,
    http,
    pid: undefined,
    role: () => probe.role(),
    usage: async () => undefined,
    kill: refuse,
    restart: refuse,
    pause: refuse,
    resume: refuse,
  };
}

/** `httpOf` tells where a server serves HTTP. Throws UserError `attachFailed` where none of the addresses answers. */
export async function attach(
  target: TargetName,
  addresses: readonly Address[],
  probeOf: (address: Address) => AttachedProbe,
  httpOf: (address: Address) => Address | undefined = () => undefined,
): Promise<Ensemble> {
  const probes = addresses.map(probeOf);
  const versions = await Promise.all(probes.map((probe) => probe.version()));
  const version = versions.find((answer) => answer !== undefined);
  if (version === undefined) {
    throw new UserError(USER_ERRORS.attachFailed, { target, addresses: addresses.map(formatAddress).join(", ") });
  }
  const members = addresses.map((address, index) =>
    attachedMember(index + 1, address, httpOf(address), probes[index]!),
  );
  return {
    target,
    managed: false,
    version,
    flags: {},
    members,
    folder: undefined,
    leader: async () => await findLeader(members),
    stop: async () => undefined,
  };
}
