import { USER_ERRORS, UserError } from "../base/user-error.js";
import { type Address, TARGET_NAMES, type TargetName } from "./target.js";

const DEFAULT_PORTS: Readonly<Record<TargetName, number>> = { core: 2181, zookeeper: 2181, etcd: 2379, redis: 6379 };

export interface TargetReference {
  readonly target: TargetName;
  /** Undefined asks for a managed ensemble. */
  readonly addresses: readonly Address[] | undefined;
}

function parseTargetName(text: string, whole: string): TargetName {
  const name = TARGET_NAMES.find((candidate) => candidate === text);
  if (name === undefined) {
    throw new UserError(USER_ERRORS.unknownTarget, { value: whole, known: TARGET_NAMES.join(", ") });
  }
  return name;
}

/** What is said of an address may end up in a log. */
function withoutPasswords(text: string): string {
  return text.replace(/:[^/,@]*@/g, ":…@");
}

function parseAddress(text: string, defaultPort: number, whole: string): Address {
  const refuse = (reason: string): never => {
    throw new UserError(USER_ERRORS.badTargetAddress, { value: withoutPasswords(whole), reason });
  };
  if (text === "") refuse("a host is missing");
  if (text.includes("@")) refuse("user names and passwords cannot be given; write only what stands after the @");
  // An IPv6 address stands in brackets, as in a URL, so that its last colon is not a port's.
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s/@:[\]?#]+))(?::(.*))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) return refuse(`'${text}' is not host:port`);
  if (match[3] === undefined) return { host, port: defaultPort };
  const port = /^\d{1,5}$/.test(match[3]) ? Number(match[3]) : 0;
  if (port < 1 || port > 65_535) refuse(`'${match[3]}' is not a port from 1 to 65535`);
  return { host, port };
}

/**
 * "zookeeper" (managed), "zookeeper://h1:2181,h2:2181" (attached); a port may be left out where it is the usual one.
 * Throws UserError `unknownTarget` or `badTargetAddress`.
 */
export function parseTargetReference(text: string): TargetReference {
  const separator = text.indexOf("://");
  if (separator === -1) return { target: parseTargetName(text, text), addresses: undefined };
  const target = parseTargetName(text.slice(0, separator), text);
  const list = text.slice(separator + 3).replace(/\/$/, "");
  const addresses = list.split(",").map((part) => parseAddress(part, DEFAULT_PORTS[target], text));
  const seen = new Set<string>();
  for (const address of addresses) {
    const written = formatAddress(address);
    if (seen.has(written)) {
      throw new UserError(USER_ERRORS.badTargetAddress, { value: text, reason: `${written} is there twice` });
    }
    seen.add(written);
  }
  return { target, addresses };
}

export function formatAddress(address: Address): string {
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
