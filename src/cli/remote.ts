import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import type { Command } from "commander";
import { USER_ERRORS, UserError } from "../base/user-error.js";
import type { TargetReference } from "../targets/address.js";

/** All addresses of a host. */
export type ResolveHost = (host: string) => Promise<readonly LookupAddress[]>;

const systemLookup: ResolveHost = (host) => lookup(host, { all: true });

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");
LOOPBACK.addSubnet("::ffff:127.0.0.0", 104, "ipv6");

function isLoopback({ address, family }: LookupAddress): boolean {
  return LOOPBACK.check(address, family === 6 ? "ipv6" : "ipv4");
}

/**
 * Load is for one's own servers, and a slip in an address makes it an attack on somebody else's: unless the user says so,
 * every address of every host has to be of this machine. Nothing is sent to them. Throws UserError `remoteHost`.
 */
export async function requireLoopback(
  hosts: readonly string[],
  allowRemote: boolean,
  resolve: ResolveHost = systemLookup,
): Promise<void> {
  if (allowRemote) return;
  for (const host of new Set(hosts)) {
    let addresses: readonly LookupAddress[];
    try {
      const family = isIP(host.split("%")[0]!);
      addresses = family === 0 ? await resolve(host) : [{ address: host.split("%")[0]!, family }];
    } catch (error) {
      throw new UserError(USER_ERRORS.remoteHost, { host, reason: (error as Error).message });
    }
    const remote = addresses.find((address) => !isLoopback(address));
    if (remote !== undefined) throw new UserError(USER_ERRORS.remoteHost, { host, reason: `it is ${remote.address}` });
    if (addresses.length === 0) throw new UserError(USER_ERRORS.remoteHost, { host, reason: "it has no address" });
  }
}

/** Those that targets are attached by. */
export function hostsOf(references: readonly TargetReference[]): readonly string[] {
  return references.flatMap(({ addresses }) => (addresses ?? []).map(({ host }) => host));
}

/** The host of a URL, without brackets. Throws UserError `badUrl`. */
export function hostOfUrl(url: string): string {
  try {
    return new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
  } catch {
    throw new UserError(USER_ERRORS.badUrl, { value: url });
  }
}

/** Adds the option with which `requireLoopback` is told that remote hosts are meant. */
export function withAllowRemote(command: Command): Command {
  return command.option("--allow-remote", "load servers on other machines, which you answer for", false);
}
